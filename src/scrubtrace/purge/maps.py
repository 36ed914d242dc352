"""What a finished purge is put together to: what went, what did not, and where rows are now."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import read_table
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.exits import SumsDifferStop
from scrubtrace.purge.item_maps import MOVED, item_maps
from scrubtrace.schemas.removal import ITEM_MAP, NOT_REMOVED, REMOVED, ROW_MAP, PurgeReceipt


@dataclass
class Sums:
    """What went, counted: rows by reason, source and stage; a row may have several reasons."""

    rows: int = 0
    turns: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    problems: Counter[str] = field(default_factory=Counter)
    keys_digest: str = ""

    def add(self, removed: pa.Table) -> None:
        """Adds rows of `REMOVED`."""
        self.rows += int(pc.sum(removed.column("whole")).as_py() or 0)
        self.turns += int(pc.sum(pc.list_value_length(removed.column("turns"))).as_py() or 0)
        self.reasons.update(pc.list_flatten(removed.column("reasons")).to_pylist())
        for name, counter in (("source", self.sources), ("stage", self.stages)):
            counter.update(value or "not known" for value in removed.column(name).to_pylist())


def put_together(
    folder: PurgeFolder,
    receipts: Sequence[PurgeReceipt],
    not_found: pa.Table,
    decisions: pa.Table | None,
    dataset: str,
) -> Sums:
    """Writes the files behind the record; gives the counts.

    Raises `SumsDifferStop` if a part is not the one that its receipt is for, or if rows are not
    as many as they should be.
    """
    sums = Sums()
    keys = hashlib.sha256()
    moved: dict[str, pa.Table] = {}
    with (
        _table(folder.removal("removed.parquet"), REMOVED) as removed,
        _table(folder.removal("rows.parquet"), ROW_MAP) as rows,
    ):
        for receipt in receipts:
            content = storage.read_bytes(folder.removed(receipt.unit))
            if hashlib.sha256(content).hexdigest() != receipt.removed_sha256:
                raise SumsDifferStop(f"{folder.removed(receipt.unit)} is not what its receipt says")
            table = read_table(content)
            removed.write_table(table)
            sums.add(table)
            keys.update("".join(map(_line, *_columns(table))).encode())
            for entry in receipt.shards:
                if entry.error:
                    continue
                own = table.filter(pc.equal(table.column("shard"), entry.shard))
                gone = own.filter(own.column("whole")).column("row_index").to_numpy()
                _check(entry.rows_after, entry.rows_before - len(gone), entry.shard)
                rows.write_table(_row_map(entry.shard, gone, entry.rows_before))
                if own.num_rows:
                    moved[entry.shard] = own.select(MOVED)
    sums.keys_digest = keys.hexdigest()
    _write_not_removed(folder, receipts, not_found, sums)
    if decisions is not None:
        with _table(folder.removal("items.parquet"), ITEM_MAP) as items:
            shards = [entry.shard for receipt in receipts for entry in receipt.shards]
            for table in item_maps(moved, decisions, dataset, shards):
                items.write_table(table)
    return sums


@contextmanager
def _table(path: str, schema: pa.Schema) -> Iterator[Any]:
    with storage.open_write(path) as file, pq.ParquetWriter(_sink(file), schema) as writer:
        writer.write_table(schema.empty_table())
        yield writer


def _sink(file: IO[bytes]) -> Any:
    return pa.PythonFile(file, "w")


def _columns(table: pa.Table) -> list[list[Any]]:
    return [table.column(name).to_pylist() for name in ("row_key", "turns")]


def _line(key: str, turns: list[int]) -> str:
    return f"{key} {','.join(map(str, turns))}".rstrip() + "\n"


def _check(found: int, expected: int, shard: str) -> None:
    if found != expected:
        raise SumsDifferStop(f"shard {shard} has {found:,} rows left, but {expected:,} should be")


def _row_map(shard: str, gone: NDArray[np.int64], rows: int) -> pa.Table:
    """Runs of rows that stayed together and of rows that went, for one shard."""
    edges = np.concatenate([[-1], gone, [rows]])
    starts, stops = edges[:-1] + 1, edges[1:]
    kept = starts < stops
    new = starts - np.arange(len(starts))
    old_start = np.concatenate([starts[kept], gone])
    old_stop = np.concatenate([stops[kept], gone + 1])
    new_start = pa.concat_arrays([pa.array(new[kept], pa.int64()), pa.nulls(len(gone), pa.int64())])
    names = pa.array([shard] * len(old_start), pa.string())
    table = pa.table([names, old_start, old_stop, new_start], schema=ROW_MAP)
    return table.take(pa.array(np.argsort(old_start, kind="stable")))


def _write_not_removed(
    folder: PurgeFolder, receipts: Sequence[PurgeReceipt], not_found: pa.Table, sums: Sums
) -> None:
    with _table(folder.removal("not_removed.parquet"), NOT_REMOVED) as writer:
        writer.write_table(not_found)
        sums.problems.update(not_found.column("problem").to_pylist())
        for receipt in receipts:
            if receipt.problems:
                writer.write_table(read_table(storage.read_bytes(folder.not_removed(receipt.unit))))
                sums.problems.update(receipt.problems)
