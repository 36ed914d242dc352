"""Batches of texts for reviewers: made once, for good, and read back."""

from dataclasses import replace

import pytest
from decision_files import unprotected
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from scrubtrace.review.batches.store import (
    batch_items,
    create_batch,
    find_batch,
    list_batches,
    store_drawn,
)
from scrubtrace.review.connection import reading
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.lines import Wanted, export_lines
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import SAMPLED, Batch, BatchItem, Purpose
from tests.helpers.samples import ITEM

DRAWN = [
    replace(ITEM, item_key=f"r{number}", kind=SAMPLED, flagged=False, why="", policy="")
    for number in range(3)
]
BATCH = Batch("march", "chats", Purpose.AUDIT, True, {"seed": "ab", "strata": {"all": [9, 3]}})
ITEMS = [BatchItem(f"r{n}", 1, "d" * 64, "e" * 16, "all", 1 / 3, False) for n in range(3)]


def test_a_batch_does_not_come_back_as_it_was_made(engine: Engine) -> None:
    store_drawn(engine, DRAWN, "run-1")
    made = create_batch(engine, BATCH, ITEMS)
    assert (made.event, made.name) == (1, "march")
    with reading(engine) as connection:
        assert find_batch(connection, "march") == made
        assert list(batch_items(connection, "march")) == ITEMS
    assert list_batches(engine) == [made]
    assert verify(engine).problems == []


def test_texts_drawn_at_random_are_exported_as_if_they_were_flagged(engine: Engine) -> None:
    store_drawn(engine, DRAWN, "run-1")
    for wanted in (Wanted(), Wanted(include_reported=True)):
        with reading(engine) as connection:
            assert list(export_lines(connection, wanted)) == []


@pytest.mark.parametrize(
    ("batch", "items", "problem"),
    [
        (BATCH, ITEMS, "already"),
        (replace(BATCH, name="../x"), ITEMS, "letters"),
        (replace(BATCH, name="april"), [*ITEMS, ITEMS[0]], "twice"),
        (replace(BATCH, name="april"), [replace(ITEMS[0], item_key="r9")], "r9"),
    ],
)
def test_a_bad_batch_is_stored(
    engine: Engine, batch: Batch, items: list[BatchItem], problem: str
) -> None:
    store_drawn(engine, DRAWN, "run-1")
    create_batch(engine, BATCH, ITEMS)
    with pytest.raises(ReviewError, match=problem):
        create_batch(engine, batch, items)
    assert len(list_batches(engine)) == 1


def test_an_unknown_batch_is_not_named_with_the_choices(engine: Engine) -> None:
    with reading(engine) as connection, pytest.raises(ReviewError, match="there are none"):
        find_batch(connection, "march")


@pytest.mark.parametrize("table", ["review_batches", "review_batch_items"])
def test_what_reviewers_were_given_can_be_changed(engine: Engine, table: str) -> None:
    store_drawn(engine, DRAWN, "run-1")
    create_batch(engine, BATCH, ITEMS)
    for change in (f"DELETE FROM {table}", f"UPDATE {table} SET event = 0"):
        statement = text(
            change.replace("event = 0", "flagged = true") if "items" in table else change
        )
        with pytest.raises(DBAPIError, match="append-only"), engine.begin() as connection:
            connection.execute(statement)


CHANGES = {
    "items": "UPDATE review_batch_items SET probability = 0.5 WHERE item_key = 'r1'",
    "plan": """UPDATE review_batches SET plan = '{"seed": "cd"}'""",
    "view": "UPDATE review_batches SET blind = NOT blind",
    "one item": "DELETE FROM review_batch_items WHERE item_key = 'r1'",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_of_a_batch_is_found(engine: Engine, change: str) -> None:
    store_drawn(engine, DRAWN, "run-1")
    create_batch(engine, BATCH, ITEMS)
    table = "review_batch_items" if "batch_items" in change else "review_batches"
    unprotected(engine, text(change), table)
    assert verify(engine).problems == ["event 1: batch march or its items were changed"]


def test_a_batch_that_is_gone_or_added_is_found(engine: Engine) -> None:
    store_drawn(engine, DRAWN, "run-1")
    create_batch(engine, BATCH, ITEMS)
    add = "INSERT INTO review_batches SELECT 'april', dataset, purpose, blind, plan, created_at, 7"
    with engine.begin() as connection:
        connection.execute(text(f"{add} FROM review_batches"))
    unprotected(engine, text("DELETE FROM review_batches WHERE name = 'march'"), "review_batches")
    assert verify(engine).problems == [
        "event 1: its batch is gone",
        "batch april names event 7, which did not make it",
        "items are there of batch march, which there is not",
    ]
