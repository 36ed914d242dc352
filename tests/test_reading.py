"""Reading: every row exactly once, whatever the types, the damage and the batch sizes."""

import datetime
import decimal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.reading import Rows, decode_text, read_range
from scrubtrace.schemas.plan import Columns, RowRange, Shard

Write = Callable[..., Path]
VALUES = ["plain", "übung", None, "", "日本"]


def read(
    path: Path, start: int, stop: int, columns: Columns | None = None, **caps: int
) -> list[Rows]:
    shard = Shard(str(path), path.name, 0, "", "", pq.read_metadata(path).num_rows)
    caps = {"batch_rows": 1024, "batch_bytes": 1 << 20} | caps
    return list(read_range(RowRange(shard, start, stop), columns or Columns("text"), **caps))


def texts(pieces: list[Rows]) -> list[str | None]:
    return [text for rows in pieces for text in rows.texts]


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.binary(),
        pa.large_binary(),
        pa.binary_view(),
    ],
    ids=str,
)
def test_every_kind_of_text_reads_the_same(write_shard: Write, kind: pa.DataType) -> None:
    plain = pa.array(VALUES)
    column = plain.dictionary_encode() if pa.types.is_dictionary(kind) else plain.cast(kind)
    assert texts(read(write_shard("a.parquet", text=column), 0, 5)) == VALUES


def test_what_is_not_utf8_is_a_dead_row_and_the_others_live() -> None:
    column = pa.array([b"fine", b"\xff\xfe", None, "ü".encode()[:1]], pa.binary())
    assert decode_text(column) == (["fine", None, None, None], [1, 3])


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(1, 25), st.integers(1, 30), st.integers(1, 200), st.data())
def test_every_row_comes_exactly_once(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    row_group: int,
    batch_rows: int,
    batch_bytes: int,
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("read") / "a.parquet"
    values = [f"row {number} " + "x" * (number % 40) for number in range(rows)]
    pq.write_table(pa.table({"text": values}), path, row_group_size=row_group)
    start = data.draw(st.integers(0, rows))
    stop = data.draw(st.integers(start, rows))
    pieces = read(path, start, stop, batch_rows=batch_rows, batch_bytes=batch_bytes)
    assert texts(pieces) == values[start:stop]
    at = start
    for piece in pieces:
        assert piece.start == at
        at += len(piece)
    large = [p for p in pieces if sum(len(text or "") for text in p.texts) > batch_bytes]
    assert all(len(piece) == 1 for piece in large)


def _damage(path: Path, row_group: int) -> None:
    chunk = pq.read_metadata(path).row_group(row_group).column(0)
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + chunk.total_compressed_size] = b"\0" * chunk.total_compressed_size
    path.write_bytes(bytes(content))


def test_rows_of_a_damaged_row_group_are_dead_and_the_others_live(write_shard: Write) -> None:
    values = [f"row {number}" for number in range(30)]
    path = write_shard("a.parquet", row_group_size=10, text=values)
    _damage(path, 1)
    pieces = read(path, 5, 25)
    assert texts(pieces) == values[5:10] + [None] * 10 + values[20:25]
    dead = [rows.start + row for rows in pieces for row in rows.dead]
    assert dead == list(range(10, 20))
    assert {reason for rows in pieces for reason, _ in rows.dead.values()} == {"unreadable"}


@pytest.mark.parametrize("change", ["gone", "shorter", "not parquet"])
def test_a_shard_that_changed_after_planning_loses_no_row(write_shard: Write, change: str) -> None:
    path = write_shard("a.parquet", text=["a"] * 50)
    shard = Shard(str(path), path.name, 0, "", "", 50)
    if change == "gone":
        path.unlink()
    elif change == "shorter":
        write_shard("a.parquet", text=["a"] * 20)
    else:
        path.write_bytes(b"x" * 100)
    pieces = list(read_range(RowRange(shard, 0, 50), Columns("text"), 16, 1 << 20))
    assert sum(map(len, pieces)) == 50
    alive = sum(len(rows) - len(rows.dead) for rows in pieces)
    assert alive == (20 if change == "shorter" else 0)


def test_ids_and_groups_are_read_as_text(write_shard: Write) -> None:
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
    values: dict[str, list[Any]] = {
        "labeler": ["L01"],
        "task": [7],
        "created_at": [moment],
        "stage": [decimal.Decimal("1.50")],
        "market": [datetime.date(2024, 1, 2)],
        "vendor": [None],
        "source": [b"caf\xff"],
    }
    path = write_shard("a.parquet", text=["a"], number=[12345678901234567], **values)
    columns = Columns("text", id="number", groups={name: name for name in values})
    (rows,) = read(path, 0, 1, columns)
    assert rows.ids == ["12345678901234567"]
    assert rows.group_values(0) == {
        "labeler": "L01",
        "task": "7",
        "created_at": "2024-01-02T03:04:05.000000Z",
        "stage": "1.50",
        "market": "2024-01-02",
        "vendor": None,
        "source": "caf\\xff",
    }


def test_a_text_beyond_the_byte_cap_comes_alone(write_shard: Write) -> None:
    values = ["a", "b" * 5000, "c", "d"]
    pieces = read(write_shard("a.parquet", text=values), 0, 4, batch_bytes=1000)
    assert [len(rows) for rows in pieces] == [1, 1, 2]
