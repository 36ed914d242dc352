"""The event log: its chain, what it records, what `verify` sees, what cannot be changed."""

import dataclasses
import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from decision_files import unprotected
from samples import ITEM
from sqlalchemy import Engine, delete, insert, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError

from scrubtrace.review import connection as opening
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.store import iter_items, record_run, upsert_items
from scrubtrace.review.table import METADATA, review_events, review_items, review_versions
from scrubtrace.review.texts import link_digests, text_ids
from scrubtrace.review.trail import events
from scrubtrace.review.trail.events import (
    BEFORE_ALL,
    EventKind,
    append_event,
    head,
    is_in_log,
    lock_log,
)
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.review import ReviewRun

RUN = ReviewRun("20260101T000000Z-a", "chats", ITEM.key_id, "a" * 64, 2, 1)
NEXT = dataclasses.replace(RUN, run_id="20260102T000000Z-b", manifest_sha256="b" * 64)


def add(engine: Engine, count: int = 1) -> None:
    for number in range(count):
        with writing(engine) as connection:
            lock_log(connection)
            append_event(connection, EventKind.EXPORT, {"rows": number}, actor="anna")


def rows(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        query = select(review_events).order_by(review_events.c.seq)
        return [dict(row) for row in connection.execute(query).mappings()]


def test_the_hash_is_the_documented_one(engine: Engine) -> None:
    add(engine, 2)
    first, second = rows(engine)
    at = first["at"].isoformat(timespec="microseconds")
    content = f'[1,"{at}","{first["actor"]}","exported","{{\\"rows\\":0}}","{"0" * 64}"]'
    assert first["hash"] == hashlib.sha256(content.encode()).hexdigest()
    assert second["previous"] == first["hash"]
    assert head(engine) == second["hash"]


def test_a_log_without_events_is_whole(engine: Engine) -> None:
    assert head(engine) == BEFORE_ALL
    found = verify(engine, [BEFORE_ALL])
    assert (found.events, found.decisions, found.problems) == (0, 0, [])


def test_times_never_go_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    class EarlyClock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "datetime":
            return datetime.now(tz) - timedelta(days=1)

    add(engine)
    with monkeypatch.context() as patch:
        patch.setattr(events, "datetime", EarlyClock)
        add(engine)
    first, second = rows(engine)
    assert second["at"] == first["at"] > datetime.now(UTC) - timedelta(hours=1)


@pytest.mark.parametrize(
    "statement",
    [
        update(review_events).values(actor="nobody"),
        delete(review_events),
        text("UPDATE review_decisions SET decision = 'dismiss'"),
        text("DELETE FROM review_decisions WHERE decision = 'concur'"),
    ],
    ids=["update events", "delete events", "update decisions", "delete decisions"],
)
def test_what_is_append_only_is_not_changed(
    engine: Engine, statement: Any, request: pytest.FixtureRequest
) -> None:
    add(engine)
    with writing(engine) as connection:
        connection.execute(_DECISION)
    with pytest.raises(SQLAlchemyError, match="append-only"), engine.begin() as connection:
        connection.execute(statement)
    if engine.dialect.name == "postgresql":
        with pytest.raises(SQLAlchemyError, match="append-only"), engine.begin() as connection:
            connection.execute(text("TRUNCATE review_decisions"))
    else:
        replacing = (
            str(_DECISION).replace("INSERT", "INSERT OR REPLACE").replace("concur", "dismiss")
        )
        with pytest.raises(SQLAlchemyError, match="append-only"), engine.begin() as connection:
            connection.execute(text(replacing))
    assert len(rows(engine)) == 1


_DECISION = text(
    "INSERT INTO review_decisions VALUES ('d1', 't', 'k', 'r', 'chats', 'row', 'concur', '', '',"
    " 'anna', 'run', 'f', 1, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 'b', 2, 9, '')"
)


def test_a_committed_run_is_one_event_however_often(engine: Engine) -> None:
    for run in (RUN, RUN, NEXT, RUN):
        record_run(engine, run)
    recorded = [json.loads(row["payload"]) for row in rows(engine)]
    assert recorded == [dataclasses.asdict(RUN), dataclasses.asdict(NEXT)]
    assert verify(engine).problems == []
    record_run(engine, dataclasses.replace(RUN, manifest_sha256="c" * 64))
    assert len(rows(engine)) == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (update(review_events).values(actor="nobody").where(review_events.c.seq == 2),
         "event 2 was changed: its hash is another one"),
        (update(review_events).values(payload="{}").where(review_events.c.seq == 2),
         "event 2 was changed: its hash is another one"),
        (delete(review_events).where(review_events.c.seq == 2),
         "event 2 is missing: the next is 3"),
        (update(review_events).values(hash="f" * 64).where(review_events.c.seq == 1),
         "event 1 was changed: its hash is another one"),
        (update(review_events).values(previous="f" * 64).where(review_events.c.seq == 3),
         "event 3 does not follow the event before"),
        (_DECISION, "1 decisions name event 9, which is not an import"),
        (text("UPDATE review_runs SET manifest_sha256 = 'x'"),
         f"run {RUN.run_id}: another manifest is recorded than in its event"),
    ],
)  # fmt: skip
def test_what_was_changed_is_told(engine: Engine, change: Any, problem: str) -> None:
    add(engine, 3)
    record_run(engine, RUN)
    unprotected(engine, change)
    assert problem in verify(engine).problems


