"""Pseudonyms in the place of stored names: each once, a few items at a time."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from decision_files import item
from sqlalchemy import Engine, event, select, update

from scrubtrace.review import pseudonyms
from scrubtrace.review.pseudonyms import renew_pseudonyms
from scrubtrace.review.store import TRANSACTION_ITEMS, upsert_items
from scrubtrace.review.table import review_events, review_items
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.identity import DigestKey

KEY = DigestKey.from_hex("ab" * 32)
ITEMS = 2 * TRANSACTION_ITEMS + 3


@pytest.fixture
def table(engine: Engine) -> Engine:
    """Items of as many labelers and one vendor; the last has no labeler."""
    named = (
        item(n, groups={"vendor": "north"} | ({"labeler": f"Ada {n}"} if n < ITEMS - 1 else {}))
        for n in range(ITEMS)
    )
    upsert_items(engine, named, "run1")
    return engine


def values(engine: Engine, group: str = "labeler") -> list[str | None]:
    """The values of a group by row."""
    query = select(review_items.c[group]).order_by(review_items.c.row_index)
    with engine.connect() as connection:
        return list(connection.execute(query).scalars())


def payloads(engine: Engine) -> list[dict[str, Any]]:
    query = select(review_events.c.payload).order_by(review_events.c.seq)
    with engine.connect() as connection:
        return [json.loads(payload) for payload in connection.execute(query).scalars()]


@pytest.fixture
def updates(table: Engine) -> Iterator[list[int]]:
    """How many items each update of the table was given."""
    given: list[int] = []

    def count(*arguments: Any) -> None:
        _, _, statement, parameters, _, is_many = arguments
        if statement.startswith("UPDATE review_items"):
            given.append(len(parameters) if is_many else 1)

    event.listen(table, "before_cursor_execute", count)
    yield given
    event.remove(table, "before_cursor_execute", count)


def test_names_are_replaced_by_key_a_thousand_items_at_a_time(
    table: Engine, updates: list[int]
) -> None:
    assert renew_pseudonyms(table, ["labeler"], KEY.pseudonym, {}) == ITEMS - 1
    assert updates == [TRANSACTION_ITEMS, TRANSACTION_ITEMS, 2]
    expected = [KEY.pseudonym("labeler", f"Ada {n}") for n in range(ITEMS - 1)]
    assert values(table) == [*expected, None]
    assert set(values(table, "vendor")) == {"north"}
    assert [(one["group"], one["items"], one["values"]) for one in payloads(table)] == [
        ("labeler", count, count) for count in updates
    ]
    assert renew_pseudonyms(table, ["labeler"], KEY.pseudonym, {}) == 0
    assert len(payloads(table)) == 3
    assert verify(table).problems == []


def test_an_item_gets_one_new_value_also_if_that_is_another_ones_old_one(table: Engine) -> None:
    one, two, three = (KEY.pseudonym("labeler", name) for name in ("a", "b", "c"))
    with table.begin() as connection:
        for n, value in enumerate((one, two)):
            mine = update(review_items).where(review_items.c.row_index % 2 == n)
            connection.execute(mine.values(labeler=value))
    renewed = {"labeler": {one: two, two: three, "p-00000-00000": one}}
    assert renew_pseudonyms(table, ["labeler"], KEY.pseudonym, renewed) == ITEMS
    assert values(table)[:4] == [two, three, two, three]
    assert {one["values"] for one in payloads(table)} <= {1, 2}


def test_what_was_interrupted_goes_on_where_it_ended(
    table: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    append, left = pseudonyms.append_event, [1]

    def appended_once(*given: Any) -> str:
        if not left:
            raise ZeroDivisionError
        left.pop()
        return append(*given)

    with monkeypatch.context() as patch:
        patch.setattr(pseudonyms, "append_event", appended_once)
        with pytest.raises(ZeroDivisionError):
            renew_pseudonyms(table, ["labeler"], KEY.pseudonym, {})
    assert sum(str(value).startswith("Ada") for value in values(table)) == ITEMS - 1 - 1_000
    assert renew_pseudonyms(table, ["labeler"], KEY.pseudonym, {}) == ITEMS - 1 - 1_000
    assert not any(str(value).startswith("Ada") for value in values(table))
    assert [one["items"] for one in payloads(table)] == [1_000, 1_000, 2]
