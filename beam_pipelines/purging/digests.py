"""Keyed digests of rows and of columns, to say later which row or column is another one.

A row is encoded as bytes that depend on its values and types alone, not on how the file stores
them: a fixed number of bytes a row for numbers and lengths, then texts and the contents of lists.
Cost: two copies of the batch, and one pass of SHA-256 over it.
"""

import hashlib
import zlib
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.columns import is_list, is_text
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.removal import BLOCK_ROWS, ROW_DIGESTS

DIGEST_BYTES = 8

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class Cells:
    """A column, encoded: ``fixed`` has shape (rows, width), ``data`` one large_binary array a part.

    Nulls are marked in ``fixed`` and empty in ``data``; how many parts there are depends on the
    type alone.
    """

    fixed: Bytes
    data: list[pa.LargeBinaryArray]


def cells_of(column: pa.Array) -> Cells:
    """The encoded values of a column; raises ArrowNotImplementedError for a type without one."""
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        return cells_of(column.storage)
    if pa.types.is_dictionary(kind):
        return cells_of(column.dictionary_decode())
    if pa.types.is_null(kind):
        return Cells(np.zeros((len(column), 1), np.uint8), [])
    if is_text(kind):
        return _texts(column)
    if pa.types.is_map(kind):
        entry = pa.struct([("key", kind.key_type), ("value", kind.item_type)])
        return cells_of(column.cast(pa.list_(entry)))
    if is_list(kind) or pa.types.is_fixed_size_list(kind):
        return _lists(column)
    if pa.types.is_struct(kind):
        return _structs(column)
    return Cells(_plain(column), [])


def joined(cells: Cells) -> pa.LargeBinaryArray:
    """The bytes of each row."""
    rows, width = cells.fixed.shape
    offsets = np.arange(rows + 1, dtype=np.int64) * width
    fixed = _binary(offsets, np.ascontiguousarray(cells.fixed))
    if not cells.data:
        return fixed
    return pc.binary_join_element_wise(fixed, *cells.data, pa.scalar(b"", pa.large_binary()))


def _texts(column: pa.Array) -> Cells:
    data = column.cast(pa.large_binary())
    lengths = pc.fill_null(pc.binary_length(data), -1)
    if data.null_count:
        data = pc.fill_null(data, b"")
    return Cells(_as_bytes(lengths.to_numpy().astype(np.int64)), [data])


def _lists(column: pa.Array) -> Cells:
    lengths = pc.fill_null(pc.list_value_length(column), -1).to_numpy().astype(np.int64)
    inner = joined(cells_of(pc.list_flatten(column)))
    ends = np.concatenate([[0], np.cumsum(np.maximum(lengths, 0))])
    return Cells(_as_bytes(lengths), [_binary(_offsets(inner)[ends], _data(inner))])


def _structs(column: pa.StructArray) -> Cells:
    inner = [cells_of(child) for child in column.flatten()]
    fixed = np.hstack([_validity(column), *(cells.fixed for cells in inner)])
    return Cells(fixed, [part for cells in inner for part in cells.data])


def _plain(column: pa.Array) -> Bytes:
    """Validity and value of numbers, times and the like; the bytes under nulls are zeroed."""
    valid = _validity(column)
    if pa.types.is_boolean(column.type):
        column = pc.fill_null(column, False).cast(pa.uint8())
    width = column.type.bit_width // 8
    buffer = column.buffers()[1]
    if buffer is None or not len(column):
        return np.hstack([valid, np.zeros((len(column), width), np.uint8)])
    start = column.offset * width
    values = np.frombuffer(buffer, np.uint8)[start : start + len(column) * width]
    cells: Bytes = np.hstack([valid, values.reshape(-1, width) * valid])
    return cells


def _validity(column: pa.Array) -> Bytes:
    valid: Bytes = pc.is_valid(column).to_numpy(zero_copy_only=False).astype(np.uint8)
    return valid.reshape(-1, 1)


def _as_bytes(numbers: NDArray[np.int64]) -> Bytes:
    return np.ascontiguousarray(numbers, "<i8").view(np.uint8).reshape(-1, 8)


