"""Digests of rows: equal for equal values, however they are stored and cut; else different."""

import random
from typing import Any

import pyarrow as pa
import pytest
from arrow_tables import TYPES, tables
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.purging.digests import RowDigester
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.removal import BLOCK_ROWS

KEY = DigestKey.from_hex("ab" * 32)


def blocks(table: pa.Table, sizes: list[int]) -> list[tuple[int, bytes, bytes]]:
    """Blocks of a table that comes in batches of these sizes, over and over."""
    digester = RowDigester(KEY)
    first, number = 0, 0
    while first < table.num_rows:
        size = sizes[number % len(sizes)]
        for batch in table.slice(first, size).combine_chunks().to_batches():
            digester.add(batch)
        first, number = first + size, number + 1
    digester.finish()
    return digester.blocks


@given(tables(), st.lists(st.integers(1, 7), min_size=1, max_size=3))
def test_batches_do_not_matter(table: pa.Table, sizes: list[int]) -> None:
    assert blocks(table, sizes) == blocks(table, [10_000])


def test_blocks_do_not_depend_on_batches() -> None:
    rng = random.Random(1)
    rows = [{"a": rng.randrange(9), "b": "x" * rng.randrange(9)} for _ in range(3 * BLOCK_ROWS)]
    table = pa.Table.from_pylist(rows)
    expected = blocks(table, [10_000])
    assert [start for start, _, _ in expected] == [0, BLOCK_ROWS, 2 * BLOCK_ROWS]
    assert blocks(table, [1, 700, 13]) == expected


@given(tables(min_rows=1), st.data())
def test_a_changed_value_shows_in_its_row_and_column(table: pa.Table, data: Any) -> None:
    row = data.draw(st.integers(0, table.num_rows - 1))
    number = data.draw(st.integers(0, table.num_columns - 1))
    field = table.schema.field(number)
    values = table.column(number).to_pylist()
    other = data.draw(TYPES[field.name.split(" ")[0]].values)
    old = pa.array([values[row]], field.type)
    new = pa.array([other], field.type)
    if old.equals(new) or repr(old.to_pylist()) == repr(new.to_pylist()):
        return
    changed = pa.array([*values[:row], other, *values[row + 1 :]], field.type)
    before, after = (blocks(t, [100]) for t in (table, table.set_column(number, field, changed)))
    ((_, rows, columns),), ((_, new_rows, new_columns),) = before, after
    assert [n for n in range(table.num_rows) if _at(rows, n) != _at(new_rows, n)] == [row]
    other_columns = [n for n in range(table.num_columns) if _at(columns, n) != _at(new_columns, n)]
    assert other_columns == [number]


def _at(digests: bytes, number: int) -> bytes:
    return digests[8 * number : 8 * number + 8]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array(["ab", "c"]), pa.array(["ab", "c"], pa.large_string())),
        (pa.array(["ab", "c"]), pa.array(["ab", "c"], pa.string_view())),
        (pa.array(["ab", "c"]), pa.array(["ab", "c"]).dictionary_encode()),
        (pa.array([[1], None]), pa.array([[1], None], pa.large_list(pa.int64()))),
        (pa.array([7, None]), pa.array([1, 7, None]).slice(1)),
    ],
)
def test_how_values_are_stored_does_not_matter(one: pa.Array, other: pa.Array) -> None:
    assert blocks(pa.table({"a": one}), [9]) == blocks(pa.table({"a": other}), [9])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([["ab", "c"]], [["a", "bc"]]),
        ([[["a"], ["b"]]], [[["a", "b"], []]]),
        ([""], [None]),
        ([[]], [None]),
        ([{"x": "a", "y": ""}], [{"x": "", "y": "a"}]),
    ],
)
def test_values_that_look_alike_differ(one: list[Any], other: list[Any]) -> None:
    kind = pa.array([*one, *other]).type
    tables = [pa.table({"a": pa.array(values, kind)}) for values in (one, other)]
    assert blocks(tables[0], [9])[0][1] != blocks(tables[1], [9])[0][1]


def test_another_key_gives_other_digests() -> None:
    batch = pa.record_batch({"a": ["soup"]})
    other = RowDigester(DigestKey.from_hex("cd" * 32))
    assert RowDigester(KEY).digests(batch) != other.digests(batch)
