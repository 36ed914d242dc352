"""Finding the value behind a pseudonym again: in the data, with the key, and never silently."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.columns import ColumnError, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import Rows, column_of
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.exits import UsageStop
from scrubtrace.resolver import find_run, spec_or_none
from scrubtrace.schemas.identity import PSEUDONYM, DigestKey, KeyRing
from scrubtrace.schemas.plan import Columns, Shard

BATCH_ROWS = 10_000


@dataclass
class Search:
    """Where a pseudonym was looked for; ``value`` is None if it was not found.

    ``unread`` are shards that are gone, cannot be read, or have no such column any more.
    """

    value: str | None = None
    group: str | None = None
    runs: int = 0
    shards: int = 0
    groups: set[str] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """Where it was looked for, in words."""
        groups = ", ".join(sorted(self.groups)) or "no group column"
        return f"{groups} of {self.shards:,} shards of {self.runs:,} runs"


def checked_pseudonym(text: str) -> str:
    """The pseudonym in lower case; raises `UsageStop` if it does not look like one."""
    pseudonym = text.strip().lower()
    if not PSEUDONYM.fullmatch(pseudonym):
        raise UsageStop("a pseudonym looks like p-7kq2m-x4fza: copy it from the review table")
    return pseudonym


def find_value(out: str, pseudonym: str, ring: KeyRing, run: str | None = None) -> Search:
    """The value of a group column with this pseudonym, by any of the keys.

    Reads only the group columns of the shards of the runs below ``out``, the newest run first, or
    of ``run``; each shard once. Raises `UsageStop` if there is no run.
    """
    folders = [find_run(out, run)] if run else list(reversed(runs_of(out)))
    if not folders:
        raise UsageStop(f"there is no run in {out}: give the folder that detect wrote to")
    keys, found = (ring.active, *ring.retired), Search()
    seen: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
    for folder, groups in _runs_with_groups(folders):
        found.runs += 1
        found.groups |= groups.keys()
        for shard in _shards(folder):
            place = (shard.path, tuple(sorted(groups.items())))
            if place not in seen:
                seen.add(place)
                _look_in(shard, groups, pseudonym, keys, found)
            if found.value is not None:
                return found
    return found


def _runs_with_groups(folders: list[RunFolder]) -> Iterator[tuple[RunFolder, dict[str, str]]]:
    for folder in folders:
        spec = spec_or_none(folder)
        if spec is not None:
            yield folder, spec.columns.groups


def _shards(folder: RunFolder) -> Iterator[Shard]:
    """Each shard of a run once, also those whose results it kept."""
    work = folder.work()
    shards = {r.shard.name: r.shard for unit in work.units for r in unit.ranges}
    shards |= {kept.shard.name: kept.shard for kept in work.kept}
    yield from shards.values()


def _look_in(
    shard: Shard,
    groups: dict[str, str],
    pseudonym: str,
    keys: tuple[DigestKey, ...],
    found: Search,
) -> None:
    if not groups:
        return
    try:
        for group, value in _values(shard.path, groups):
            if any(key.pseudonym(group, value) == pseudonym for key in keys):
                found.group, found.value = group, value
                break
    except (OSError, storage.RemoteError, pa.ArrowException, ColumnError):
        found.unread.append(shard.name)
        return
    found.shards += 1


def _values(path: str, groups: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Group and value, each once, as findings have them."""
    seen: set[tuple[str, str]] = set()
    with storage.open_read(path) as opened:
        file = pq.ParquetFile(opened, pre_buffer=False)
        columns = find_columns(file.schema_arrow, Columns((), groups=groups), path)
        leaves = leaf_paths(file, list(columns.wanted()))
        for batch in file.iter_batches(BATCH_ROWS, columns=leaves, use_threads=False):
            for name, column in columns.groups.items():
                values = {(name, value) for value in _distinct(column_of(batch, column), name)}
                yield from sorted(values - seen)
                seen |= values


def _distinct(array: pa.Array, name: str) -> Iterator[str]:
    values = array.unique()
    rows = Rows(0, len(values), [], [], [], groups={name: values})
    for number in range(len(values)):
        value = rows.group_value(name, number)
        if value is not None:
            yield value
