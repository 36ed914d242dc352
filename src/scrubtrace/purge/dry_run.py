"""What a purge would do, counted without writing anything."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from scrubtrace.beam_pipelines.purging.foreseen import foresee_shard
from scrubtrace.beam_pipelines.purging.leaving import leaving_of
from scrubtrace.beam_pipelines.purging.shard import Purged
from scrubtrace.beam_pipelines.purging.unit import selected_keys
from scrubtrace.purge.job import Prepared
from scrubtrace.purge.maps import Sums
from scrubtrace.resumable import resumable
from scrubtrace.schemas.plan import Shard
from scrubtrace.schemas.removal import REMOVED, PurgeSpec, ShardReceipt

THREADS = 4


@dataclass
class DryRun:
    """What would go, and shards that would not be written, with the reason."""

    sums: Sums = field(default_factory=Sums)
    errors: list[tuple[str, str]] = field(default_factory=list)

    def to_dict(self, compared: bool) -> dict[str, Any]:
        """The counts for people and programs."""
        sums = self.sums
        return {
            "compared": compared,
            "rows": sums.rows,
            "turns": sums.turns,
            "by_reason": dict(sorted(sums.reasons.items())),
            "by_source": dict(sorted(sums.sources.items())),
            "by_stage": dict(sorted(sums.stages.items())),
            "named_but_not_removed": dict(sorted(sums.problems.items())),
            "shards_not_written": dict(self.errors),
        }


@resumable(keeps=False)
def dry_run(prepared: Prepared, compare: bool) -> DryRun:
    """Counts what the purge would remove; with ``compare`` only rows that are the same still.

    Without it no shard is read again, every named row counts, and of rows that lose turns it is not
    known whether a turn is left.
    """
    spec = prepared.spec()
    found = DryRun(errors=[(shard.name, shard.detail) for shard in prepared.inputs.dead])
    found.sums.problems.update(prepared.located.not_found.column("problem").to_pylist())
    purged = _compared(prepared, spec) if compare else _named(prepared, spec)
    for own in purged:
        for table in own.removed:
            found.sums.add(table)
        for table in own.not_removed:
            found.sums.problems.update(table.column("problem").to_pylist())
        if own.receipt.error:
            found.errors.append((own.receipt.shard, own.receipt.error))
    return found


def _wanted(prepared: Prepared) -> Iterator[tuple[Shard, pa.Table]]:
    """Shards with wanted rows, and these, which are in the order of the shards."""
    shards = {shard.name: shard for shard in prepared.inputs.shards}
    wanted, start = prepared.located.wanted, 0
    for entry in wanted.column("shard").value_counts().to_pylist():
        yield shards[entry["values"]], wanted.slice(start, entry["counts"])
        start += entry["counts"]


def _compared(prepared: Prepared, spec: PurgeSpec) -> Iterator[Purged]:
    keys = selected_keys(prepared.ring, spec)
    with ThreadPoolExecutor(THREADS) as pool:
        pairs = _wanted(prepared)
        while some := list(islice(pairs, 4 * THREADS)):
            yield from pool.map(lambda own: foresee_shard(own[0], own[1], spec, keys), some)


def _named(prepared: Prepared, spec: PurgeSpec) -> Iterator[Purged]:
    for shard, wanted in _wanted(prepared):
        leaving = leaving_of(wanted.to_pylist(), spec.by_turn)
        records = [own.removed(spec, shard.name, bytes(8)) for own in leaving.values()]
        removed = pa.Table.from_pylist(records, REMOVED)
        yield Purged(ShardReceipt(shard.name, rows_before=shard.rows), [removed])
