"""Reading the rows of a range: streamed, projected, capped, and never dying on one bad row."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import check_unchanged
from scrubtrace.beam_pipelines.columns import ColumnError, ShardColumns, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import Dead, Rows, decode, decoded_bytes
from scrubtrace.schemas.plan import Columns, RowRange
from scrubtrace.schemas.vocabulary import DeadReason

READ_BUFFER = 1 << 20
"""Bytes read at a time from a column chunk, so that no chunk is held whole in memory."""

PROBED_ROWS = 32
"""Rows decoded first where a dictionary can make rows much larger than their share of the file."""

OVERSIZE = 4
"""A decoded batch this many times the cap makes the following ones smaller."""

DEAD_ROWS = 1024
"""Dead rows given at a time."""

SHRINK = 4
"""How many times smaller the next batches are if pyarrow cannot decode one of this size."""


@dataclass(frozen=True)
class RowGroup:
    """One row group of an open shard; ``leaves`` are the Parquet columns to read, None for all."""

    file: pq.ParquetFile
    number: int
    leaves: list[str] | None

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.file.metadata.row_group(self.number).num_rows)

    def batches(self, size: int) -> Iterator[pa.RecordBatch]:
        """Record batches of the row group from its first row on."""
        return iter(
            self.file.iter_batches(size, [self.number], columns=self.leaves, use_threads=False)
        )


def read_range(
    row_range: RowRange, columns: Columns, batch_rows: int, batch_bytes: int
) -> Iterator[Rows]:
    """The rows of a range in order, in pieces of about ``batch_bytes`` decoded at a time.

    Rows of a row group that cannot be read or decoded come as dead rows; the next row group is
    read all the same. Every row of the range comes exactly once. Damage is sure to be noticed only
    where the writer of the shard stored page checksums. Raises `ShardChanged`, also after the last
    row, if the file is not the one that was planned, and `RemoteError` if a store cannot be asked.
    """
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(storage.open_read(row_range.shard.path))
        except OSError as error:
            error_name = type(error).__name__
            yield from _dead_rows(row_range.start, row_range.stop, error_name, batch_rows)
            return
        check_unchanged(opened, row_range.shard)
        yield from _read_groups(opened, row_range, columns, batch_rows, batch_bytes)
        check_unchanged(opened, row_range.shard)


def _read_groups(
    opened: IO[bytes], row_range: RowRange, columns: Columns, batch_rows: int, batch_bytes: int
) -> Iterator[Rows]:
    done = row_range.start
    try:
        file = pq.ParquetFile(
            opened, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
        )
        found = find_columns(file.schema_arrow, columns, row_range.shard.path)
        leaves = leaf_paths(file, list(found.wanted()))
        group_start = 0
        for number in range(file.metadata.num_row_groups):
            group = RowGroup(file, number, leaves)
            start, stop = done - group_start, min(row_range.stop - group_start, group.rows)
            if start < stop:
                rows = (group_start, start, stop)
                yield from _read_rows(group, found, *rows, batch_rows, batch_bytes)
                done = group_start + stop
            group_start += group.rows
    except MemoryError:
        raise
    except (OSError, pa.ArrowException, ColumnError) as error:
        yield from _dead_rows(done, row_range.stop, type(error).__name__, batch_rows)
        return
    yield from _dead_rows(done, row_range.stop, "RowsMissing", batch_rows)


def _read_rows(
    group: RowGroup,
    columns: ShardColumns,
    group_start: int,
    start: int,
    stop: int,
    batch_rows: int,
    batch_bytes: int,
) -> Iterator[Rows]:
    """Rows ``start`` to ``stop`` of a row group, whose first row is the shard's ``group_start``."""
    done, problem = start, "RowsMissing"
    try:
        for batch in batches_of(group, start, stop, batch_rows, batch_bytes):
            rows = decode(batch, group_start + done, columns)
            done += len(rows)
            yield rows
    except MemoryError:  # pyarrow's is an ArrowException as well, but the rows are not at fault
        raise
    except (OSError, pa.ArrowException, KeyError) as error:
        problem = type(error).__name__
    yield from _dead_rows(group_start + done, group_start + stop, problem, batch_rows)


