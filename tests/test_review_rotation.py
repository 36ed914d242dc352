"""Digest keys in the review table: whose digests are carried over, counted and given up."""

import dataclasses

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from samples import ITEM
from sqlalchemy import Engine, delete, event

from scrubtrace.review.rotation import DROPPED, carry_over, give_up_digests, items_by_key, key_ids
from scrubtrace.review.store import StoredItem, UpsertCounts, iter_items, record_run, upsert_items
from scrubtrace.review.table import review_items
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.review import ReviewItem, ReviewRun

FIRST, SECOND, THIRD = "20260101T000000Z-a", "20260102T000000Z-b", "20260103T000000Z-c"
KEYS = [DigestKey.from_hex(f"{number:064x}") for number in range(3)]
OLD, NEW = KeyRing(KEYS[0]), KeyRing(KEYS[1], (KEYS[0],))


def seen(text: str, ring: KeyRing, item: ReviewItem = ITEM) -> ReviewItem:
    """The item as a run sees it that has these keys."""
    return dataclasses.replace(
        item,
        text_digest=ring.active.digest(text),
        key_id=ring.active.id,
        earlier_digests=ring.earlier_digests(text),
    )


def numbered(count: int, key_id: str = ITEM.key_id) -> list[ReviewItem]:
    return [
        dataclasses.replace(ITEM, item_key=f"r{number:08}", row_index=number, key_id=key_id)
        for number in range(count)
    ]


def only(engine: Engine) -> StoredItem:
    (entry,) = iter_items(engine)
    return entry


def stored(item: ReviewItem) -> ReviewItem:
    return dataclasses.replace(item, earlier_digests={})


@pytest.mark.parametrize(
    ("text", "version"), [("lighthouse", 1), ("beacon", 2)], ids=["same text", "other text"]
)
def test_a_rotation_makes_a_version_only_of_a_changed_text(
    engine: Engine, text: str, version: int
) -> None:
    upsert_items(engine, [seen("lighthouse", OLD)], FIRST)
    again = seen(text, NEW)
    assert upsert_items(engine, [again], SECOND) == UpsertCounts(0, 1, 0)
    assert only(engine) == StoredItem(stored(again), FIRST, SECOND, version)


def test_other_changes_make_a_version_in_a_rotation_too(engine: Engine) -> None:
    upsert_items(engine, [seen("lighthouse", OLD)], FIRST)
    changed = dataclasses.replace(seen("lighthouse", NEW), flagged=False)
    upsert_items(engine, [changed], SECOND)
    assert only(engine) == StoredItem(stored(changed), FIRST, SECOND, 2)


def test_a_rotation_interrupted_before_the_items_are_written_changes_nothing_else(
    engine: Engine,
) -> None:
    upsert_items(engine, [seen("lighthouse", OLD)], FIRST)
    again = dataclasses.replace(seen("lighthouse", NEW), why="another reason", priority=99)
    assert carry_over(engine, [again]) == 1
    renewed = stored(seen("lighthouse", NEW))
    assert only(engine) == StoredItem(renewed, FIRST, FIRST, 1)
    assert carry_over(engine, [again]) == 0


def test_a_digest_of_another_key_is_not_taken_for_that_of_a_retired_one(engine: Engine) -> None:
    other = DigestKey.from_hex("12" * 32)
    item = dataclasses.replace(seen("lighthouse", OLD), key_id=other.id)
    upsert_items(engine, [item], FIRST)
    assert carry_over(engine, [seen("lighthouse", NEW)]) == 0
    assert only(engine).item == stored(item)


