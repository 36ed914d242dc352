"""Two runs compared: what differs between them, and why each flag differs."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.config import Config, PolicySection
from scrubtrace.environment import differences
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.results import Pair
from scrubtrace.runs.attribution import Attribution, Cause, Side, attribute
from scrubtrace.runs.changes import Changes, ShardChange, Values, changes
from scrubtrace.runs.reading import known_run, manifest_of

SHOWN = 5
"""Shards of one sort that are named; all are in the JSON."""

EXPLAINED = {
    Cause.DATA: "the shard, or another with the same id, is only in one run, or another file",
    Cause.DETECTOR: "other evidence, from a detector that is another one or ran in one run only",
    Cause.POLICY: "the same evidence under another policy",
    Cause.RECURRING_NAMES: "a name recurs in one run only, by what other texts say",
    Cause.STYLE_RANKS: "other texts of the stratum rank otherwise (budget, false discovery rate)",
    Cause.SAMPLING: "the row is not in the sample of one run",
    Cause.SETTINGS: "other columns, language identifier or limits of evidence",
    Cause.FAILURE: "the shard or detector failed in one run",
    Cause.UNEXPLAINED: "other evidence, although nothing recorded differs: runs replay tells more",
}

Kinds = Mapping[str, int]


@dataclass(frozen=True)
class Difference:
    """What differs between run ``before`` and run ``after``.

    ``flagged`` has what the manifests counted, by kind. ``attribution`` is None if results are
    gone that it needs; ``problem`` then says which. ``environment`` says in words what differs
    between where the two runs were scanned last.
    """

    before: str
    after: str
    changes: Changes
    flagged: tuple[dict[str, int], dict[str, int]]
    attribution: Attribution | None
    environment: tuple[str, ...] = ()
    problem: IncompleteStop | None = None

    @property
    def is_recounted(self) -> bool:
        """Whether this version decides on the same evidence as the manifests say."""
        if self.attribution is None:
            return True
        counted = (dict(self.attribution.before), dict(self.attribution.after))
        return counted == self.flagged

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        causes = self.attribution.causes if self.attribution else {}
        return {
            "before": self.before,
            "after": self.after,
            "changes": self.changes.as_dict(),
            "environment": list(self.environment),
            "flagged_before": self.flagged[0],
            "flagged_after": self.flagged[1],
            "attributed": self.attribution is not None,
            "counts_as_in_the_manifests": self.is_recounted,
            "causes": {str(cause): vars(counts) for cause, counts in causes.items()},
        }


def compare(out: str, before: str, after: str, items: int = 0) -> Difference:
    """The difference of two committed runs, with keys of ``items`` items a cause.

    Raises `UsageStop` for a run that is not there, not committed or of another format.
    """
    folders = [known_run(out, run)[0] for run in (before, after)]
    manifests = [manifest_of(folder) for folder in folders]
    policies = (manifests[0]["policy"], manifests[1]["policy"])
    attribution, problem = None, None
    try:
        sides = [_side(folder, m) for folder, m in zip(folders, manifests, strict=True)]
        attribution = attribute(sides[0], sides[1], items)
    except IncompleteStop as stop:
        problem = stop
    return Difference(
        folders[0].id,
        folders[1].id,
        changes(folders[0], folders[1], policies),
        (manifests[0]["flagged"], manifests[1]["flagged"]),
        attribution,
        tuple(_environment(*manifests)),
        problem,
    )


def policy_config(folder: RunFolder, manifest: dict[str, Any]) -> Config:
    """The configuration with the policy that a run was committed under; raises `UsageStop`."""
    try:
        return Config(policy=PolicySection.model_validate(manifest["policy"]))
    except ValidationError:
        raise UsageStop(
            f"run {folder.id} was committed under a policy that this version does not know"
        ) from None


def told(difference: Difference) -> Iterator[str]:
    """A difference in words."""
    yield f"from run {difference.before} to run {difference.after}"
    yield from _changes(difference.changes)
    if difference.environment:
        yield "environment of the scan: changed"
        yield from (f"  {line}" for line in difference.environment)
    before, after = difference.flagged
    yield f"flagged: {sum(before.values()):,} -> {sum(after.values()):,}{_by_kind(before, after)}"
    if difference.attribution is None:
        return
    causes = difference.attribution.causes
    for cause in Cause:
        if counts := causes.get(cause):
            gained, lost = counts.gained.total(), counts.lost.total()
            kinds = ", ".join(
                f"{kind} +{counts.gained[kind]:,} -{counts.lost[kind]:,}"
                for kind in sorted({*counts.gained, *counts.lost})
            )
            yield f"  {cause}: +{gained:,} -{lost:,} ({kinds}): {EXPLAINED[cause]}"
            yield from (f"    {key}" for key in counts.items)
    if not causes:
        yield "  the same items under the same kinds"
    if not difference.is_recounted:
        counted = (difference.attribution.before.total(), difference.attribution.after.total())
        yield (
            f"  NOT AS IN THE MANIFESTS: with its own policy this version flags {counted[0]:,} -> "
            f"{counted[1]:,}; the causes add up to that. Another version committed a run"
        )


def _side(folder: RunFolder, manifest: dict[str, Any]) -> Side:
    failed = {Pair(shard, detector) for shard, detector in manifest["scan_again"]}
    return Side(folder, policy_config(folder, manifest), failed)


def _environment(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs between the last scans of both runs; empty if one has none recorded."""
    scans = [m.get("environment", {}).get("scan") for m in (before, after)]
    return differences(scans[0][-1], scans[1][-1]) if all(scans) else []


def _changes(found: Changes) -> Iterator[str]:
    if not found.shards:
        yield "data: the same shards"
    for what in ("added", "gone", "changed", "touched"):
        if shards := [change for change in found.shards if change.what == what]:
            yield f"data: {len(shards):,} shards {what}, {_rows(shards)}"
            names = ", ".join(change.name for change in shards[:SHOWN])
            more = f" and {len(shards) - SHOWN:,} more" if len(shards) > SHOWN else ""
            yield f"  {names}{more}"
    for detector in found.detectors:
        yield f"detector {detector.name} {detector.what}"
        yield from _values(detector.changed)
    if not found.detectors:
        yield "detectors: the same"
    yield "policy: " + ("changed" if found.policy else "the same")
    yield from _values(found.policy)
    yield "settings: " + ("changed" if found.settings else "the same")
    yield from _values(found.settings)
    if found.calibration is None:
        yield "no calibration is in use"
    else:
        yield "calibration: " + ("changed" if found.calibration else "the same")
        yield from _values(found.calibration)


def _rows(shards: Sequence[ShardChange]) -> str:
    before = [change.rows_before for change in shards if change.rows_before is not None]
    after = [change.rows_after for change in shards if change.rows_after is not None]
    if before and after:
        return f"{sum(before):,} rows -> {sum(after):,} rows"
    return f"{sum(before or after):,} rows"


def _values(values: Mapping[str, Values]) -> Iterator[str]:
    for name, (before, after) in values.items():
        yield f"  {name}: {_word(before)} -> {_word(after)}"


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _by_kind(before: Kinds, after: Kinds) -> str:
    old, new = Counter(before), Counter(after)
    kinds = [f"{kind} {old[kind]:,} -> {new[kind]:,}" for kind in sorted({*old, *new})]
    return f" ({', '.join(kinds)})" if kinds else ""