def batches_of(
    group: RowGroup, start: int, stop: int, batch_rows: int, batch_bytes: int
) -> Iterator[pa.RecordBatch]:
    """Rows ``start`` to ``stop`` of a row group, each once, in batches of a size that fits.

    pyarrow cannot decode nested columns in a batch with more than 2 GiB of one string column. Such
    a batch is decoded again in smaller ones, down to single rows. Where batches turn out much
    larger than they should be, the following ones are smaller.
    """
    done, size = start, 0
    while done < stop:
        try:
            size = size or _first_size(group, batch_rows, batch_bytes)
            seen = 0
            for batch in group.batches(size):
                seen += batch.num_rows
                if seen <= done:
                    continue
                fresh = batch.slice(batch.num_rows - (seen - done))
                fresh = fresh.slice(0, stop - done)
                done += fresh.num_rows
                yield fresh
                if done >= stop:
                    return
                if size > 1 and (held := _bytes(batch)) > OVERSIZE * batch_bytes:
                    size = max(1, size * batch_bytes // held)
                    break
            else:
                return
        except pa.ArrowNotImplementedError:
            if size == 1:
                raise
            size = max(1, (size or PROBED_ROWS) // SHRINK)


def _first_size(group: RowGroup, batch_rows: int, batch_bytes: int) -> int:
    """Rows to decode at a time, from the mean size of a row in the columns that are read.

    Rows that share large texts in a dictionary are larger than the file says, so a few are decoded.
    """
    metadata = group.file.metadata.row_group(group.number)
    chunks = [metadata.column(number) for number in range(metadata.num_columns)]
    chunks = [chunk for chunk in chunks if _is_read(chunk.path_in_schema, group.leaves)]
    mean = sum(chunk.total_uncompressed_size for chunk in chunks) / max(group.rows, 1)
    size = _fitting(mean, batch_rows, batch_bytes)
    if min(size, group.rows) > PROBED_ROWS and any(map(_is_mostly_dictionary, chunks)):
        for batch in group.batches(PROBED_ROWS):
            size = min(size, _fitting(_bytes(batch) / batch.num_rows, batch_rows, batch_bytes))
            break
    return size


def _is_mostly_dictionary(chunk: pq.ColumnChunkMetaData) -> bool:
    """Whether half of the bytes of a chunk or more are a dictionary of strings."""
    if chunk.physical_type != "BYTE_ARRAY" or not chunk.has_dictionary_page:
        return False
    dictionary = chunk.data_page_offset - chunk.dictionary_page_offset
    return bool(2 * dictionary >= chunk.total_compressed_size)


def _bytes(batch: pa.RecordBatch) -> int:
    return sum(decoded_bytes(column) for column in batch.columns)


def _is_read(path: str, leaves: list[str] | None) -> bool:
    return leaves is None or path in leaves or path.split(".")[0] in leaves


def _fitting(mean: float, batch_rows: int, batch_bytes: int) -> int:
    return max(1, min(batch_rows, int(batch_bytes / max(mean, 1))))


def dead_range(row_range: RowRange, reason: DeadReason, error: str) -> Iterator[Rows]:
    """All rows of a range, dead for one reason."""
    yield from _dead_rows(row_range.start, row_range.stop, error, DEAD_ROWS, reason)


def _dead_rows(
    start: int,
    stop: int,
    error: str,
    batch_rows: int,
    reason: DeadReason = DeadReason.UNREADABLE,
) -> Iterator[Rows]:
    for first in range(start, stop, batch_rows):
        count = min(batch_rows, stop - first)
        dead = dict.fromkeys(range(count), Dead(reason.value, error))
        yield Rows(first, count, [], [], [], dead=dead)