def test_events_taken_from_the_end_show_by_a_head_kept_elsewhere(engine: Engine) -> None:
    add(engine, 2)
    kept = head(engine)
    add(engine)
    assert verify(engine, [kept, head(engine)]).problems == []
    unprotected(engine, delete(review_events).where(review_events.c.seq >= 2))
    assert verify(engine).problems == []
    assert verify(engine, [kept]).problems == [
        f"head {kept} is not in the log: later events were taken out"
    ]
    assert not is_in_log(engine, kept)


def test_writers_at_once_make_one_chain(url: str) -> None:
    open_review(url).dispose()

    def write() -> None:
        own = open_review(url)
        add(own, 10)
        own.dispose()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    engine = open_review(url)
    found = verify(engine)
    engine.dispose()
    assert (found.events, found.problems) == (40, [])


def test_a_transaction_that_is_rolled_back_leaves_no_event(engine: Engine) -> None:
    def interrupted() -> None:
        with writing(engine) as connection:
            append_event(connection, EventKind.EXPORT, {})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert rows(engine) == []


def test_earlier_versions_of_an_item_are_kept(engine: Engine) -> None:
    changed = dataclasses.replace(ITEM, text_digest="c" * 64, evidence_fingerprint="f" * 16)
    for run, item in (("run1", ITEM), ("run2", ITEM), ("run3", changed), ("run4", changed)):
        upsert_items(engine, [item], run)
    with engine.connect() as connection:
        (version,) = connection.execute(select(review_versions)).all()
    of_item = (ITEM.item_key, 1, ITEM.text_digest, ITEM.key_id, ITEM.evidence_fingerprint)
    assert tuple(version) == (*of_item, "run2")


def test_digests_of_one_text_by_several_keys_have_one_id(engine: Engine) -> None:
    old = dataclasses.replace(ITEM, text_digest="o" * 64, key_id="old")
    upsert_items(engine, [old, dataclasses.replace(old, item_key="r2")], "run1")
    known = {"old": "o" * 64}
    new = dataclasses.replace(ITEM, text_digest="n" * 64, key_id="new", earlier_digests=known)
    for run in ("run2", "run3"):
        upsert_items(engine, [new], run)
    newest = dataclasses.replace(
        ITEM, text_digest="z" * 64, key_id="z", earlier_digests={"new": "n" * 64} | known
    )
    other = dataclasses.replace(
        newest, text_digest="y" * 64, earlier_digests={"new": "x" * 64, "old": "w" * 64}
    )
    assert link_digests(engine, [newest, other]) == 1
    with engine.connect() as connection:
        ids = text_ids(connection, [letter * 64 for letter in "onzyx"])
    assert ids == {letter * 64: "o" * 64 for letter in "onz"} | {
        letter * 64: letter * 64 for letter in "yx"
    }
    assert [row["kind"] for row in rows(engine)] == [EventKind.ROTATION] * 2


def test_a_table_of_the_first_version_is_upgraded_with_its_items(url: str) -> None:
    engine = _of_first_version(url)
    columns = [c for c in review_items.columns if c.name != "unseen_run"]
    values = dataclasses.asdict(ITEM) | {"first_run": "r1", "last_run": "r1", "row_version": 3}
    first = {column.name: values.get(column.name) for column in columns}
    with engine.begin() as connection:
        table = METADATA.tables["review_items"]
        connection.execute(insert(table), [first])
    engine.dispose()
    engine = open_review(url)
    (stored,) = iter_items(engine)
    assert (stored.item.item_key, stored.row_version, stored.unseen_run) == (ITEM.item_key, 3, None)
    assert inspect(engine).has_table("review_decisions")
    assert verify(engine).problems == []
    engine.dispose()


def _of_first_version(url: str) -> Engine:
    parsed = opening.parse_url(url)
    is_file = parsed.drivername == "sqlite"
    engine = opening._sqlite(parsed) if is_file else opening.postgresql_engine(parsed)
    config = opening._alembic_config()
    with writing(engine) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
    return engine
