"""Scope: what of the expected shards the current results cover, and what they do not."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scrubtrace.audit.population import shards_digest
from scrubtrace.balance import Balance, check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.campaign.excepting import Exceptions
from scrubtrace.campaign.expected import Expected, ExpectedShard, expected_shards
from scrubtrace.counted import judged_counts
from scrubtrace.resolver import committed_runs, current_results
from scrubtrace.results import Pair, Results
from scrubtrace.runs.changes import how_changed
from scrubtrace.runs.reading import manifest_of
from scrubtrace.schemas.campaign import DataScope, DetectorUse, ExpectedData, Gap, ShardGap
from scrubtrace.schemas.plan import RunSpec, Shard
from scrubtrace.schemas.vocabulary import Abstained


@dataclass(frozen=True)
class Found:
    """The scope of a data set, and the heads of the review log that its manifests name.

    ``shards`` is the digest of all shards with results, as plans of batches have it; empty without.
    """

    scope: DataScope
    heads: tuple[str, ...] = ()
    shards: str = ""


def find_scope(
    out: str, data: ExpectedData, required: Sequence[str], exceptions: Exceptions
) -> Found:
    """What is scanned of a data set; ``required`` names detectors that all shards need.

    Raises `UsageStop` for inputs or manifests that cannot be read, `IncompleteStop` and
    `SumsDifferStop` as reading results does.
    """
    expected = expected_shards(data)
    folders = runs_of(out)
    newest = next(committed_runs(folders, data.name), None)
    dead = _dead_in_runs(folders, data.name)
    if newest is None:
        gaps = [_missing(data.name, shard, dead) for shard in expected.shards]
        return Found(DataScope(data.name, len(gaps), gaps=_excused(gaps, exceptions)))
    everything = current_results(out, data.name)
    covered, gaps, known = _compare(data.name, expected, everything.shards, dead)
    results = _narrowed(everything, set(covered))
    balance = check_balance(results)
    gaps += _gaps_within(data.name, results, required)
    if exceptions.of_texts():
        exceptions.count_texts(data.name, judged_counts(results).to_pylist())
    manifests = {run: manifest_of(folder) for run, folder in sorted(everything.folders.items())}
    manifests[newest[0].id] = manifest_of(newest[0])
    scope = DataScope(
        dataset=data.name,
        expected_shards=len(expected.shards),
        shards=len(covered),
        rows=balance.rows,
        bytes=sum(results.shards[name].size for name in covered),
        texts=balance.texts,
        null_texts=balance.null_texts,
        empty_texts=balance.empty_texts,
        not_expected=len(everything.shards) - known,
        policy=manifests[newest[0].id].get("digests", {}).get("policy"),
        newest_run=newest[0].id,
        languages=dict(sorted(balance.languages.items())),
        detectors=tuple(_detectors(results)),
        gaps=_excused(gaps, exceptions),
        abstained=_abstained(balance),
        sampled_out=max((tally.sampled_out for tally in balance.detectors.values()), default=0),
        dead_rows=balance.dead.total(),
        columns=results.spec.columns.texts,
        columns_not_judged=tuple(sorted(expected.text_columns - _used(results.spec))),
        turns_not_judged={
            path: turns.not_judged for path, turns in sorted(balance.turns.items())
            if turns.not_judged
        },
        manifests={run: _sha256(everything, newest[0], run) for run in sorted(manifests)},
    )  # fmt: skip
    shards = shards_digest(everything.shards.values())
    return Found(scope, tuple(_heads(manifests)), shards)


def _compare(
    dataset: str,
    expected: Expected,
    current: Mapping[str, Shard],
    dead: Mapping[str, str],
) -> tuple[list[str], list[ShardGap], int]:
    """Names of the shards whose results hold, gaps of all others, how many expected have any."""
    by_path = {shard.path: shard for shard in current.values()}
    covered: list[str] = []
    gaps: list[ShardGap] = []
    paths = {shard.path for shard in expected.shards}
    by_name = {name: shard for name, shard in current.items() if shard.path not in paths}
    known: set[str] = set()
    for shard in expected.shards:
        scanned = by_path.get(shard.path or "") or by_name.get(shard.name)
        known |= {scanned.name} if scanned is not None else set()
        if scanned is None or shard.unreadable is not None:
            gaps.append(_missing(dataset, shard, dead))
        elif detail := _changed(shard, scanned):
            gaps.append(
                ShardGap(dataset, Gap.CHANGED, scanned.name, shard.rows, shard.bytes, detail)
            )
        else:
            covered.append(scanned.name)
    return covered, gaps, len(known)


def _changed(shard: ExpectedShard, scanned: Shard) -> str:
    """What differs from the file that was scanned; empty if nothing does."""
    if shard.file is not None and how_changed(scanned, shard.file) != "changed":
        return ""
    pairs = (("rows", scanned.rows, shard.rows), ("bytes", scanned.size, shard.bytes))
    differing = [
        f"{name} {before:,} -> {now:,}"
        for name, before, now in pairs
        if now is not None and before != now
    ]
    return ", ".join(differing) or ("another footer" if shard.file is not None else "")


def _missing(dataset: str, shard: ExpectedShard, dead: Mapping[str, str]) -> ShardGap:
    about = (shard.rows, shard.bytes)
    if shard.unreadable is not None:
        return ShardGap(dataset, Gap.DEAD_SHARD, shard.name, *about, shard.unreadable)
    if shard.name in dead:
        return ShardGap(dataset, Gap.DEAD_SHARD, shard.name, *about, dead[shard.name])
    return ShardGap(dataset, Gap.MISSING, shard.name, *about)


def _dead_in_runs(folders: Sequence[RunFolder], dataset: str) -> dict[str, str]:
    """Shards that the newest run which knows them could not read, with the reason."""
    dead: dict[str, str] = {}
    seen: set[str] = set()
    for folder, _ in committed_runs(folders, dataset):
        work = folder.work()
        dead |= {shard.name: shard.reason for shard in work.dead if shard.name not in seen}
        seen |= work.shard_names | {shard.name for shard in work.dead}
    return dead


def _narrowed(results: Results, names: set[str]) -> Results:
    """The results of some of the shards."""
    pairs = {
        Pair(name, detector): (results.shards[name], run)
        for name in sorted(names)
        for detector, run in results.runs(name).items()
    }
    used = {run for _, run in pairs.values()}
    return Results(
        results.spec, pairs, {run: f for run, f in results.folders.items() if run in used}
    )


def _gaps_within(dataset: str, results: Results, required: Sequence[str]) -> list[ShardGap]:
    """Rows that could not be read, detectors that raised, and detectors that did not run."""
    dead: Counter[str] = Counter()
    errors: Counter[tuple[str, str]] = Counter()
    for run, _, receipt in results.receipts():
        for entry in receipt.ranges:
            runs = results.runs(entry.shard) if entry.shard in results.shards else {}
            counted = [name for name in entry.detectors if runs.get(name) == run]
            if counted and min(runs) in counted:
                dead[entry.shard] += entry.dead.total()
            for name in counted:
                raised = entry.detectors[name].abstained[Abstained.DETECTOR_ERROR]
                errors[entry.shard, name] += raised
    gaps = [ShardGap(dataset, Gap.DEAD_ROWS, s, rows) for s, rows in sorted(dead.items()) if rows]
    gaps += [
        ShardGap(dataset, Gap.DETECTOR_ERRORS, shard, rows, None, name)
        for (shard, name), rows in sorted(errors.items())
        if rows
    ]
    for name, shard in results.shards.items():
        lacking = [detector for detector in required if detector not in results.runs(name)]
        about = (shard.rows, shard.size)
        gaps += [ShardGap(dataset, Gap.NO_DETECTOR, name, *about, one) for one in lacking]
    return gaps


def _excused(gaps: Sequence[ShardGap], exceptions: Exceptions) -> tuple[ShardGap, ...]:
    return tuple(replace(gap, exception=exceptions.of_shard(gap)) for gap in gaps)


def _detectors(results: Results) -> Iterator[DetectorUse]:
    """Detectors by name, version and fingerprint, with what they scanned."""
    planned = {
        (run, d.name): (d.name, d.version, d.fingerprint)
        for run, folder in results.folders.items()
        for d in folder.spec().detectors
    }
    shards: Counter[tuple[str, str, str]] = Counter()
    rows: Counter[tuple[str, str, str]] = Counter()
    for name, shard in results.shards.items():
        for detector, run in results.runs(name).items():
            shards[planned[run, detector]] += 1
            rows[planned[run, detector]] += shard.rows
    for about in sorted(shards):
        yield DetectorUse(*about, shards[about], rows[about])


def _abstained(balance: Balance) -> dict[str, dict[str, int]]:
    return {
        name: dict(sorted(tally.texts_abstained.items()))
        for name, tally in sorted(balance.detectors.items())
        if tally.texts_abstained.total()
    }


def _used(spec: RunSpec) -> set[str]:
    """Top-level columns that the scan read, as text or for something else."""
    columns = spec.columns
    named = (*columns.texts, columns.id, columns.language, *columns.groups.values())
    return {path.split(".")[0] for path in named if path}


def _heads(manifests: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    return (str(m["review_head"]) for m in manifests.values() if m.get("review_head"))


def _sha256(results: Results, newest: RunFolder, run: str) -> str:
    folder = newest if run == newest.id else results.folders[run]
    return hashlib.sha256(storage.read_bytes(folder.manifest)).hexdigest()
