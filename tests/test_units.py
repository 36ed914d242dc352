"""Cutting shards into units: every row once, few pieces, tiny shards packed."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.units import (
    MAX_UNIT_RANGES,
    PIECES_OF_ROW_GROUP,
    Footer,
    make_units,
)
from scrubtrace.schemas.plan import Shard

BOTH = ("boilerplate", "redaction")


def all_stale(footers: list[Footer]) -> dict[str, tuple[str, ...]]:
    return {f.shard.name: BOTH for f in footers}


def footer(name: str, *row_groups: int) -> Footer:
    return Footer(Shard(name, name, 1, "", "", sum(row_groups)), row_groups, pa.schema([]))


@given(
    st.lists(st.lists(st.integers(0, 5000), max_size=5), max_size=8),
    st.integers(1, 3000),
)
def test_every_row_is_in_exactly_one_unit_in_order(shards: list[list[int]], unit_rows: int) -> None:
    footers = [footer(f"s{i}", *groups) for i, groups in enumerate(shards)]
    units = list(make_units(footers, all_stale(footers), unit_rows))
    ranges = [r for unit in units for r in unit.ranges]
    at: dict[str, int] = {}
    for r in ranges:
        assert r.start == at.get(r.shard.name, 0)
        at[r.shard.name] = r.stop
    assert at == {f.shard.name: f.shard.rows for f in footers}
    assert all(unit.rows >= unit_rows for unit in units[:-1])
    largest = max((rows for groups in shards for rows in groups), default=0)
    piece = max(unit_rows, -(-largest // PIECES_OF_ROW_GROUP))
    assert all(unit.rows < unit_rows + piece for unit in units)
    assert [unit.key for unit in units] == sorted({unit.key for unit in units})


@pytest.mark.parametrize(
    ("row_groups", "unit_rows", "sizes"),
    [
        ([1_000_000], 1000, [125_000] * 8),
        ([10_001], 1000, [1251] * 7 + [1244]),
        ([7000], 1000, [1000] * 7),
        ([1500], 1000, [1000, 500]),
        ([400, 400, 400, 400], 1000, [1200, 400]),
        ([900, 5000, 10], 1000, [1900, 1000, 1000, 1000, 1000, 10]),
        ([0, 5, 0, 5], 5, [5, 5]),
    ],
)
def test_row_groups_are_cut_into_few_pieces_and_joined(
    row_groups: list[int], unit_rows: int, sizes: list[int]
) -> None:
    footers = [footer("s", *row_groups)]
    units = list(make_units(footers, all_stale(footers), unit_rows))
    assert [unit.rows for unit in units] == sizes
    assert all(len(unit.ranges) == 1 for unit in units)


def test_tiny_shards_are_packed() -> None:
    footers = [footer(f"s{i:04}", 3) for i in range(5000)]
    units = list(make_units(footers, all_stale(footers), 1000))
    assert len(units) == 15
    assert len(units[0].ranges) == 334


def test_a_unit_opens_a_limited_number_of_shards() -> None:
    footers = [footer(f"s{i:05}", 0) for i in range(2500)]
    units = list(make_units(footers, all_stale(footers), 1000))
    assert [len(unit.ranges) for unit in units] == [MAX_UNIT_RANGES, MAX_UNIT_RANGES, 500]


def test_one_run_packs_tiny_shards_and_cuts_a_large_one() -> None:
    footers = [footer(f"a{i:04}", 2) for i in range(600)]
    footers.append(footer("large", *[500] * 20))
    footers += [footer(f"z{i:04}", 2) for i in range(600)]
    units = list(make_units(footers, all_stale(footers), 1000))
    assert [unit.rows for unit in units] == [1000, 1200, *[1000] * 10, 200]
    assert [len(unit.ranges) for unit in units] == [500, 101, *[1] * 9, 500, 100]


def test_units_hold_shards_that_need_the_same_detectors() -> None:
    footers = [footer(f"s{i}", 10) for i in range(6)]
    stale = {f"s{i}": [BOTH, ("redaction",), ()][i % 3] for i in range(6)}
    units = list(make_units(footers, stale, 100))
    named = [([r.shard.name for r in unit.ranges], unit.detectors) for unit in units]
    assert named == [(["s0", "s3"], BOTH), (["s1", "s4"], ("redaction",))]
