"""Removing the runs that nothing needs.

The plan of a run is removed first: a folder without one is no run, so that a prune that ends in
the middle leaves no run that looks whole. The next prune removes the rest of such a folder.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, read_table, runs_of, started_at
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.resolver import current_sources, spec_or_none
from scrubtrace.runs.reading import counted
from scrubtrace.schemas.plan import RunSpec

DELETED_AT_ONCE = 1_000
"""Files of one request to an object store."""


class Stays(StrEnum):
    """Why a run stays."""

    KEPT = "as asked"
    NEWEST = "the newest of their data set"
    CURRENT = "with current results"
    HELD = "with results that runs which stay have kept"
    UNFINISHED = "unfinished"
    FOREIGN = "of another format"


@dataclass(frozen=True)
class Rule:
    """Which runs to keep: the newest ``keep`` of each data set, or those younger than ``days``.

    With ``unfinished``, unfinished runs that are older than the newest committed one go, too.
    Raises `UsageStop` unless exactly one of ``keep`` and ``days`` is given.
    """

    keep: int | None = None
    days: float | None = None
    unfinished: bool = False

    def __post_init__(self) -> None:
        if (self.keep is None) == (self.days is None):
            raise UsageStop("say which runs to keep: --keep N, or --older-than DAYS")


@dataclass(frozen=True)
class Removal:
    """A folder that goes: a run, committed or not, or the rest of one that was removed before."""

    run: str
    dataset: str | None
    what: str
    files: int
    bytes: int


@dataclass(frozen=True)
class Pruning:
    """What goes, newest first, and why each other run stays."""

    removals: tuple[Removal, ...]
    stays: dict[str, Stays]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "removed": [asdict(removal) for removal in self.removals],
            "bytes": sum(removal.bytes for removal in self.removals),
            "stays": {run: str(why) for run, why in sorted(self.stays.items())},
        }


@dataclass(frozen=True)
class _Run:
    folder: RunFolder
    spec: RunSpec
    committed: bool
    kept_from: frozenset[str]

    @property
    def id(self) -> str:
        return self.folder.id

    @property
    def is_full(self) -> bool:
        return self.committed and self.spec.sample is None


def plan_prune(out: str, rule: Rule, now: datetime | None = None) -> Pruning:
    """What a prune would remove; removes nothing.

    Kept results name the run that has them directly, so that a run which stays for its results
    only does not keep others. Raises `IncompleteStop` if a plan cannot be read.
    """
    folders = runs_of(out)
    stays: dict[str, Stays] = {}
    runs: list[_Run] = []
    for folder in reversed(folders):
        spec = spec_or_none(folder)
        if spec is None:
            stays[folder.id] = Stays.FOREIGN
        else:
            runs.append(_Run(folder, spec, folder.is_committed(), _kept_from(folder)))
    for dataset in sorted({run.spec.dataset for run in runs}):
        of_dataset = [run for run in runs if run.spec.dataset == dataset]
        stays |= _stay(of_dataset, rule, now or datetime.now(UTC))
        current = [(says.id, run) for says, _, _, run in current_sources(folders, dataset)]
        stays = dict.fromkeys({run for pair in current for run in pair}, Stays.CURRENT) | stays
    held = {needed for run in runs if run.id in stays for needed in _needed(run, stays)}
    stays = dict.fromkeys(held, Stays.HELD) | stays
    going = [_removal(run.folder, run) for run in runs if run.id not in stays]
    known = {folder.id for folder in folders}
    leftovers = [_removal(folder, None) for folder in _leftovers(out, known)]
    return Pruning((*going, *leftovers), {run: why for run, why in stays.items() if run in known})


def prune(out: str, pruning: Pruning) -> None:
    """Removes what a plan says; the caller holds the output folder.

    Raises `IncompleteStop` if a file cannot be removed; then the next prune goes on.
    """
    for removal in pruning.removals:
        folder = RunFolder(storage.join(out, "runs", removal.run))
        try:
            _remove(folder)
        except (OSError, storage.RemoteError) as error:
            raise IncompleteStop(
                f"run {removal.run} could not be removed: {error.strerror or error}; "
                "the same command goes on from here"
            ) from None


def told(pruning: Pruning, dry_run: bool) -> Iterator[str]:
    """What went or would go, in words."""
    for removal in pruning.removals:
        dataset = f", data set {removal.dataset}" if removal.dataset else ""
        yield f"{removal.run}: {removal.what}{dataset}, {_size(removal.bytes)}"
    total = sum(removal.bytes for removal in pruning.removals)
    if not pruning.removals:
        yield "nothing to remove"
    elif dry_run:
        yield f"would remove {len(pruning.removals):,} runs, {_size(total)}; nothing was removed"
    else:
        yield f"removed {len(pruning.removals):,} runs, {_size(total)}"
    reasons = [str(why) for why in pruning.stays.values()]
    if reasons:
        counts = {reason: reasons.count(reason) for reason in set(reasons)}
        yield f"{len(reasons):,} runs stay: {counted(counts)}"


def _stay(runs: Sequence[_Run], rule: Rule, now: datetime) -> dict[str, Stays]:
    """The runs of a data set, newest first, that stay for what they are."""
    stays: dict[str, Stays] = {}
    committed = [run for run in runs if run.committed]
    newest = max((run.id for run in runs if run.is_full), default="")
    for number, run in enumerate(committed):
        if number == 0 or run.id == newest:
            stays[run.id] = Stays.NEWEST
        elif _is_wanted(run, number, rule, now):
            stays[run.id] = Stays.KEPT
    for run in runs:
        superseded = committed and run.id < committed[0].id
        old = rule.days is None or not _is_young(run, rule.days, now)
        if not run.committed and not (rule.unfinished and superseded and old):
            stays[run.id] = Stays.UNFINISHED
    return stays


def _is_wanted(run: _Run, number: int, rule: Rule, now: datetime) -> bool:
    if rule.keep is not None:
        return number < rule.keep
    return rule.days is not None and _is_young(run, rule.days, now)


def _is_young(run: _Run, days: float, now: datetime) -> bool:
    """Whether a run is younger than so many days; one whose id tells no time counts as young."""
    started = started_at(run.id)
    return started is None or now - started < timedelta(days=days)


def _needed(run: _Run, stays: dict[str, Stays]) -> frozenset[str]:
    """The runs that a run needs to be committed again, if it stays for more than its results."""
    return frozenset() if stays[run.id] == Stays.CURRENT else run.kept_from


def _kept_from(folder: RunFolder) -> frozenset[str]:
    try:
        table = read_table(storage.read_bytes(folder.plan_file), ["run"])
        runs = table.column("run").unique().to_pylist()
    except (OSError, pa.ArrowException):
        raise IncompleteStop(
            f"the plan {folder.plan_file} cannot be read, so nobody knows what run {folder.id} "
            "needs; nothing was removed; move its folder away if you can do without that run"
        ) from None
    return frozenset(run for run in runs if run is not None)


def _leftovers(out: str, known: set[str]) -> list[RunFolder]:
    """Folders of runs without a plan, older than the newest run: one that is made has no plan yet.

    The specification of a run is removed last, so that it can be found on an object store.
    """
    folder = storage.join(out, "runs")
    if storage.is_remote(out):
        found = storage.match_in(folder, "*/run.json")
        names = sorted(info.path.rsplit("/", 2)[1] for info in found)
    else:
        names = storage.names_in(folder)
    newest = max((run for run in known if started_at(run)), default="")
    old = [name for name in names if name not in known and started_at(name) and name < newest]
    return [RunFolder(storage.join(folder, name)) for name in old]


def _removal(folder: RunFolder, run: _Run | None) -> Removal:
    files = storage.files_below(folder.path)
    size = sum(file.size for file in files)
    if run is None:
        return Removal(folder.id, None, "the rest of a run", len(files), size)
    what = "committed" if run.committed else "unfinished"
    return Removal(folder.id, run.spec.dataset, what, len(files), size)


def _remove(folder: RunFolder) -> None:
    files = [file.path for file in storage.files_below(folder.path)]
    first = [folder.plan_file, folder.manifest]
    last = [storage.join(folder.path, "run.json")]
    others = [path for path in files if path not in (*first, *last)]
    ordered = [[path] for path in first if path in files]
    for paths in (*ordered, *_batches(others), [path for path in last if path in files]):
        storage.remove(paths)
    storage.remove_empty_folders(folder.path)


def _batches(paths: Sequence[str]) -> Iterable[Sequence[str]]:
    return (paths[at : at + DELETED_AT_ONCE] for at in range(0, len(paths), DELETED_AT_ONCE))


def _size(count: int) -> str:
    """Bytes in words, powers of 1,000."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} GB"
