"""How many texts were judged, by language and group: the denominators of rates."""

import hashlib
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import read_table
from scrubtrace.exits import IncompleteStop, SumsDifferStop
from scrubtrace.results import Results
from scrubtrace.schemas.counts import CELL_GROUPS, COUNTS

CELL = ("language", *CELL_GROUPS, "month")
"""What texts are counted by."""

EMPTY = ("empty_judged", "empty_abstained")
"""Counts of null and empty texts; null where one of the runs did not count them."""

SUMMED = pa.schema([field for field in COUNTS if field.name != "shard"])
"""Columns of `judged_counts`."""

_TABLES_AT_ONCE = 64


def judged_counts(results: Results) -> pa.Table:
    """Texts judged and abstained by detector and `CELL`, over all shards, sorted as `SUMMED`.

    Only what the results are about counts, whichever run scanned it; shards that changed are left
    out. Memory grows with the number of combinations that occur. Raises `IncompleteStop` for a run
    of an earlier version, which has no counts, and `SumsDifferStop` for a file that is not the one
    of its receipt.
    """
    total, waiting = SUMMED.empty_table(), []
    for table in _tables(results):
        waiting.append(table)
        if len(waiting) == _TABLES_AT_ONCE:
            total, waiting = _summed([total, *waiting]), []
    return _summed([total, *waiting])


def empty_apart(counts: pa.Table) -> bool:
    """Whether `judged_counts` has null and empty texts apart: whether every run counted them so."""
    return not any(counts[name].null_count for name in EMPTY)


def _tables(results: Results) -> Iterator[pa.Table]:
    wanted: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for shard in results.shards:
        if shard not in results.left_out:
            for detector, run in results.runs(shard).items():
                wanted.setdefault((run, detector), []).append((shard, detector))
    for run, unit, receipt in results.receipts():
        if receipt.counts_sha256 is None:
            raise IncompleteStop(
                f"run {run} was scanned by a version that did not count texts by group: scan "
                "again with detect --force"
            )
        path = results.folders[run].counts(unit.key)
        content = storage.read_bytes(path)
        if hashlib.sha256(content).hexdigest() != receipt.counts_sha256:
            raise SumsDifferStop(f"{path} is not the one that its receipt is for")
        table = read_table(content)
        for detector in unit.detectors:
            shards = pa.array([s for s, _ in wanted.get((run, detector), ())], pa.string())
            chosen = pc.and_(
                pc.equal(table["detector"], detector), pc.is_in(table["shard"], shards)
            )
            found = table.filter(chosen).drop_columns("shard")
            for name in EMPTY:
                if name not in found.column_names:  # of a run of an earlier version
                    found = found.append_column(name, pa.nulls(len(found), pa.int64()))
            yield found


def _summed(tables: list[pa.Table]) -> pa.Table:
    keys = ["detector", *CELL]
    grouped = pa.concat_tables(tables).group_by(keys, use_threads=False)
    strict = pc.ScalarAggregateOptions(skip_nulls=False)
    names = ("judged", "abstained", *EMPTY)
    summed = grouped.aggregate([(name, "sum", strict) for name in names])
    named = summed.rename_columns({f"{name}_sum": name for name in names})
    ordered = named.sort_by([(key, "ascending") for key in keys])
    return ordered.select(SUMMED.names).cast(SUMMED)
