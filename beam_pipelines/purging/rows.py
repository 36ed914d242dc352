"""Rows of an open shard: read in batches of a bounded size, and chosen by a mask."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.reading import READ_BUFFER, RowGroup, batches_of

MOST_ROWS = 1 << 15
"""Rows decoded at a time, where they are small."""

Mask = NDArray[np.bool_]


class UnreadableError(Exception):
    """Rows of a shard cannot be read; the message names the row group, never a value."""


@dataclass(frozen=True)
class Group(RowGroup):
    """One row group of an open shard, whose first row is row ``start`` of it."""

    start: int = 0

    def read(self, batch_bytes: int) -> Iterator[tuple[int, pa.RecordBatch]]:
        """Batches of about so many bytes, each with its first row in the shard.

        Raises `UnreadableError`, also if there are fewer rows than the footer says.
        """
        first = self.start
        found = batches_of(self, 0, self.rows, MOST_ROWS, batch_bytes)
        while True:
            try:
                batch = next(found, None)
            except MemoryError:
                raise
            except (OSError, pa.ArrowException, KeyError) as error:
                name = type(error).__name__
                raise UnreadableError(f"row group {self.number}: {name}") from None
            if batch is None:
                break
            yield first, batch
            first += batch.num_rows
        if first != self.start + self.rows:
            raise UnreadableError(f"row group {self.number}: RowsMissing")


def open_shard(opened: IO[bytes]) -> pq.ParquetFile:
    """An open shard whose page checksums are compared; raises `UnreadableError`."""
    try:
        return pq.ParquetFile(
            opened, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
        )
    except (OSError, pa.ArrowException) as error:
        raise UnreadableError(f"footer: {type(error).__name__}") from None


def groups_of(file: pq.ParquetFile, leaves: list[str] | None = None) -> Iterator[Group]:
    """The row groups of an open shard."""
    start = 0
    for number in range(file.metadata.num_row_groups):
        group = Group(file, number, leaves, start)
        yield group
        start += group.rows


def chosen(batch: pa.RecordBatch, mask: Mask) -> list[pa.RecordBatch]:
    """The rows of a batch that a mask chooses, as one batch or, without a filter, as several."""
    if mask.all():
        return [batch] if batch.num_rows else []
    if not mask.any():
        return []
    try:
        return [batch.filter(pa.array(mask))]
    except pa.ArrowNotImplementedError:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
        runs = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        return [batch.slice(start, stop - start) for start, stop in runs]
