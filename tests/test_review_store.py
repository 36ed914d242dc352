"""Committing runs to the review table: what is overwritten, what stays, and who may interfere."""

import dataclasses
import subprocess
import sys
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text

from scrubtrace.review import store
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import (
    StoredItem,
    UpsertCounts,
    iter_items,
    record_run,
    upsert_items,
    withdraw_flags,
)
from scrubtrace.review.table import review_items, review_runs
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.review import ReviewItem, ReviewRun

ITEM = ReviewItem(
    item_key=item_key("chats", "part-0.parquet", 0),
    dataset="chats",
    shard="part-0.parquet",
    row_index=0,
    row_id="row-0",
    occurrence=0,
    field="text",
    turn=None,
    language="en",
    groups={"vendor": "acme", "stage": "sft"},
    text_digest="d" * 64,
    key_id="0123456789ab",
    text_chars=40,
    evidence_fingerprint="e" * 16,
    flagged=True,
    kind="llm_text",
    priority=10,
    why="one strong phrase",
    policy="p1",
    detectors=[{"name": "boilerplate", "version": "1", "lane": "trace", "fingerprint": "f1"}],
    evidence=[{"signal": "refusal", "start": 0, "end": 5, "score": None}],
    spans_left_out=0,
    snippet="Sorry, the lighthouse has no lift today.",
    snippet_start=0,
)
RUN = ReviewRun("2026-01-01T00", "chats", "0123456789ab", "a" * 64, 1, 0)
FIRST, SECOND, THIRD = "20260101T000000Z-a", "20260102T000000Z-b", "20260103T000000Z-c"

UPSERT = """
import sys
from dataclasses import replace
sys.path.insert(0, sys.argv[3])
from test_review_store import ITEM
from scrubtrace.review.connection import open_review
from scrubtrace.review.store import upsert_items
engine = open_review(sys.argv[1])
run = sys.argv[2]
numbers = range(3000) if run < "r2" else reversed(range(3000))
print("ready", flush=True)
sys.stdin.readline()
upsert_items(engine, (replace(ITEM, item_key=f"r{n:08}", why=run) for n in numbers), run)
"""


def numbered(count: int, **changes: Any) -> list[ReviewItem]:
    return [
        dataclasses.replace(ITEM, item_key=f"r{number:08}", row_index=number, **changes)
        for number in range(count)
    ]


def only(engine: Engine) -> StoredItem:
    (stored,) = iter_items(engine)
    return stored


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"row_id": None, "turn": 3, "groups": {}, "evidence": [], "detectors": []},
        {"row_id": "", "snippet": "灯台には\u2028\U0001f5fc⟦\r\n'=1+1", "language": "ja"},
        {"row_index": 2**40, "priority": 2**40, "text_chars": 2**40},
        {"evidence": [{"signal": "nul\0", "start": 1, "end": 2, "score": 0.1 + 0.2}]},
    ],
    ids=["plain", "nulls", "scripts", "large", "json"],
)
def test_an_item_comes_back_changed(engine: Engine, changes: dict[str, Any]) -> None:
    item = dataclasses.replace(ITEM, **changes)
    assert upsert_items(engine, [item], FIRST) == UpsertCounts(1, 0, 0)
    assert only(engine) == StoredItem(item, FIRST, FIRST, 1)


def test_nul_in_a_text_stops_the_commit_or_moves_offsets(engine: Engine) -> None:
    item = dataclasses.replace(ITEM, snippet="a\0b", row_id="\0", groups={"vendor": "\0"})
    upsert_items(engine, [item], FIRST)
    stored = only(engine).item
    assert (stored.snippet, stored.row_id, stored.groups) == ("a␀b", "␀", {"vendor": "␀"})


@pytest.mark.parametrize(
    ("changes", "version"),
    [
        ({}, 1),
        ({"why": "two strong phrases", "priority": 1, "snippet": "the lighthouse"}, 1),
        ({"language": "de", "groups": {"vendor": "other"}, "shard": "part-9.parquet"}, 1),
        ({"text_digest": "c" * 64}, 2),
        ({"evidence_fingerprint": "b" * 16}, 2),
        ({"flagged": False}, 2),
        ({"kind": "spun_text"}, 2),
        ({"text_digest": "c" * 64, "flagged": False, "kind": "spun_text"}, 2),
    ],
)
def test_a_newer_run_does_not_update_an_item(
    engine: Engine, changes: dict[str, Any], version: int
) -> None:
    seen_again = dataclasses.replace(ITEM, **changes)
    upsert_items(engine, [ITEM], FIRST)
    assert upsert_items(engine, [seen_again], SECOND) == UpsertCounts(0, 1, 0)
    assert only(engine) == StoredItem(seen_again, FIRST, SECOND, version)


