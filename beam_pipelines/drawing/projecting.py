"""The rows of a range with as little of their texts as is needed to draw from them.

What the receipts of the scan say of a range decides: where every row has its texts, no text is
read, and of chats only the roles; where some are null or empty, only which, without decoding; else
all is read as in a scan.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import check_unchanged
from scrubtrace.beam_pipelines.columns import (
    Content,
    ShardColumns,
    TextColumn,
    find_columns,
    leaf_paths,
)
from scrubtrace.beam_pipelines.decoding import Place, Rows, column_of, decode
from scrubtrace.beam_pipelines.reading import READ_BUFFER, read_range
from scrubtrace.schemas.plan import Columns, RowRange, RunSpec
from scrubtrace.schemas.receipts import RangeReceipt

BATCH_ROWS = 1 << 15
"""Rows without their texts that are looked at together, at most."""

SOME_TEXT = "\N{HORIZONTAL ELLIPSIS}"
"""Stands for a text that was not decoded."""


class Held(StrEnum):
    """What a scan found in the rows of a range."""

    ALL = "all"
    """No null or empty text, and no dead row."""
    ALIVE = "alive"
    """No dead row."""
    UNKNOWN = "unknown"

    @classmethod
    def of(cls, receipt: RangeReceipt) -> "Held":
        """What a receipt says."""
        if receipt.dead.total():
            return cls.UNKNOWN
        return cls.ALIVE if receipt.null_texts or receipt.empty_texts else cls.ALL


def rows_of(row_range: RowRange, columns: Columns, held: Held, run: RunSpec) -> Iterator[Rows]:
    """The rows of a range, each once, with places.

    Texts are those of the rows, or something else where they were not read, or left out where every
    row has its texts in columns of plain text. Raises `ShardChanged`, OSError, `pa.ArrowException`
    or `ColumnError` if a range without dead rows is not as it was.
    """
    if held == Held.UNKNOWN:
        yield from read_range(row_range, columns, run.batch_rows, run.batch_bytes)
        return
    with storage.open_read(row_range.shard.path) as opened:
        check_unchanged(opened, row_range.shard)
        found = find_columns(pq.read_schema(opened), columns, row_range.shard.path)
    if all(map(_is_plain, found.texts)):
        places = [Place(text.column.path, None) for text in found.texts]
        for rows, texts in _projected(row_range, columns, held, run.batch_bytes):
            of_rows = np.repeat(np.arange(len(rows)), len(places)).tolist()
            yield replace(rows, texts=texts, text_rows=of_rows, places=places * len(rows))
    elif held == Held.ALL and all(text.role for text in found.texts):
        yield from _by_roles(row_range, columns, run.batch_bytes)
    else:
        yield from read_range(row_range, columns, run.batch_rows, run.batch_bytes)


def _is_plain(text: TextColumn) -> bool:
    """Whether a column holds one text a row, in bytes of its own."""
    return not text.is_list and not pa.types.is_dictionary(text.column.type)


def _by_roles(row_range: RowRange, columns: Columns, batch_bytes: int) -> Iterator[Rows]:
    """The rows of a range of chats with the role of each judged turn in the place of its text."""
    with ExitStack() as stack:
        file = _opened(stack, row_range)
        found = find_columns(file.schema_arrow, columns, row_range.shard.path)
        texts = (replace(text, contents=(Content(text.role or ""),)) for text in found.texts)
        roles = replace(found, texts=tuple(texts))
        for batch, begin in _batches(file, row_range, roles, batch_bytes):
            yield decode(batch, begin, roles)


def _projected(
    row_range: RowRange, columns: Columns, held: Held, batch_bytes: int
) -> Iterator[tuple[Rows, list[str | None]]]:
    """The rows of a range without texts, and what is known of their texts."""
    with ExitStack() as stack:
        file = _opened(stack, row_range)
        found = find_columns(file.schema_arrow, columns, row_range.shard.path)
        others = replace(found, texts=())
        wanted = found if held == Held.ALIVE else others
        if list(wanted.wanted()):
            for batch, begin in _batches(file, row_range, wanted, batch_bytes):
                yield decode(batch, begin, others), _outlines(batch, wanted)
            return
    for first in range(row_range.start, row_range.stop, BATCH_ROWS):
        nothing = pa.array([{}] * min(BATCH_ROWS, row_range.stop - first), pa.struct([]))
        yield decode(pa.RecordBatch.from_struct_array(nothing), first, others), []


def _opened(stack: ExitStack, row_range: RowRange) -> pq.ParquetFile:
    """The file of a range, which must be the one that was planned, also when it is left."""
    opened = stack.enter_context(storage.open_read(row_range.shard.path))
    check_unchanged(opened, row_range.shard)
    stack.callback(check_unchanged, opened, row_range.shard)
    return pq.ParquetFile(
        opened, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
    )


def _batches(
    file: pq.ParquetFile, row_range: RowRange, columns: ShardColumns, batch_bytes: int
) -> Iterator[tuple[pa.RecordBatch, int]]:
    """Record batches with the rows of a range, and the first row of each within the shard."""
    leaves = leaf_paths(file, list(columns.wanted()))
    first = 0
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        if first < row_range.stop and first + group.num_rows > row_range.start:
            size = BATCH_ROWS
            if columns.texts:
                size = max(1, min(size, batch_bytes * group.num_rows // group.total_byte_size))
            done = first
            for batch in file.iter_batches(size, [number], columns=leaves, use_threads=False):
                begin, end = max(done, row_range.start), min(done + len(batch), row_range.stop)
                if begin < end:
                    yield batch.slice(begin - done, end - begin), begin
                done += len(batch)
                if done >= row_range.stop:
                    break
        first += group.num_rows


def _outlines(batch: pa.RecordBatch, columns: ShardColumns) -> list[str | None]:
    """None, an empty text or `SOME_TEXT` for each text, by row, then column."""
    if not columns.texts:
        return []
    lengths = [_lengths(column_of(batch, text.column)) for text in columns.texts]
    known = {-1: None, 0: ""}
    return [known.get(n, SOME_TEXT) for n in np.stack(lengths, axis=1).reshape(-1).tolist()]


def _lengths(column: pa.Array) -> NDArray[np.int64]:
    """Bytes of each text, -1 for null."""
    binary = column if pa.types.is_binary(column.type) else column.cast(pa.large_binary())
    lengths = pc.fill_null(pc.binary_length(binary).cast(pa.int64()), -1)
    found: NDArray[np.int64] = lengths.to_numpy(zero_copy_only=False)
    return found
