"""Rows spread over files by a hash, so that rows that can belong together share a file.

A file is Arrow IPC streams one behind the other: appending needs no file kept open, whatever the
number of partitions.
"""

import os
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

BUFFER_BYTES = 64 << 20
"""Rows that are held before they are spread over the files."""

Numbers = NDArray[np.int64]
Choose = Callable[[pa.Table], Numbers]
"""The partition of each row."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


class Spreader:
    """Appends each row to the file of its partition in a folder, in the order given."""

    def __init__(self, folder: str, choose: Choose) -> None:
        os.makedirs(folder, exist_ok=True)
        self._folder, self._choose = folder, choose
        self._held: list[pa.RecordBatch] = []
        self._size = 0
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows; they are written when there are enough of them."""
        if batch.num_rows:
            self._held.append(batch)
            self._size += batch.nbytes
            self._rows += batch.num_rows
        if self._size >= BUFFER_BYTES:
            self._flush()

    def close(self) -> int:
        """Writes what is held; gives the number of all rows."""
        self._flush()
        return self._rows

    def _flush(self) -> None:
        _write(self._held, self._folder, self._choose)
        self._held, self._size = [], 0


def _write(held: list[pa.RecordBatch], folder: str, choose: Choose) -> None:
    if not held:
        return
    table = pa.Table.from_batches(held)
    numbers = choose(table)
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[0] - 1))
    for start, stop in zip(starts, [*starts[1:], len(ordered)], strict=True):
        rows = table.take(pa.array(order[start:stop]))
        append(rows, partition_path(folder, int(ordered[start])))


def append(rows: pa.Table, path: str) -> None:
    """Adds rows to a file."""
    with open(path, "ab") as file, pa.ipc.new_stream(file, rows.schema, options=_OPTIONS) as writer:
        writer.write_table(rows)


def partition_path(folder: str, number: int) -> str:
    """The file of one partition, which may not exist."""
    return os.path.join(folder, f"{number:06d}.arrows")


def batches_of(folder: str, number: int) -> Iterator[pa.RecordBatch]:
    """The rows of one partition in the order they came in."""
    path = partition_path(folder, number)
    if not os.path.exists(path):
        return
    size = os.path.getsize(path)
    with open(path, "rb") as file:
        while file.tell() < size:
            yield from pa.ipc.open_stream(file)


def table_of(folder: str, number: int, schema: pa.Schema) -> pa.Table:
    """One partition as a table."""
    return pa.Table.from_batches(batches_of(folder, number), schema)