@pytest.mark.parametrize("late", [FIRST, SECOND], ids=["older run", "same run"])
def test_an_older_or_the_same_run_overwrites_an_item(engine: Engine, late: str) -> None:
    upsert_items(engine, [ITEM], SECOND)
    changed = dataclasses.replace(ITEM, why="other", text_digest="c" * 64, flagged=False)
    assert upsert_items(engine, [changed], late) == UpsertCounts(0, 0, 1)
    assert only(engine) == StoredItem(ITEM, SECOND, SECOND, 1)


def test_run_ids_are_compared_by_a_locale(engine: Engine) -> None:
    # In byte order "-" < "0" < "Z" < "a"; dictionaries skip "-" and ignore case.
    upsert_items(engine, [ITEM], "2026-Z")
    assert upsert_items(engine, [ITEM], "2026-a").updated == 1
    assert upsert_items(engine, [ITEM], "20260").updated == 1
    assert upsert_items(engine, [ITEM], "2026-b").unchanged == 1


def test_a_commit_repeated_after_it_was_interrupted_loses_or_doubles_items(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SORTED_ITEMS", 1_000)
    items = numbered(2_500)

    def interrupted() -> Iterator[ReviewItem]:
        yield from items[:2_400]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        upsert_items(engine, interrupted(), FIRST)
    assert len(list(iter_items(engine))) == 2_000
    assert upsert_items(engine, items, FIRST) == UpsertCounts(500, 0, 2_000)
    assert upsert_items(engine, items, FIRST) == UpsertCounts(0, 0, 2_500)
    assert {stored.row_version for stored in iter_items(engine)} == {1}


def test_counts_mix_up_new_and_known_items(engine: Engine) -> None:
    upsert_items(engine, numbered(1_200), SECOND)
    assert upsert_items(engine, numbered(1_500), THIRD) == UpsertCounts(300, 1_200, 0)
    assert upsert_items(engine, numbered(1_501), SECOND) == UpsertCounts(1, 0, 1_500)
    assert upsert_items(engine, [], THIRD) == UpsertCounts(0, 0, 0)


def test_one_key_twice_in_a_run_fails_or_keeps_the_last(engine: Engine) -> None:
    twice = [ITEM, dataclasses.replace(ITEM, why="again")]
    assert upsert_items(engine, twice, FIRST) == UpsertCounts(1, 0, 1)
    assert only(engine).item.why == ITEM.why


def test_items_come_out_of_order_or_past_the_filters(engine: Engine) -> None:
    items = [
        dataclasses.replace(
            item,
            priority=item.row_index % 7,
            dataset=f"d{item.row_index % 2}",
            kind=("llm_text", "api_format", "spun_text")[item.row_index % 3],
            flagged=item.row_index % 5 == 0,
        )
        for item in numbered(2_100)
    ]
    upsert_items(engine, reversed(items), FIRST)
    filters: list[dict[str, Any]] = [
        {},
        {"dataset": "d1"},
        {"kind": "api_format"},
        {"flagged": True},
        {"flagged": False},
        {"dataset": "d0", "kind": "spun_text", "flagged": True},
        {"dataset": "none"},
    ]
    for wanted in filters:
        kept = [i for i in items if all(getattr(i, k) == v for k, v in wanted.items())]
        expected = sorted(kept, key=lambda item: (item.priority, item.item_key))
        assert [stored.item for stored in iter_items(engine, **wanted)] == expected


def test_items_of_a_run_committed_while_reading_show(engine: Engine) -> None:
    upsert_items(engine, numbered(2_500, why="first"), FIRST)
    reading = iter_items(engine)
    seen = [next(reading)]
    upsert_items(engine, numbered(2_600, why="second", priority=0), SECOND)
    seen += reading
    assert len({stored.item.item_key for stored in seen}) == len(seen) == 2_500
    assert {stored.item.why for stored in seen} == {"first"}


def test_reading_in_order_sorts_the_whole_table(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    columns = review_items.c
    query = select(review_items).order_by(columns.priority, columns.item_key)
    for wanted in (
        query,
        query.where(columns.flagged == True),  # noqa: E712
        query.where(columns.flagged == True, columns.dataset == "chats"),  # noqa: E712
    ):
        sql = wanted.compile(engine, compile_kwargs={"literal_binds": True})
        with engine.connect() as connection:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}").all()
        assert not [step for step in plan if "TEMP B-TREE" in step[3]]


def test_a_run_recorded_again_changes(engine: Engine) -> None:
    before = datetime.now(UTC)
    record_run(engine, RUN)
    with engine.connect() as connection:
        first = connection.execute(select(review_runs)).mappings().all()
    record_run(engine, RUN)
    with engine.connect() as connection:
        assert connection.execute(select(review_runs)).mappings().all() == first
    recorded = dict(first[0])
    assert recorded.pop("committed_at") - before < timedelta(minutes=10)
    assert recorded == dataclasses.asdict(RUN)


def test_another_manifest_of_a_run_is_lost(engine: Engine) -> None:
    record_run(engine, RUN)
    again = dataclasses.replace(RUN, manifest_sha256="b" * 64, flagged=7)
    record_run(engine, again)
    with engine.connect() as connection:
        (recorded,) = connection.execute(select(review_runs)).mappings().all()
    assert {name: recorded[name] for name in dataclasses.asdict(again)} == dataclasses.asdict(again)


def test_a_run_judged_by_another_policy_keeps_its_old_flags(engine: Engine) -> None:
    gone = dataclasses.replace(ITEM, item_key="r" + "9" * 32)
    upsert_items(engine, [ITEM, gone], FIRST)
    anew = dataclasses.replace(ITEM, policy="p2", why="under the second policy")
    assert upsert_items(engine, [anew], FIRST) == UpsertCounts(0, 1, 0)
    assert withdraw_flags(engine, FIRST, "p2") == 1
    stored = {entry.item.item_key: entry for entry in iter_items(engine)}
    assert stored[ITEM.item_key] == StoredItem(anew, FIRST, FIRST, 1)
    assert not stored[gone.item_key].item.flagged
    assert stored[gone.item_key].row_version == 2
    assert stored[gone.item_key].unseen_run == FIRST
    assert withdraw_flags(engine, FIRST, "p2") == 0
    assert upsert_items(engine, [ITEM, gone], FIRST) == UpsertCounts(0, 2, 0)
    assert [(e.item.flagged, e.unseen_run) for e in iter_items(engine)] == [(True, None)] * 2


@pytest.mark.parametrize(
    "changes",
    [
        {"why": None},
        {"row_index": "lighthouse"},
        {"evidence": [{"signal": "s", "score": float("nan")}]},
        {"evidence": [{"signal": {"lighthouse"}}]},
    ],
    ids=["null", "type", "not a number", "not JSON"],
)
def test_row_text_shows_in_an_error(engine: Engine, changes: dict[str, Any]) -> None:
    if changes.get("row_index") and engine.dialect.name == "sqlite":
        pytest.skip("SQLite stores any type in any column")
    # psycopg lets the error of the JSON encoder through, SQLite's wraps it.
    with pytest.raises((ReviewError, ValueError, TypeError)) as caught:
        upsert_items(engine, [dataclasses.replace(ITEM, **changes)], FIRST)
    assert "evidence" in changes or isinstance(caught.value, ReviewError)
    assert "lighthouse" not in "".join(traceback.format_exception(caught.value))
    assert not list(iter_items(engine))


def test_a_missing_table_is_an_sqlalchemy_error(engine: Engine) -> None:
    with writing(engine) as connection:
        connection.execute(text("DROP TABLE review_items"))
    with pytest.raises(ReviewError, match="cannot read the review database"):
        list(iter_items(engine))


def test_two_processes_that_commit_at_once_fail_or_mix_items(engine: Engine, url: str) -> None:
    # They go through the same keys in opposite orders, which is how locks make a circle.
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", UPSERT, url, run, str(Path(__file__).parent)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for run in ("r1", "r2")
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("\n")
        writer.stdin.flush()
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 2
    stored = list(iter_items(engine))
    assert len(stored) == 3_000
    assert {(item.last_run, item.item.why) for item in stored} == {("r2", "r2")}


def test_an_item_that_another_run_inserts_meanwhile_counts_as_updated(database_url: str) -> None:
    """SQLite's write lock keeps the other run out until the first is done."""
    engine, other = open_review(database_url), open_review(database_url)
    older, newer = "20260101T020000.000000-aaaaaa", "20260102T020000.000000-aaaaaa"

    @event.listens_for(engine, "before_cursor_execute")
    def come_in_between(*arguments: Any) -> None:
        if arguments[2].startswith("INSERT INTO review_items"):
            upsert_items(other, [ITEM], older)

    again = [ITEM, dataclasses.replace(ITEM, item_key="r1")]
    assert upsert_items(engine, again, newer) == UpsertCounts(inserted=1, updated=1, unchanged=0)
    assert {stored.last_run for stored in iter_items(engine)} == {newer}
    engine.dispose()
    other.dispose()
