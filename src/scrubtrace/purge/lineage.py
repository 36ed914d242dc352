"""What came of removed rows elsewhere: rows derived from them, and training runs that read them."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import read_table
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.exits import UsageStop
from scrubtrace.purge.choosing import digest_of
from scrubtrace.purge.csv_lists import csv_rows
from scrubtrace.schemas.removal import REMOVED, PurgeSpec, ShardReceipt

NOT_SUPPLIED = "lineage not supplied"


def lineage(
    folder: PurgeFolder, spec: PurgeSpec, entries: Sequence[ShardReceipt], runs: str | None
) -> dict[str, Any]:
    """Derived rows by shard, by the lineage column, and training runs that read removed rows."""
    derived: Any = NOT_SUPPLIED
    if spec.lineage_column is not None:
        by_shard = {entry.shard: entry.derived_rows for entry in entries if entry.derived_rows}
        about = {"column": spec.lineage_column, "rows": sum(by_shard.values())}
        derived = about | {"by_shard": by_shard}
    found: Any = NOT_SUPPLIED
    if runs is not None:
        found = {"sha256": digest_of(runs), "rows_read": _runs_that_read(folder, runs)}
    return {"derived_rows_kept": derived, "training_runs": found}


def _runs_that_read(folder: PurgeFolder, path: str) -> dict[str, int]:
    """How many of the removed rows each run read.

    The file is CSV or Parquet with a column ``run``, and ``row_id``, or ``shard`` and
    ``row_index``, or ``shard`` alone where a run read all of it.
    """
    removed = read_table(storage.read_bytes(folder.removal("removed.parquet")))
    left = runs_table(path)
    keys = left.schema.names[1:]
    rows = removed.append_column("number", pa.array(range(removed.num_rows)))
    both = left.join(rows.select([*keys, "number"]), keys=keys, join_type="inner")
    counted = both.group_by(["run"]).aggregate([("number", "count_distinct")])
    pairs = zip(counted.column("run").to_pylist(), counted.column(1).to_pylist(), strict=True)
    return dict(sorted(pairs))


def runs_table(path: str) -> pa.Table:
    """What training runs read: ``run``, and what names rows; raises `UsageStop`."""
    read = _table(path)
    names = set(read.schema.names)
    keys = ["row_id"] if "row_id" in names else ["shard", "row_index"]
    if keys[0] == "shard" and "row_index" not in names:
        keys = ["shard"]
    if not {"run", keys[0]} <= names:
        raise UsageStop(f"{path} needs the columns run and row_id, or run and shard")
    try:
        columns = [read.column(name).cast(REMOVED.field(name).type) for name in keys]
    except pa.ArrowException:
        raise UsageStop(
            f"{path} has a value that is no {' or '.join(keys)}: write row numbers in digits"
        ) from None
    try:
        runs = read.column("run").cast(pa.string())
    except pa.ArrowException:
        kind = read.schema.field("run").type
        raise UsageStop(f"{path}: column run of type {kind} has no names of runs") from None
    if not set(runs.unique().to_pylist()).isdisjoint((None, "")):
        raise UsageStop(f"{path} has a row without run: name its training run, or remove it")
    return pa.table([runs, *columns], names=["run", *keys])


def _table(path: str) -> pa.Table:
    if not path.endswith(".parquet"):
        names, rows = csv_rows(path)
        columns = {name: pa.array([row[name] for row in rows], pa.string()) for name in names}
        return pa.table(columns)
    try:
        return pq.read_table(path, use_threads=False)
    except (OSError, pa.ArrowException):
        raise UsageStop(f"cannot read {path} as Parquet") from None
