"""Purging one shard: copied where nothing goes, else written again, row group by row group.

One worker writes a shard, since a shard is one file: the time grows with the largest shard, and
more workers than shards do not help. Memory holds one batch, the row group that is being written
up to ``group_bytes``, and the wanted rows of the shard.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.purging.checking import Checker, Keys
from scrubtrace.beam_pipelines.purging.format import not_kept
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.beam_pipelines.purging.leaving import derived, leaving_of, split
from scrubtrace.beam_pipelines.purging.rows import UnreadableError, groups_of, open_shard
from scrubtrace.beam_pipelines.purging.writing import ShardWriter
from scrubtrace.schemas.plan import Shard
from scrubtrace.schemas.removal import (
    NOT_REMOVED,
    REMOVED,
    Problem,
    PurgeSpec,
    ShardReceipt,
    problem_of,
)

COPY_BYTES = 1 << 20


@dataclass
class Purged:
    """What one shard gave: its receipt, tables like `REMOVED`, and tables like `NOT_REMOVED`."""

    receipt: ShardReceipt
    removed: list[pa.Table] = field(default_factory=list)
    not_removed: list[pa.Table] = field(default_factory=list)


def purge_shard(
    shard: Shard,
    wanted: pa.Table,
    folder: PurgeFolder,
    spec: PurgeSpec,
    keys: Keys,
    parents: pa.Array | None = None,
) -> Purged:
    """Writes the shard without what is wanted and still the same, and the files about it.

    ``wanted`` has the columns of `WANTED`, rows of this shard only, by row. Raises OSError or
    `storage.RemoteError` if a file cannot be written. A shard that cannot be read or has changed is
    not written; its receipt says so.
    """
    purged = Purged(ShardReceipt(shard.name, rows_before=shard.rows))
    try:
        with storage.open_read(shard.path) as opened:
            check_unchanged(opened, shard)
            purged.receipt.input_sha256 = storage.sha256(opened)
            _purge_open(opened, shard, wanted, folder, spec, keys, purged, parents)
            check_unchanged(opened, shard)
    except (UnreadableError, ShardChanged) as error:
        _remove(folder, shard.name)
        return given_up(shard, wanted, error)
    return purged


def given_up(shard: Shard, wanted: pa.Table, error: UnreadableError | ShardChanged) -> Purged:
    """A shard that cannot be purged: none of the wanted rows goes."""
    changed = "the file changed after it was planned"
    detail = changed if isinstance(error, ShardChanged) else f"cannot be read: {error}"
    left = Purged(ShardReceipt(shard.name, rows_before=shard.rows, error=detail))
    left.not_removed = [_problems(wanted, Problem.UNREADABLE)]
    return left


def _remove(folder: PurgeFolder, name: str) -> None:
    places = (folder.shard(name), folder.digests(name), folder.quarantine(name))
    for path in places:
        if storage.exists(path):
            storage.remove([path])


def _purge_open(
    opened: IO[bytes],
    shard: Shard,
    wanted: pa.Table,
    folder: PurgeFolder,
    spec: PurgeSpec,
    keys: Keys,
    purged: Purged,
    parents: pa.Array | None,
) -> None:
    file = open_shard(opened)
    if wanted.num_rows:
        with ExitStack() as stack:
            writer = ShardWriter(file, shard.name, folder, spec, keys, stack)
            _rewrite(file, shard.name, wanted, writer, spec, keys, purged, parents)
            if purged.removed:
                writer.close()
                writer.fill(purged.receipt)
    if purged.removed:
        with storage.open_read(folder.shard(shard.name)) as written:
            after = pq.ParquetFile(written).metadata
        purged.receipt.not_kept = list(not_kept(file.metadata, after, writer.group_rows))
        return
    with ExitStack() as stack:
        writer = ShardWriter(file, shard.name, folder, spec, keys, stack)
        _copy(opened, file, shard, folder, writer, spec, purged, parents)
        writer.close()
        writer.fill(purged.receipt)


def _copy(
    opened: IO[bytes],
    file: pq.ParquetFile,
    shard: Shard,
    folder: PurgeFolder,
    writer: ShardWriter,
    spec: PurgeSpec,
    purged: Purged,
    parents: pa.Array | None,
) -> None:
    """Copies the file byte for byte; rows are read for their digests."""
    receipt = purged.receipt
    receipt.copied, receipt.sha256, receipt.rows_after = True, receipt.input_sha256, shard.rows
    receipt.derived_rows = 0
    with storage.open_write(folder.shard(shard.name)) as out:
        opened.seek(0)
        while content := opened.read(COPY_BYTES):
            out.write(content)
    for group in groups_of(file):
        for _, batch in group.read(spec.batch_bytes):
            writer.digest(batch)
            receipt.derived_rows += _derived(batch, spec, parents)


def _rewrite(
    file: pq.ParquetFile,
    name: str,
    wanted: pa.Table,
    writer: ShardWriter,
    spec: PurgeSpec,
    keys: Keys,
    purged: Purged,
    parents: pa.Array | None,
) -> None:
    rows = wanted.column("row_index").to_numpy()
    checker = Checker(file.schema_arrow, wanted, spec, keys)
    receipt = purged.receipt
    writer.begin()
    for group in groups_of(file):
        for first, batch in group.read(spec.batch_bytes):
            low, high = np.searchsorted(rows, [first, first + batch.num_rows])
            going = checked(checker, batch, first, wanted.slice(low, high - low), purged)
            leaving = leaving_of(going, spec.by_turn)
            kept, left = split(batch, first, leaving, spec.chat)
            for piece in kept:
                writer.write(piece)
                receipt.rows_after += piece.num_rows
                receipt.derived_rows += _derived(piece, spec, parents)
            done = 0
            ordered = list(leaving.values())
            for piece in left:
                own = ordered[done : done + piece.num_rows]
                done += piece.num_rows
                digests = writer.leave(piece, own)
                pairs = zip(own, digests, strict=True)
                records = [entry.removed(spec, name, digest) for entry, digest in pairs]
                purged.removed.append(pa.Table.from_pylist(records, REMOVED))
            receipt.rows_removed += sum(entry.whole for entry in ordered)
            receipt.turns_removed += sum(len(entry.all_turns) for entry in ordered)
        writer.end_group()


def checked(
    checker: Checker, batch: pa.RecordBatch, first: int, wanted: pa.Table, purged: Purged
) -> list[dict[str, Any]]:
    """The wanted rows of a batch that may go; the others are noted with their problem."""
    entries = wanted.to_pylist()
    if not entries:
        return []
    problems = checker.problems(batch, first, entries)
    pairs = list(zip(entries, problems, strict=True))
    bad = [
        entry | {"problem": str(problem_of(entry, problem))}
        for entry, problem in pairs
        if problem is not None
    ]
    if bad:
        purged.not_removed.append(pa.Table.from_pylist(bad, NOT_REMOVED))
    return [entry for entry, problem in pairs if problem is None]


def _derived(batch: pa.RecordBatch, spec: PurgeSpec, parents: pa.Array | None) -> int:
    column = spec.lineage_column
    if column is None or parents is None or column not in batch.schema.names:
        return 0
    return derived(batch, column, parents)


def _problems(wanted: pa.Table, problem: Problem) -> pa.Table:
    names = pa.array([str(problem)] * wanted.num_rows, pa.string())
    return wanted.append_column("problem", names)