def test_a_digest_that_changes_meanwhile_is_left_alone(engine: Engine) -> None:
    upsert_items(engine, [seen("lighthouse", OLD)], FIRST)
    writes: list[str] = []

    def come_between(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("UPDATE") and not writes:
            writes.append(statement)
            cursor.execute("UPDATE review_items SET text_digest = 'other'")  # type: ignore[attr-defined]

    event.listen(engine, "before_cursor_execute", come_between)
    carry_over(engine, [seen("lighthouse", NEW)])
    assert writes
    assert only(engine).item.text_digest == "other"
    assert only(engine).item.key_id == KEYS[0].id


def test_items_of_several_batches_and_keys_are_carried_over(engine: Engine) -> None:
    items = numbered(2_300)
    rings = [OLD, NEW]
    upsert_items(engine, (seen(i.item_key, rings[i.row_index % 2], i) for i in items), FIRST)
    last = KeyRing(KEYS[2], (KEYS[1], KEYS[0]))
    upsert_items(engine, (seen(i.item_key, last, i) for i in items[:2_200]), SECOND)
    assert {entry.row_version for entry in iter_items(engine)} == {1}
    assert items_by_key(engine) == {KEYS[2].id: 2_200, KEYS[1].id: 50, KEYS[0].id: 50}


def test_keys_that_no_item_has_any_more_are_not_needed(engine: Engine) -> None:
    assert (key_ids(engine), items_by_key(engine)) == (set(), {})
    record_run(engine, ReviewRun(FIRST, "chats", ITEM.key_id, "a" * 64, 0, 0))
    assert key_ids(engine) == set()
    upsert_items(engine, numbered(3), FIRST)
    upsert_items(engine, numbered(1, key_id="ba9876543210"), SECOND)
    assert key_ids(engine) == {ITEM.key_id, "ba9876543210"}
    assert items_by_key(engine) == {ITEM.key_id: 2, "ba9876543210": 1}


def test_digests_that_are_given_up_need_no_key_and_match_nothing(engine: Engine) -> None:
    items = numbered(2_100)
    upsert_items(engine, (seen("lighthouse", OLD, i) for i in items), FIRST)
    upsert_items(engine, (seen("lighthouse", NEW, i) for i in items[:90]), SECOND)
    assert give_up_digests(engine, KEYS[0].id) == 2_010
    assert give_up_digests(engine, KEYS[0].id) == 0
    assert key_ids(engine) == {KEYS[1].id}
    assert items_by_key(engine) == {KEYS[1].id: 90, DROPPED + KEYS[0].id: 2_010}
    upsert_items(engine, (seen("lighthouse", NEW, i) for i in items[:100]), THIRD)
    versions = {entry.item.row_index: entry.row_version for entry in iter_items(engine)}
    assert {number for number, version in versions.items() if version == 2} == set(range(90, 100))


Runs = list[tuple[bool, dict[int, int]]]
"""For each run whether the keys are rotated before it, and the text it sees for each item."""


@given(
    runs=st.lists(
        st.tuples(st.booleans(), st.dictionaries(st.integers(0, 4), st.integers(0, 2))),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rotations_never_show_but_in_digests(engine: Engine, runs: Runs) -> None:
    """Whatever texts change when, the table is the one without rotations, digests apart.

    The digests of items that the last run saw are those of a table made with its key alone.
    """
    never = _table_after(engine, runs, rotating=False)
    rotated = _table_after(engine, runs, rotating=True)
    active = KeyRing(_keys_of_runs(runs)[-1][0])
    assert _without_digests(rotated) == _without_digests(never)
    for number, text in runs[-1][1].items():
        item = rotated[f"r{number:08}"].item
        assert item == stored(seen(f"text {text}", active, item))


def _without_digests(entries: dict[str, StoredItem]) -> dict[str, StoredItem]:
    blank = {"text_digest": "", "key_id": ""}
    return {
        key: dataclasses.replace(entry, item=dataclasses.replace(entry.item, **blank))
        for key, entry in entries.items()
    }


def _keys_of_runs(runs: Runs) -> list[list[DigestKey]]:
    """The keys of each run, the active one first."""
    keys, rings = [DigestKey.from_hex("00" * 32)], []
    for number, (rotate, _) in enumerate(runs, 1):
        if rotate:
            keys = [DigestKey.from_hex(f"{number:064x}"), *keys]
        rings.append(keys)
    return rings


def _table_after(engine: Engine, runs: Runs, rotating: bool) -> dict[str, StoredItem]:
    with engine.begin() as connection:
        connection.execute(delete(review_items))
    items = numbered(5)
    for number, ((_, texts), keys) in enumerate(zip(runs, _keys_of_runs(runs), strict=True)):
        ring = KeyRing(keys[0], tuple(keys[1:])) if rotating else OLD
        found = [seen(f"text {text}", ring, items[index]) for index, text in texts.items()]
        upsert_items(engine, found, f"run{number}")
    return {entry.item.item_key: entry for entry in iter_items(engine)}