def _binary(offsets: NDArray[np.int64], data: object) -> pa.LargeBinaryArray:
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)


def _offsets(column: pa.LargeBinaryArray) -> NDArray[np.int64]:
    buffer = column.buffers()[1]
    if buffer is None or not len(column):
        return np.zeros(1, np.int64)
    return np.frombuffer(buffer, np.int64)[column.offset : column.offset + len(column) + 1]


def _data(column: pa.LargeBinaryArray) -> memoryview:
    buffer = column.buffers()[2]
    return memoryview(b"") if buffer is None else memoryview(buffer)


class RowDigester:
    """Digests rows of one shard as they come, in batches of any size.

    Rows are digested by SHA-256 with a secret prefix, cut to 8 bytes. Columns, which only say where
    in a row a difference is, by CRC-32 sums, which are digested in the same way.
    """

    def __init__(self, key: DigestKey) -> None:
        secret = bytes.fromhex(key.digest("scrubtrace row digests"))
        self._seed = hashlib.sha256(secret)
        self._rows = 0
        self._pending: list[bytes] = []
        self._columns: list[list[int]] = []
        self.blocks: list[tuple[int, bytes, bytes]] = []
        """Finished blocks not yet taken: first row, digests of rows, digests of columns."""

    def digests(self, batch: pa.RecordBatch) -> list[bytes]:
        """The digest of each row, without adding the rows."""
        return self._of_rows([cells_of(column) for column in batch.columns], batch.num_rows)

    def add(self, batch: pa.RecordBatch) -> list[bytes]:
        """Adds the next rows; gives the digest of each."""
        columns = [cells_of(column) for column in batch.columns]
        found = self._of_rows(columns, batch.num_rows)
        first = 0
        while first < batch.num_rows:
            stop = min(batch.num_rows, first + BLOCK_ROWS - self._rows % BLOCK_ROWS)
            self._update(columns, first, stop)
            self._pending += found[first:stop]
            self._rows += stop - first
            first = stop
            if self._rows % BLOCK_ROWS == 0:
                self.finish()
        return found

    def finish(self) -> None:
        """Ends the block under way, if it has rows."""
        if self._pending:
            columns = b"".join(self._of_column(sums) for sums in self._columns)
            start = self._rows - len(self._pending)
            self.blocks.append((start, b"".join(self._pending), columns))
        self._pending, self._columns = [], []

    def taken(self) -> pa.RecordBatch:
        """The finished blocks as rows of `ROW_DIGESTS`; they are forgotten here."""
        names = ROW_DIGESTS.names
        rows = [dict(zip(names, block, strict=True)) for block in self.blocks]
        self.blocks = []
        return pa.RecordBatch.from_pylist(rows, ROW_DIGESTS)

    def _of_rows(self, columns: list[Cells], rows: int) -> list[bytes]:
        fixed = np.hstack([np.zeros((rows, 0), np.uint8), *(cells.fixed for cells in columns)])
        whole = joined(Cells(fixed, [part for cells in columns for part in cells.data]))
        offsets, data, copy = _offsets(whole).tolist(), _data(whole), self._seed.copy
        found = []
        for start, stop in pairwise(offsets):
            digest = copy()
            digest.update(data[start:stop])
            found.append(digest.digest()[:DIGEST_BYTES])
        return found

    def _update(self, columns: list[Cells], first: int, stop: int) -> None:
        """Adds rows to the sums of the block under way; each part of a column has its own."""
        if not self._columns:
            self._columns = [[0] * (1 + len(cells.data)) for cells in columns]
        for cells, sums in zip(columns, self._columns, strict=True):
            sums[0] = zlib.crc32(cells.fixed[first:stop].tobytes(), sums[0])
            for number, data in enumerate(cells.data, 1):
                offsets = _offsets(data)
                piece = _data(data)[offsets[first] : offsets[stop]]
                sums[number] = zlib.crc32(piece, sums[number])

    def _of_column(self, sums: list[int]) -> bytes:
        digest = self._seed.copy()
        digest.update(b"".join(value.to_bytes(4, "little") for value in sums))
        return digest.digest()[:DIGEST_BYTES]
