"""Items that a run should have found again but did not: flags go, nothing else changes."""

from dataclasses import replace
from typing import Any

import pytest
from samples import ITEM
from sqlalchemy import Engine, event

from scrubtrace.review.connection import open_review
from scrubtrace.review.store import iter_items, upsert_items, withdraw_unseen

FIRST, SECOND = "20260101T020000.000000-aaaaaa", "20260102T020000.000000-aaaaaa"
THIRD = "20260103T020000.000000-aaaaaa"


@pytest.mark.parametrize(
    ("changes", "scope", "withdrawn"),
    [
        ({}, {"part-0.parquet": {"boilerplate", "redaction"}}, True),
        ({}, {"part-0.parquet": {"boilerplate"}}, True),
        ({}, {"part-0.parquet": {"redaction"}}, False),
        ({}, {"part-0.parquet": set()}, False),
        ({}, {"b.parquet": {"boilerplate"}}, False),
        ({"dataset": "other"}, {"part-0.parquet": {"boilerplate"}}, False),
        ({"flagged": False}, {"part-0.parquet": {"boilerplate"}}, False),
    ],
)
def test_only_what_the_run_looked_for_loses_its_flag(
    engine: Engine, changes: dict[str, object], scope: dict[str, set[str]], withdrawn: bool
) -> None:
    upsert_items(engine, [replace(ITEM, **changes)], FIRST)
    assert withdraw_unseen(engine, SECOND, "chats", scope) == withdrawn
    (stored,) = iter_items(engine)
    assert stored.item.flagged == (replace(ITEM, **changes).flagged and not withdrawn)
    assert stored.row_version == 1 + withdrawn
    assert stored.last_run == FIRST
    assert withdraw_unseen(engine, SECOND, "chats", scope) == 0


def test_items_that_the_run_saw_keep_their_flags(engine: Engine) -> None:
    items = [replace(ITEM, item_key=f"r{number}") for number in range(2500)]
    upsert_items(engine, items, FIRST)
    upsert_items(engine, items[:1200], SECOND)
    assert withdraw_unseen(engine, SECOND, "chats", {"part-0.parquet": {"boilerplate"}}) == 1300
    flagged = {stored.item.item_key for stored in iter_items(engine, flagged=True)}
    assert flagged == {item.item_key for item in items[:1200]}


def test_items_that_are_stored_stay_as_they_are_with_only_new(engine: Engine) -> None:
    upsert_items(engine, [ITEM], FIRST)
    changed = replace(ITEM, flagged=False)
    counts = upsert_items(engine, [changed, replace(ITEM, item_key="r1")], SECOND, only_new=True)
    assert (counts.inserted, counts.updated, counts.unchanged) == (1, 0, 1)
    stored = {s.item.item_key: (s.item.flagged, s.last_run) for s in iter_items(engine)}
    assert stored == {"r00000000": (True, FIRST), "r1": (True, SECOND)}


def test_what_a_newer_run_sees_meanwhile_keeps_its_flag(database_url: str) -> None:
    """SQLite's write lock keeps the newer run out until the older one is done."""
    engine, other = open_review(database_url), open_review(database_url)
    upsert_items(engine, [ITEM, replace(ITEM, item_key="r1")], FIRST)

    @event.listens_for(engine, "before_cursor_execute")
    def come_in_between(*arguments: Any) -> None:
        if arguments[2].startswith("UPDATE review_items"):
            upsert_items(other, [ITEM], THIRD)

    assert withdraw_unseen(engine, SECOND, "chats", {"part-0.parquet": {"boilerplate"}}) == 1
    flags = {stored.item.item_key: stored.item.flagged for stored in iter_items(engine)}
    assert flags == {ITEM.item_key: True, "r1": False}
    engine.dispose()
    other.dispose()
