"""Reading: every row exactly once, whatever the types, the damage and the batch sizes."""

import datetime
import decimal
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scrubtrace.beam_pipelines import reading
from scrubtrace.beam_pipelines.changes import ShardChanged, footer_digest
from scrubtrace.beam_pipelines.decoding import Place, Rows
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.schemas.plan import Chat, Columns, RowRange, Shard

Write = Callable[..., Path]
VALUES = ["plain", "übung", None, "", "日本"]


def shard_of(path: Path) -> Shard:
    """The shard as a plan has it."""
    status = path.stat()
    with path.open("rb") as file:
        identity = (status.st_size, str(status.st_mtime_ns), footer_digest(file))
    return Shard(str(path), path.name, *identity, pq.read_metadata(path).num_rows)


def read(
    path: Path, start: int, stop: int, columns: Columns | None = None, **caps: int
) -> list[Rows]:
    shard = shard_of(path)
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
    assert starts_meet(pieces, start) == stop
    assert all(len(piece) <= batch_rows for piece in pieces)


def starts_meet(pieces: list[Rows], start: int) -> int:
    """The row behind the last piece, after checking that each begins where the one before ends."""
    for piece in pieces:
        assert piece.start == start
        start += len(piece)
    return start


TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "Assistant", "gpt", "system", None]),
        "content": st.none() | st.text(max_size=20),
    }
)
CHATS = st.lists(st.none() | st.lists(st.none() | TURN, max_size=4), min_size=1, max_size=25)


def expected(path: str, chats: list[Any], roles: set[str]) -> list[tuple[int, Place, str | None]]:
    return [
        (row, Place(path, number), turn and turn["content"])
        for row, chat in enumerate(chats)
        for number, turn in enumerate(chat or [])
        if roles == {"all"} or (((turn or {}).get("role") or "").lower() in roles)
    ]


@settings(max_examples=60, deadline=None)
@given(
    CHATS,
    st.integers(1, 9),
    st.integers(1, 12),
    st.integers(1, 300),
    st.sampled_from([("assistant", "gpt"), ("USER",), ("all",)]),
    st.data(),
)
def test_every_turn_comes_once_with_its_field_and_number(
    tmp_path_factory: pytest.TempPathFactory,
    chats: list[Any],
    row_group: int,
    batch_rows: int,
    batch_bytes: int,
    roles: tuple[str, ...],
    data: st.DataObject,
) -> None:
    path = tmp_path_factory.mktemp("read") / "a.parquet"
    other = data.draw(st.lists(st.none() | st.text(max_size=9), min_size=len(chats),
                               max_size=len(chats)))  # fmt: skip
    chat_type = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    table = pa.table({"x": pa.array(chats, chat_type), "y": pa.array(other, pa.string())})
    nested = pa.table({"in": pa.StructArray.from_arrays(
        [table["x"].combine_chunks(), table["y"].combine_chunks()], ["x", "y"])})  # fmt: skip
    pq.write_table(nested, path, row_group_size=row_group)
    columns = Columns(("in.y", "in.x"), chat=Chat(roles=roles))
    start = data.draw(st.integers(0, len(chats)))
    stop = data.draw(st.integers(start, len(chats)))
    caps = {"batch_rows": batch_rows, "batch_bytes": batch_bytes}
    pieces = read(path, start, stop, columns, **caps)
    assert starts_meet(pieces, start) == stop
    found = [
        (piece.start + row, place, text)
        for piece in pieces
        for row, place, text in zip(piece.text_rows, piece.places, piece.texts, strict=True)
    ]
    wanted = expected("in.x", chats, {role.lower() for role in roles})
    wanted += [(row, Place("in.y", None), text) for row, text in enumerate(other)]
    order = {"in.y": 0, "in.x": 1}
    wanted.sort(key=lambda entry: (entry[0], order[entry[1].field]))
    assert found == [entry for entry in wanted if start <= entry[0] < stop]


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
    assert texts(pieces) == values[5:10] + values[20:25]
    dead = [rows.start + row for rows in pieces for row in rows.dead]
    assert dead == list(range(10, 20))
    assert {dead.reason for rows in pieces for dead in rows.dead.values()} == {"unreadable"}


def test_a_shard_that_is_gone_has_dead_rows(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=["a"] * 50)
    shard = shard_of(path)
    path.unlink()
    pieces = list(read_range(RowRange(shard, 0, 50), Columns("text"), 16, 1 << 20))
    assert sum(map(len, pieces)) == sum(len(rows.dead) for rows in pieces) == 50
    assert {dead.reason for rows in pieces for dead in rows.dead.values()} == {"unreadable"}


def _replace(path: Path, content: bytes) -> None:
    other = path.with_suffix(".new")
    other.write_bytes(content)
    other.replace(path)


def _same_rows(path: Path) -> bytes:
    other = path.with_suffix(".same")
    pq.write_table(pa.table({"text": ["b"] * 50}), other)
    return other.read_bytes()


CHANGES: dict[str, Callable[[Path], None]] = {
    "truncated": lambda path: os.truncate(path, path.stat().st_size - 20),
    "not parquet": lambda path: _replace(path, b"x" * 100),
    "other content by rename": lambda path: _replace(path, _same_rows(path)),
    "other content in place": lambda path: _ignore(path.write_bytes(_same_rows(path))),
    "touched": lambda path: os.utime(path, ns=(1, 1)),
}


