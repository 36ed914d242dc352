"""Comparing shards with a removal record: every change is seen, and named."""

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from hypothesis import given
from hypothesis import strategies as st
from purges import KEY, decided, write_decisions

from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.purge.differing import compare
from scrubtrace.purge.verify import Found, read_record, verify
from scrubtrace.schemas.identity import KeyRing

ROWS = 1_200
RING = KeyRing(KEY)

Change = Callable[[pa.Table], pa.Table]


def text(shard: int, row: int) -> str:
    return f"In shard {shard}, the soup of day {row} was too salty."


def table(shard: int) -> pa.Table:
    return pa.table(
        {
            "text": [text(shard, row) for row in range(ROWS)],
            "label": pa.array([row % 3 for row in range(ROWS)], pa.int8()),
            "tags": [["a"] * (row % 3) for row in range(ROWS)],
        }
    )


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A purge of two shards, in ``purged`` beside ``data``; nothing goes from the second."""
    place = tmp_path_factory.mktemp("verify")
    (place / "data").mkdir()
    for number in range(2):
        pq.write_table(table(number), place / f"data/p{number}.parquet", row_group_size=500)
    rows = [decided("p0.parquet", row, text(0, row)) for row in (7, 700)]
    write_decisions(place / "decided.parquet", rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SCRUBTRACE_KEY", "ab" * 32)
        given = ("--decisions", str(place / "decided.parquet"), "--hold-decision", "none")
        shards = f"{place}/data/*.parquet"
        assert code_of("purge", shards, *given, "--out", str(place / "purged"), "--quiet") == 0
        yield place


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    """A copy of the purge, to be changed."""
    shutil.copytree(original / "purged", tmp_path / "copy")
    return tmp_path / "copy"


def compared(copy: Path, every_row: bool = False) -> Found:
    return verify(str(copy / "removal" / "record.json"), RING, every_row=every_row)


def rewrite(copy: Path, change: Change, shard: str = "p0.parquet") -> None:
    path = copy / "shards" / shard
    pq.write_table(change(pq.read_table(path)), path, row_group_size=500)


def insert(row: int, other: pa.Table) -> Change:
    return lambda t: pa.concat_tables([t.slice(0, row), other, t.slice(row)])


def drop(row: int) -> Change:
    return lambda t: pa.concat_tables([t.slice(0, row), t.slice(row + 1)])


def edit(row: int, column: str, value: object) -> Change:
    def change(t: pa.Table) -> pa.Table:
        number = t.schema.get_field_index(column)
        values = t.column(column).to_pylist()
        array = pa.array([*values[:row], value, *values[row + 1 :]], t.schema.field(column).type)
        return t.set_column(number, t.schema.field(column), array)

    return change


def test_nothing_is_different(copy: Path) -> None:
    found = compared(copy, every_row=True)
    assert (found.shards, found.rows, found.compared_rows) == (2, 2 * ROWS - 2, 2 * ROWS - 2)
    assert found.problems == []


@pytest.mark.parametrize(
    ("change", "shard", "said"),
    [
        (insert(7, table(0).slice(7, 1)), "p0.parquet",
         ["row 7 was added: it is row 7 of the input shard p0.parquet, removed as reviewed"]),
        (insert(0, table(0).slice(3, 1)), "p0.parquet", ["row 0 was added: not a known row"]),
        (drop(50), "p0.parquet", ["the row that was row 50 is missing"]),
        (drop(ROWS - 1), "p1.parquet", [f"the row that was row {ROWS - 1} is missing"]),
        (edit(600, "label", 9), "p0.parquet", ["row 600: column 'label' edited"]),
        (edit(0, "text", "x"), "p1.parquet", ["row 0: column 'text' edited"]),
        (edit(9, "tags", None), "p1.parquet", ["row 9: column 'tags' edited"]),
        (lambda t: edit(9, "tags", None)(edit(9, "label", 9)(t)), "p1.parquet",
         ["row 9: columns 'label', 'tags' edited"]),
        (lambda t: edit(601, "label", 9)(insert(3, table(0).slice(700, 1))(t)), "p0.parquet",
         ["row 601 (was row 600): column 'label' edited",
          "row 3 was added: it is row 700 of the input shard p0.parquet, removed as reviewed"]),
        (lambda t: edit(10, "label", 9)(drop(3)(t)), "p1.parquet",
         ["row 10 (was row 11): edited, in which columns cannot be told: "
          "of what were rows 0 to 511 one is missing",
          "the row that was row 3 is missing"]),
        (lambda t: edit(1099, "text", "x")(drop(3)(t)), "p1.parquet",
         ["row 1099 (was row 1100): column 'text' edited", "the row that was row 3 is missing"]),
        (lambda t: t.take([1, 0, *range(2, t.num_rows)]), "p1.parquet",
         ["the rows stand in another order, from row 0 on"]),
        (lambda t: t.drop_columns(["label"]), "p1.parquet", ["missing ['label'], new []"]),
        (lambda t: t, "p1.parquet", ["the file is another one, but every row and column has"]),
    ],
)  # fmt: skip
def test_what_is_different_is_named(
    copy: Path, change: Change, shard: str, said: list[str]
) -> None:
    rewrite(copy, change, shard)
    problems = compared(copy).problems
    assert all(problem.startswith(f"{shard}: ") for problem in problems)
    for expected in said:
        assert any(expected in problem for problem in problems), problems
    if "missing ['label']" not in said[0]:
        assert len(problems) == len(said)


def test_a_flipped_byte_names_column_and_row_group(copy: Path) -> None:
    path = copy / "shards" / "p0.parquet"
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(bytes(content))
    (problem,) = compared(copy).problems
    assert problem == "p0.parquet: column 'text' of row group 0 (rows 0 to 498) is damaged"


def test_files_that_are_gone_or_not_named(copy: Path) -> None:
    (copy / "shards" / "p1.parquet").rename(copy / "shards" / "p2.parquet")
    (copy / "removal" / "rows.parquet").unlink()
    assert compared(copy).problems == [
        "removal/rows.parquet: there is no such file, but the record names it",
        "p1.parquet: there is no such file",
        "shards/p2.parquet: the record does not name this file",
    ]


def test_without_the_key_only_files_are_compared(copy: Path) -> None:
    rewrite(copy, edit(600, "label", 9))
    found = verify(str(copy / "removal" / "record.json"), None)
    assert found.problems == ["p0.parquet: the file is another one than when it was written"]
    assert "rows cannot be named" in found.notes[0]


def changed_files(original: Path) -> list[Path]:
    purged = original / "purged"
    folders = ("shards", "quarantine", "removal")
    return sorted(p for name in folders for p in (purged / name).rglob("*") if p.is_file())


@given(st.data())
def test_any_single_byte_is_seen(original: Path, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(changed_files(original)))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    other = content[at] ^ data.draw(st.integers(1, 255))
    path.write_bytes(content[:at] + bytes([other]) + content[at + 1 :])
    try:
        assert compared(original / "purged").problems
    except SumsDifferStop:
        assert path.name == "record.json"
    finally:
        path.write_bytes(content)


def test_each_single_byte_of_the_record_is_seen(original: Path, tmp_path: Path) -> None:
    """Each byte turned over, left out, or followed by a space."""
    content = (original / "purged" / "removal" / "record.json").read_bytes()
    path = tmp_path / "record.json"
    path.write_bytes(content)
    read_record(str(path), None)
    for at in range(len(content)):
        before, own, after = content[:at], content[at], content[at + 1 :]
        for changed in (bytes([own ^ 1]), bytes([own ^ 32]), b"", bytes([own, 32])):
            path.write_bytes(before + changed + after)
            with pytest.raises(SumsDifferStop):
                read_record(str(path), None)


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"soup", b'{"_type": 1}'])
def test_no_record(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(SumsDifferStop):
        verify(str(path), RING)
    with pytest.raises(UsageStop):
        verify(str(tmp_path / "gone.json"), RING)


@given(
    st.lists(st.integers(0, 20), max_size=12),
    st.lists(st.integers(0, 20), max_size=12),
    st.sets(st.integers(0, 20)),
)
def test_comparing_sees_exactly_what_differs(
    before: list[int], now: list[int], removed: set[int]
) -> None:
    then, left = (np.array(values, np.uint64) for values in (before, now))
    found = compare(then, left, dict.fromkeys(removed, "known"))
    same = not (found.edited or found.added or found.missing or found.moved is not None)
    assert same == (before == now)
    if found.moved is None:
        edited = dict(found.edited)
        kept = [now[n] for n in range(len(now)) if n not in edited and n not in found.added]
        old = set(edited.values()) | set(found.missing)
        assert kept == [before[n] for n in range(len(before)) if n not in old]


def test_single_changes_in_long_shards() -> None:
    rng = random.Random(3)
    before = np.array([rng.getrandbits(64) for _ in range(5_000)], np.uint64)
    for row in (0, 1, 2_500, 4_999):
        added = np.insert(before, row, np.uint64(5))
        assert compare(before, added, {}).added == [row]
        assert compare(before, np.delete(before, row), {}).missing == [row]
        edited = before.copy()
        edited[row] = 5
        assert compare(before, edited, {}).edited == [(row, row)]
