"""Reproducing a run: its own units are scanned again elsewhere, and every file is compared.

Nothing is written into the output folder. Results that the run kept from earlier runs are not
scanned again: they are read, and must be what their receipts say.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.keys import DigestKeyError, planned_keys
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.commit import commit_run
from scrubtrace.detect import scan_here
from scrubtrace.detectors.language import IDENTIFIER
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.environment import differences, environment
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.keys import place_of_keys
from scrubtrace.resolver import results_of
from scrubtrace.review.connection import open_review, sqlite_url
from scrubtrace.runs.differing import policy_config
from scrubtrace.runs.reading import NEEDED, counted, known_run, manifest_of
from scrubtrace.schemas.plan import DetectorSpec, RunSpec, Shard, Unit, Work

COUNTED = NEEDED - {"committed_at", "policy", "limits", "dead_shards"}
"""Keys of the manifest that must be equal."""

SMALL = frozenset({"rows", "texts", "flagged", "reported", "dead_rows", "shards"})
"""Keys of the manifest whose values are short enough to show."""

SHOWN = 5
"""Shards and problems that are named; all are in the JSON."""


@dataclass(frozen=True)
class Request:
    """One call: the run, and how it is scanned; ``keep`` is a folder for what is made."""

    out: str
    run_id: str
    keep: str | None = None
    key_file: str | None = None
    workers: int = 1
    quiet: bool = False


@dataclass
class Replay:
    """What came out: ``problems`` is empty if every file and every count is equal.

    ``parts`` are those that were scanned and compared, ``kept_parts`` those of the ``kept_runs``
    that were read only. ``environment`` says in words what differs from where the run was scanned.
    """

    run: str
    units: int
    parts: int = 0
    kept_runs: int = 0
    kept_parts: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    reported: dict[str, int] = field(default_factory=dict)
    environment: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"reproduced": not self.problems} | asdict(self)


def replay(request: Request) -> Replay:
    """Scans the units of a committed run again and compares files and counts.

    Raises `UsageStop` if this installation or key is another one, or for a folder that cannot be
    used; `IncompleteStop` if a shard is not the planned file any more, or results are gone.
    """
    folder, spec = known_run(request.out, request.run_id)
    manifest = manifest_of(folder)
    work = folder.work()
    found = Replay(folder.id, len(work.units), environment=_environment(manifest))
    _check_installation(folder.id, spec, work, found.environment)
    spec_here = _with_keys(spec, request.key_file)
    _check_shards(work)
    if work.kept and storage.is_remote(request.out):
        raise UsageStop(
            f"run {folder.id} kept results of earlier runs, and {request.out} is not on this "
            "machine: copy the output folder here to replay it"
        )
    with ExitStack() as stack:
        place = _place(request, stack)
        made = RunFolder(storage.join(place, "runs", folder.id))
        made.create(spec_here, work)
        scan_here(made, request.workers, request.quiet)
        for unit in work.units:
            found.problems += _compared(unit, folder, made)
            found.parts += len(unit.detectors)
        kept_problems = list(_kept(folder, found))
        found.problems += kept_problems
        if not kept_problems:
            _link_kept(request.out, made, work)
            _commit(place, made, manifest, found)
    return found


def told(found: Replay) -> Iterator[str]:
    """What came out, in words."""
    if found.problems:
        yield f"run {found.run} is not reproduced: {len(found.problems):,} differences"
        yield from (f"  {problem}" for problem in found.problems[:SHOWN])
        if len(found.problems) > SHOWN:
            yield f"  ... and {len(found.problems) - SHOWN:,} more"
    else:
        yield f"run {found.run} reproduced: {found.units:,} units, {found.parts:,} parts identical"
        yield f"flagged: {counted(found.flagged)}; reported: {counted(found.reported)}"
    if found.kept_runs:
        yield (
            f"not scanned again, as kept from {found.kept_runs:,} earlier runs: "
            f"{found.kept_parts:,} parts, compared with their receipts"
        )
    if found.environment:
        yield "the environment is not that of the scan:"
        yield from (f"  {difference}" for difference in found.environment)


def _environment(manifest: dict[str, Any]) -> list[str]:
    """How this process differs from where the run was last scanned; empty if nobody recorded it."""
    recorded = manifest.get("environment", {}).get("scan") or []
    if not recorded:
        return []
    now = environment()
    return differences({name: recorded[-1].get(name) for name in now}, now)


def _check_installation(
    run: str, spec: RunSpec, work: Work, environment_differs: list[str]
) -> None:
    """Raises `UsageStop` that names everything that would scan in another way."""
    needed = {name for unit in work.units for name in unit.detectors}
    others = [_other(planned) for planned in spec.detectors if planned.name in needed]
    problems = [problem for problem in others if problem]
    if needed and spec.language_identifier != IDENTIFIER:
        problems.append(f"language identifier: was {spec.language_identifier}, is {IDENTIFIER}")
    if problems:
        lines = "\n  ".join([*problems, *environment_differs])
        raise UsageStop(f"this installation cannot reproduce run {run}:\n  {lines}")


def _other(planned: DetectorSpec) -> str | None:
    """How the installed detector differs from the planned one; None if it does not."""
    try:
        detector = make_detector(planned.name, planned.options)
    except DetectorError as error:
        return str(error)
    if detector.fingerprint() == planned.fingerprint:
        return None
    return (
        f"detector {planned.name}: was version {planned.version}, fingerprint "
        f"{planned.fingerprint}; is version {detector.version}, fingerprint "
        f"{detector.fingerprint()}"
    )


def _with_keys(spec: RunSpec, given: str | None) -> RunSpec:
    """The specification with the file of the keys here; raises `UsageStop` if one is missing.

    The keys are in ``given``, else in the file of the run if it is there, else where they usually
    are.
    """
    recorded = spec.key_file if spec.key_file and os.path.exists(spec.key_file) else None
    here = replace(spec, key_file=place_of_keys(given or recorded))
    try:
        planned_keys(here)
    except DigestKeyError as error:
        needed = ", ".join(spec.key_ids)
        raise UsageStop(
            f"the run needs digest key {needed}: {error}; --key-file names another file"
        ) from None
    return here


def _check_shards(work: Work) -> None:
    """Raises `IncompleteStop` that names the shards to scan that are not the planned files."""
    shards = {r.shard.name: r.shard for unit in work.units for r in unit.ranges}
    changed = [name for name, shard in sorted(shards.items()) if not _is_planned(shard)]
    if changed:
        more = f" and {len(changed) - SHOWN:,} more" if len(changed) > SHOWN else ""
        raise IncompleteStop(
            f"{len(changed):,} of {len(shards):,} shards are not the files that were planned: "
            f"{', '.join(changed[:SHOWN])}{more}; bring them back, with their times of change"
        )


def _is_planned(shard: Shard) -> bool:
    try:
        with storage.open_read(shard.path) as file:
            check_unchanged(file, shard)
    except (OSError, ShardChanged):
        return False
    return True


def _place(request: Request, stack: ExitStack) -> str:
    """The folder to scan into: that of the request, or a temporary one."""
    if request.keep is None:
        return stack.enter_context(TemporaryDirectory(prefix="scrubtrace-replay-"))
    place = Path(request.keep).resolve()
    if not storage.is_remote(request.out) and place.is_relative_to(Path(request.out).resolve()):
        raise UsageStop(f"{place} lies in the output folder, where a replay writes nothing")
    try:
        place.mkdir(parents=True, exist_ok=True)
        if any(place.iterdir()):
            raise UsageStop(f"{place} is not empty: name a new folder")
    except OSError as error:
        raise UsageStop(f"cannot write to {place}: {error.strerror}") from None
    return str(place)


def _compared(unit: Unit, before: RunFolder, after: RunFolder) -> Iterator[str]:
    """Files of a unit that are not equal in both folders."""
    pairs = [(before.part(name, unit.key), after.part(name, unit.key)) for name in unit.detectors]
    for path in (RunFolder.receipt, RunFolder.dead_letters, RunFolder.id_hashes, RunFolder.counts):
        pairs.append((path(before, unit.key), path(after, unit.key)))
    for old, new in pairs:
        digests = storage.sha256_of(old), storage.sha256_of(new)
        if digests[0] != digests[1]:
            how = "differs"
            if None in digests:
                how = "is gone" if digests[0] is None else "was not made again"
            yield f"unit {unit.key}: {old.removeprefix(before.path).lstrip('/')} {how}"


def _kept(folder: RunFolder, found: Replay) -> Iterator[str]:
    """Parts of earlier runs that are not what their receipts say; counts those that were read."""
    results = results_of(folder)
    receipts = {
        (run, unit.key): {part.detector: part.sha256 for part in receipt.parts}
        for run, unit, receipt in results.receipts()
        if run != folder.id
    }
    used = {
        (run, piece.unit.key, detector)
        for shard in results.shards
        for detector, run in results.runs(shard).items()
        for piece in results.pieces(shard, detector)
        if run != folder.id
    }
    found.kept_runs, found.kept_parts = len({run for run, _, _ in used}), len(used)
    for run, unit, detector in sorted(used):
        path = results.folders[run].part(detector, unit)
        if storage.sha256_of(path) != receipts[run, unit].get(detector):
            yield f"run {run}, unit {unit}: the part of {detector} is not the one of its receipt"


def _link_kept(out: str, made: RunFolder, work: Work) -> None:
    """Puts the runs with kept results beside the new one, where commit looks for them."""
    for run in sorted({kept.run for kept in work.kept}):
        earlier = os.path.abspath(storage.join(out, "runs", run))
        os.symlink(earlier, storage.join(os.path.dirname(made.path), run))


def _commit(place: str, made: RunFolder, manifest: dict[str, Any], found: Replay) -> None:
    """Commits the new scan under the policy of the run into a table of its own; compares counts."""
    engine = open_review(sqlite_url(storage.join(place, "review.sqlite")))
    try:
        commit_run(made, policy_config(made, manifest), engine)
    finally:
        engine.dispose()
    again = manifest_of(made)
    found.flagged, found.reported = again["flagged"], again["reported"]
    for name in sorted(COUNTED):
        if again[name] != manifest[name]:
            numbers = f": was {manifest[name]}, is {again[name]}" if name in SMALL else ""
            found.problems.append(f"the manifest has another {name}{numbers}")