def _ignore(_: int) -> None:
    """A lambda of type None."""


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_read_from_a_shard_that_changed_after_planning(
    write_shard: Write, change: str
) -> None:
    path = write_shard("a.parquet", text=["a"] * 50)
    shard = shard_of(path)
    CHANGES[change](path)
    with pytest.raises(ShardChanged):
        list(read_range(RowRange(shard, 0, 50), Columns("text"), 16, 1 << 20))


@pytest.mark.parametrize("change", ["truncated", "other content in place", "touched"])
def test_a_shard_that_changes_while_it_is_read_is_noticed_at_its_end(
    write_shard: Write, change: str
) -> None:
    path = write_shard("a.parquet", text=["a"] * 50)
    pieces = read_range(RowRange(shard_of(path), 0, 50), Columns("text"), 16, 1 << 20)
    next(pieces)
    CHANGES[change](path)
    with pytest.raises(ShardChanged):
        list(pieces)


def test_a_shard_that_is_replaced_while_it_is_read_is_read_as_it_was(write_shard: Write) -> None:
    path = write_shard("a.parquet", text=["a"] * 50)
    pieces = read_range(RowRange(shard_of(path), 0, 50), Columns("text"), 16, 1 << 20)
    first = next(pieces)
    CHANGES["other content by rename"](path)
    assert texts([first, *pieces]) == ["a"] * 50


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


def refuse_batches_above(rows: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """pyarrow as with more than 2 GiB of one nested string column; gives the sizes asked for."""
    asked: list[int] = []
    real = pq.ParquetFile.iter_batches

    def iter_batches(file: pq.ParquetFile, size: int, *args: Any, **kwargs: Any) -> Any:
        asked.append(size)
        for number, batch in enumerate(real(file, size, *args, **kwargs)):
            if size > rows and number:
                raise pa.ArrowNotImplementedError("Nested data conversions not implemented")
            yield batch

    monkeypatch.setattr(reading.pq.ParquetFile, "iter_batches", iter_batches)
    return asked


CHAT_ROWS = [[{"role": "assistant", "content": f"turn {number}"}] for number in range(100)]


@pytest.mark.parametrize("rows", [1, 5, 40])
def test_batches_that_pyarrow_cannot_decode_are_decoded_smaller(
    write_shard: Write, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    path = write_shard("a.parquet", text=CHAT_ROWS)
    asked = refuse_batches_above(rows, monkeypatch)
    pieces = read(path, 3, 97, batch_rows=64)
    assert texts(pieces) == [f"turn {number}" for number in range(3, 97)]
    assert starts_meet(pieces, 3) == 97
    assert asked[0] == reading.PROBED_ROWS
    assert asked[1:] == sorted(asked[1:], reverse=True)


def test_rows_that_pyarrow_cannot_decode_singly_are_dead(
    write_shard: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_shard("a.parquet", row_group_size=50, text=CHAT_ROWS)
    refuse_batches_above(0, monkeypatch)
    pieces = read(path, 0, 100, batch_rows=20)
    assert starts_meet(pieces, 0) == 100
    dead = [rows.start + row for rows in pieces for row in rows.dead]
    assert len(dead) + len(texts(pieces)) == 100
    assert {why.error for rows in pieces for why in rows.dead.values()} == {
        "ArrowNotImplementedError"
    }


@pytest.mark.parametrize("small_rows", [0, 200])
def test_rows_that_share_a_large_text_are_decoded_few_at_a_time(
    write_shard: Write, small_rows: int
) -> None:
    values = [f"row {number}" for number in range(small_rows)] + ["x" * 100_000] * 300
    path = write_shard("a.parquet", text=values)
    assert path.stat().st_size < 100_000
    pieces = read(path, 0, len(values), batch_bytes=1_000_000, batch_rows=100)
    assert texts(pieces) == values
    large = [len(piece) for piece in pieces if piece.start >= small_rows + 100]
    assert max(large) <= 40


def test_only_the_leaves_that_are_needed_are_read(
    write_shard: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn = {"role": "assistant", "content": "a", "tokens": [1, 2], "image": b"x" * 100}
    path = write_shard("a.parquet", text=[[turn]], other=["b"], meta=[{"id": 7, "more": "c"}])
    wanted: list[str] = []
    real = pq.ParquetFile.iter_batches

    def iter_batches(*args: Any, columns: list[str], **kwargs: Any) -> Any:
        wanted.extend(columns)
        return real(*args, columns=columns, **kwargs)

    monkeypatch.setattr(reading.pq.ParquetFile, "iter_batches", iter_batches)
    (rows,) = read(path, 0, 1, Columns("text", id="meta.id"))
    assert rows.ids == ["7"]
    assert wanted == ["text.list.element.role", "text.list.element.content", "meta.id"]


def test_a_shard_that_lost_its_column_after_planning_loses_no_row(write_shard: Write) -> None:
    path = write_shard("a.parquet", body=["a"] * 5)
    (rows,) = read(path, 0, 5)
    assert [dead.error for dead in rows.dead.values()] == ["ColumnError"] * 5
