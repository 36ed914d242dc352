"""Planning: every row in exactly one unit, every unreadable input a dead shard."""

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.planning import (
    PIECES_OF_ROW_GROUP,
    Footer,
    PlanError,
    make_plan,
    make_units,
)
from scrubtrace.schemas.plan import Columns, Shard

TEXT = Columns("text")

Write = Callable[..., Path]


def footer(name: str, *row_groups: int) -> Footer:
    return Footer(Shard(name, name, 1, "", "", sum(row_groups)), row_groups, pa.schema([]))


@given(
    st.lists(st.lists(st.integers(0, 5000), max_size=5), max_size=8),
    st.integers(1, 3000),
)
def test_every_row_is_in_exactly_one_unit_in_order(shards: list[list[int]], unit_rows: int) -> None:
    footers = [footer(f"s{i}", *groups) for i, groups in enumerate(shards)]
    units = list(make_units(footers, unit_rows))
    ranges = [r for unit in units for r in unit.ranges]
    at: dict[str, int] = {}
    for r in ranges:
        assert r.start == at.get(r.shard.name, 0)
        at[r.shard.name] = r.stop
    assert at == {f.shard.name: f.shard.rows for f in footers}
    assert all(unit.rows >= unit_rows for unit in units[:-1])
    assert [unit.key for unit in units] == sorted(unit.key for unit in units)


def test_a_big_row_group_is_cut_into_few_pieces() -> None:
    units = list(make_units([footer("big", 1_000_000)], 1000))
    assert len(units) == PIECES_OF_ROW_GROUP


def test_tiny_shards_are_packed() -> None:
    units = list(make_units([footer(f"s{i:04}", 3) for i in range(5000)], 1000))
    assert len(units) == 15
    assert len(units[0].ranges) == 334


def test_a_shard_without_rows_stays_in_the_plan(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=pa.array([], pa.string()))
    (unit,) = make_plan([str(path)], TEXT).units
    assert unit.ranges[0].shard.rows == unit.rows == 0


def test_names_come_from_the_common_parent(write_shard: Write, tmp_path: Path) -> None:
    write_shard("x/a.parquet", text=["a"])
    write_shard("y/b.parquet", text=["b"])
    plan = make_plan([f"{tmp_path}/data/*/*.parquet"], TEXT)
    assert plan.dataset == "data"
    names = [r.shard.name for unit in plan.units for r in unit.ranges]
    assert names == ["x/a.parquet", "y/b.parquet"]
    plan = make_plan([f"{tmp_path}/data/x/*"], TEXT, dataset="mine", root=f"{tmp_path}/data")
    assert plan.dataset == "mine"
    assert plan.units[0].ranges[0].shard.name == "x/a.parquet"


def test_a_shard_named_twice_is_planned_once(write_shard: Write, tmp_path: Path) -> None:
    path = write_shard("a.parquet", text=["a"])
    assert make_plan([str(path), f"{tmp_path}/data/*"], TEXT).rows == 1


def test_a_literal_name_with_glob_characters_is_taken_literally(write_shard: Write) -> None:
    path = write_shard("a[1].parquet", text=["a"])
    assert make_plan([str(path)], TEXT).rows == 1


STRINGS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.binary(),
    pa.large_binary(),
]


def test_string_kinds_may_differ_between_shards(write_shard: Write, tmp_path: Path) -> None:
    for number, kind in enumerate(STRINGS):
        plain = pa.array(["a"])
        column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
        write_shard(f"{number}.parquet", text=column)
    plan = make_plan([f"{tmp_path}/data/*"], TEXT)
    assert plan.rows == len(STRINGS)
    assert plan.dead == ()


@pytest.mark.parametrize(
    ("columns", "reason", "detail"),
    [
        (Columns("text"), "wrong_type", "text column 'text' has type double"),
        (Columns("list"), "wrong_type", "has type list"),
        (Columns("good", id="text"), "wrong_type", "id column 'text' has type double"),
        (Columns("good", language="number"), "wrong_type", "language column 'number'"),
        (Columns("good", groups={"labeler": "list"}), "wrong_type", "labeler column 'list'"),
        (Columns("gone"), "missing_column", "has no text column 'gone'; columns: text, number"),
    ],
)
def test_a_shard_whose_columns_are_not_as_asked_is_dead(
    write_shard: Write, tmp_path: Path, columns: Columns, reason: str, detail: str
) -> None:
    values = {"text": [0.5], "number": [1], "list": [["x"]], "good": ["x"]}
    write_shard("bad.parquet", **values)
    names = {columns.text, columns.id or columns.text, columns.language or columns.text}
    names |= set(columns.groups.values())
    write_shard("good.parquet", **{name: ["x"] for name in names})
    plan = make_plan([f"{tmp_path}/data/*"], columns)
    (dead,) = plan.dead
    assert (dead.name, dead.reason) == ("bad.parquet", reason)
    assert detail in dead.detail
    assert plan.rows == 1


def test_a_column_name_that_occurs_twice_is_dead(write_shard: Write, tmp_path: Path) -> None:
    write_shard("good.parquet", text=["a"])
    twice = pa.table([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(twice, tmp_path / "data" / "twice.parquet")
    (dead,) = make_plan([f"{tmp_path}/data/*"], TEXT).dead
    assert "has 2 columns named, not one, text column 'text'" in dead.detail


def test_no_shard_that_fits_is_a_usage_error(write_shard: Write) -> None:
    path = write_shard("a.parquet", body=["a"])
    with pytest.raises(PlanError, match=r"no shard fits: a\.parquet: .*columns: body"):
        make_plan([str(path)], TEXT)


def test_a_glob_without_match_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="no file matches"):
        make_plan([f"{tmp_path}/*.parquet"], TEXT)
