"""Which results are current: the latest committed ones of each shard and detector.

The one place that decides it. Planning asks what need not be scanned again; commit and whatever
reads results afterwards get them from here as `Results`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, read_table, runs_of, started_at
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.results import Pair, Results
from scrubtrace.schemas.plan import RunSpec, Shard

PLAN_SHARD = [
    "path", "shard", "size", "modified", "footer_digest", "shard_rows", "run", "detectors",
]  # fmt: skip


def committed_runs(
    folders: Sequence[RunFolder], dataset: str
) -> Iterator[tuple[RunFolder, RunSpec]]:
    """Committed runs of full scans of a data set, newest first, with their specifications."""
    for folder in reversed(folders):
        if folder.is_committed():
            spec = spec_or_none(folder)
            if spec and spec.sample is None and spec.dataset == dataset:
                yield folder, spec


def spec_or_none(folder: RunFolder) -> RunSpec | None:
    """The specification of a run; None if another version of scrubtrace wrote it."""
    try:
        return folder.spec()
    except (OSError, ValueError, KeyError, TypeError):
        return None


def newer_run(out: str, dataset: str, run: str, shards: Set[str]) -> str | None:
    """The newest committed full scan after ``run`` that is about any of the shards; None if none.

    What such a run found, and did not find again, is newer than what ``run`` can know.
    """
    for folder, _ in committed_runs(runs_of(out), dataset):
        if folder.id <= run:
            break
        if next(_holders(folder, shards), None):
            return folder.id
    return None


def find_run(out: str, run_id: str) -> RunFolder:
    """The run with this id, or with an id that begins so; raises `UsageStop` with the choices."""
    folders = {folder.id: folder for folder in runs_of(out)}
    found = [run_id] if run_id in folders else [run for run in folders if run.startswith(run_id)]
    if len(found) != 1:
        choices = ", ".join(sorted(found or folders)[-5:]) or "there are none"
        problem = "more than one run" if found else "no run"
        raise UsageStop(f"{problem} {run_id!r} in {out}; the latest are: {choices}")
    return folders[found[0]]


def current_runs(out: str, spec: RunSpec, shards: Iterable[Shard]) -> dict[str, dict[str, str]]:
    """The run that has current results, by name of the shard and of the detector.

    Results are current if the shard is the same file still (name, size, time of change, footer
    digest), the detector has the same fingerprint, and everything else that results depend on is
    as in ``spec``; of retired digest keys there may have been more. A shard with rows that could
    not be read, and a detector that raised on a row of it, have none.
    """
    folders = runs_of(out)
    known = {folder.id for folder in folders}
    files = {shard.name: shard for shard in shards}
    missing = {Pair(name, planned.name) for name in files for planned in spec.detectors}
    current: dict[str, dict[str, str]] = {}
    for number, (folder, earlier) in enumerate(committed_runs(folders, spec.dataset)):
        if number:  # the newest is looked at in any case: times of files may be off
            missing = {pair for pair in missing if _may_know(folder, files[pair.shard])}
        if not missing:
            break
        same = {d.name for d in earlier.detectors if d in spec.detectors}
        if not same or earlier.basis() != spec.basis():
            continue
        if not set(spec.retired_key_ids) <= set(earlier.retired_key_ids):
            continue  # texts known by a key that was added could not be recognised
        again = _scan_again(folder)
        if again is None:
            continue
        for shard, detector, run in _holders(folder, {pair.shard for pair in missing}):
            pair = Pair(shard.name, detector)
            if pair not in missing or _identity(shard) != _identity(files[shard.name]):
                continue
            if detector in same and run in known:
                missing.discard(pair)
                if pair not in again:
                    current.setdefault(shard.name, {})[detector] = run
    return current


def results_of(folder: RunFolder) -> Results:
    """What one run is about: its own results and those that it kept from earlier runs.

    Raises `IncompleteStop` if a run that it kept results of is gone.
    """
    pairs = {Pair(shard.name, detector): (shard, run) for shard, detector, run in _holders(folder)}
    return _results(folder, pairs)


def current_results(out: str, dataset: str) -> Results:
    """The current results of a data set: of every shard, from the newest run that has it.

    Of a shard that changed, only the results of the newest file count. Raises `UsageStop` if no
    run of the data set is committed.
    """
    folders = runs_of(out)
    first = next(committed_runs(folders, dataset), None)
    if first is None:
        raise UsageStop(
            f"no run of data set {dataset!r} in {out} is committed that is a full scan, without "
            "--sample"
        )
    sources = current_sources(folders, dataset)
    pairs = {Pair(shard.name, detector): (shard, run) for _, shard, detector, run in sources}
    return _results(first[0], pairs)


def current_sources(
    folders: Sequence[RunFolder], dataset: str
) -> Iterator[tuple[RunFolder, Shard, str, str]]:
    """Each shard and detector with current results, and the run that has them.

    The folder is that of the newest run which says so: what is current rests on both runs.
    """
    seen: set[Pair] = set()
    newest: dict[str, Shard] = {}
    for folder, _ in committed_runs(folders, dataset):
        for shard, detector, run in _holders(folder):
            same = _identity(newest.setdefault(shard.name, shard)) == _identity(shard)
            if same and (pair := Pair(shard.name, detector)) not in seen:
                seen.add(pair)
                yield folder, shard, detector, run


def _results(folder: RunFolder, pairs: dict[Pair, tuple[Shard, str]]) -> Results:
    folders = {}
    for run in sorted({run for _, run in pairs.values()}):
        path = storage.join(folder.path.rsplit("/", 1)[0], run)
        folders[run] = RunFolder(path)
        if run != folder.id and not folders[run].is_committed():
            raise IncompleteStop(
                f"run {run}, which has results that run {folder.id} needs, is gone; "
                "scan again with detect"
            )
    return Results(folder.spec(), pairs, folders)


def _holders(folder: RunFolder, names: Set[str] | None = None) -> Iterator[tuple[Shard, str, str]]:
    """Shard, detector, and the run that has the results, of all that a run is about.

    With ``names`` only those shards: the plans of many runs are looked at for a few of them.
    """
    table = read_table(storage.read_bytes(folder.plan_file), PLAN_SHARD)
    if names is not None:
        table = table.filter(pc.is_in(table.column("shard"), pa.array(sorted(names), pa.string())))
    seen: set[Pair] = set()
    for row in table.to_pylist():
        about = (row["size"], row["modified"], row["footer_digest"], row["shard_rows"])
        for detector in row["detectors"]:
            if (pair := Pair(row["shard"], detector)) not in seen:
                seen.add(pair)
                yield Shard(row["path"], row["shard"], *about), detector, row["run"] or folder.id


def _may_know(folder: RunFolder, shard: Shard) -> bool:
    """Whether a run can be about a file: not if the file was written after the run began."""
    started = started_at(folder.id)
    if started is None or not shard.modified.isdigit():
        return True
    return int(shard.modified) <= started.timestamp() * 1e9


def _identity(shard: Shard) -> tuple[int, str, str]:
    return shard.size, shard.modified, shard.footer_digest


def _scan_again(folder: RunFolder) -> set[Pair] | None:
    """Results that no later run may keep; None, as all of them, if the manifest is damaged."""
    try:
        manifest: dict[str, Any] = json.loads(storage.read_bytes(folder.manifest))
        return {Pair(shard, detector) for shard, detector in manifest["scan_again"]}
    except (ValueError, KeyError, TypeError):
        return None
