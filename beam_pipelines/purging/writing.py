"""The files that purging a shard writes, each appearing whole or not at all."""

import hashlib
import json
from contextlib import ExitStack
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.purging.checking import Keys
from scrubtrace.beam_pipelines.purging.digests import RowDigester
from scrubtrace.beam_pipelines.purging.format import writer_options
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.beam_pipelines.purging.leaving import Leaving, quarantine_schema, with_reasons
from scrubtrace.schemas.removal import ROW_DIGESTS, PurgeSpec, ShardReceipt

HELD_BLOCKS = 512
"""Blocks of digests of a row group of the file with digests."""


class _Hashed:
    """A file to write, whose bytes are digested on the way."""

    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._written = 0

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def write(self, content: bytes) -> int:
        self._digest.update(content)
        self._written += len(content)
        self._file.write(content)
        return len(content)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        self._file.flush()

    def close(self) -> None:
        """Whoever opened the file closes it."""


class ShardWriter:
    """The three files of one shard: itself, digests of its rows, and its quarantine."""

    def __init__(
        self,
        file: pq.ParquetFile,
        name: str,
        folder: PurgeFolder,
        spec: PurgeSpec,
        keys: Keys,
        stack: ExitStack,
    ) -> None:
        self._schema = file.schema_arrow
        self._metadata = file.metadata
        self._name, self._folder, self._spec, self._stack = name, folder, spec, stack
        self._digester = RowDigester(keys[spec.key_id])
        about = {"columns": json.dumps(self._schema.names), "key_id": spec.key_id}
        self.digests = self._open(folder.digests(name))
        schema = ROW_DIGESTS.with_metadata(about)
        options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
        self._digest_writer = self._writer(self.digests, schema, options)
        self.shard: _Hashed | None = None
        self.quarantine: _Hashed | None = None
        self._shard_writer: Any = None
        self._quarantine_writer: Any = None
        self._pending: list[pa.RecordBatch] = []
        self._left: list[pa.RecordBatch] = []
        self._bytes, self._left_bytes, self._group_rows = 0, 0, 0
        self.group_rows: list[int] = []

    def begin(self) -> None:
        """Opens the shard's file; not called for one that is copied."""
        self.shard = self._open(self._folder.shard(self._name))
        options = writer_options(self._metadata)
        self._shard_writer = self._writer(self.shard, self._schema, options)
        self._shard_writer.add_key_value_metadata(self._metadata.metadata or {})

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows to the shard's row group."""
        self.digest(batch)
        self._pending.append(batch)
        self._bytes += batch.nbytes
        self._group_rows += batch.num_rows
        if self._bytes >= self._spec.group_bytes:
            self._flush()

    def end_group(self) -> None:
        """Ends the row group, if it has rows."""
        self._flush()
        self._flush_left()
        self.group_rows.append(self._group_rows)
        self._group_rows = 0

    def digest(self, batch: pa.RecordBatch) -> None:
        """Adds the rows' digests."""
        self._digester.add(batch)
        if len(self._digester.blocks) >= HELD_BLOCKS:
            self._digest_writer.write_batch(self._digester.taken())

    def leave(self, batch: pa.RecordBatch, own: list[Leaving]) -> list[bytes]:
        """Puts rows into quarantine, if they are kept at all; gives their digests."""
        if self._spec.quarantine:
            if self._quarantine_writer is None:
                self.quarantine = self._open(self._folder.quarantine(self._name))
                schema = quarantine_schema(self._schema)
                options = {"compression": "zstd", "write_page_checksum": True}
                self._quarantine_writer = self._writer(self.quarantine, schema, options)
            self._left.append(with_reasons(batch, own))
            self._left_bytes += batch.nbytes
            if self._left_bytes >= self._spec.group_bytes:
                self._flush_left()
        return self._digester.digests(batch)

    def close(self) -> None:
        """Ends all files."""
        self._digester.finish()
        self._digest_writer.write_batch(self._digester.taken())
        for writer in (self._digest_writer, self._shard_writer, self._quarantine_writer):
            if writer is not None:
                writer.close()

    def fill(self, receipt: ShardReceipt) -> None:
        """Puts the digests of the files into the receipt."""
        receipt.digests_sha256 = self.digests.sha256
        if self.shard is not None:
            receipt.sha256 = self.shard.sha256
        if self.quarantine is not None:
            receipt.quarantine_sha256 = self.quarantine.sha256

    def _flush(self) -> None:
        if self._pending:
            table = pa.Table.from_batches(self._pending)
            self._shard_writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._pending, self._bytes = [], 0

    def _flush_left(self) -> None:
        if self._left:
            self._quarantine_writer.write_table(pa.Table.from_batches(self._left))
        self._left, self._left_bytes = [], 0

    def _open(self, path: str) -> _Hashed:
        return _Hashed(self._stack.enter_context(storage.open_write(path)))

    def _writer(self, file: _Hashed, schema: pa.Schema, options: dict[str, Any]) -> Any:
        """A writer that is closed before its file, also if something is raised."""
        writer = pq.ParquetWriter(file, schema, **options)
        self._stack.callback(writer.close)
        return writer
