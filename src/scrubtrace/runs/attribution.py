"""Why flags differ between two runs: each item that differs gets one cause.

Both runs are read side by side, by shard and row. Between the verdict of the one run and that of
the other, one thing is exchanged at a time: the evidence, then the names that recur, then how far
style flags, then the policy. The first exchange that changes the verdict is the cause.
"""

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any, NamedTuple

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.commit import recurring_names, repeated_ids, style_outcome
from scrubtrace.config import Config
from scrubtrace.exits import IncompleteStop
from scrubtrace.outcome import Outcome
from scrubtrace.policy import judge
from scrubtrace.recurrence import promoted
from scrubtrace.resolver import results_of
from scrubtrace.results import Pair, Results
from scrubtrace.runs.changes import how_changed
from scrubtrace.schemas.identity import item_key
from scrubtrace.style.cuts import Cuts

Evidence = list[dict[str, Any]]
Place = tuple[str, int | None]
"""Field and turn of a text in its row."""


class Cause(StrEnum):
    """Why an item is flagged in one run only, or under another kind."""

    DATA = "data"
    DETECTOR = "detector"
    POLICY = "policy"
    RECURRING_NAMES = "recurring names"
    STYLE_RANKS = "style ranks"
    SAMPLING = "sampling"
    SETTINGS = "settings"
    FAILURE = "failure"
    UNEXPLAINED = "unexplained"


class Seen(NamedTuple):
    """One text with evidence, as one run saw it."""

    key: str
    evidence: Evidence


@dataclass
class Counts:
    """Items of one cause by kind: flagged by the later run only, and by the earlier run only."""

    gained: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    items: list[str] = field(default_factory=list)


@dataclass
class Attribution:
    """Causes of all differences in flags; ``before`` and ``after`` count what is flagged, by kind.

    For each kind, ``after - before`` is the sum of ``gained - lost`` over the causes. An item that
    is flagged in both runs under different kinds is lost under the one, gained under the other.
    """

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    causes: dict[Cause, Counts] = field(default_factory=dict)

    def add(self, cause: Cause, key: str, kind: str, is_gain: bool, items: int) -> None:
        """Counts one item; the keys of the first ``items`` of each cause are remembered."""
        counts = self.causes.setdefault(cause, Counts())
        (counts.gained if is_gain else counts.lost)[kind] += 1
        if len(counts.items) < items and key not in counts.items:
            counts.items.append(key)


class Side:
    """One of the two runs: its results, and how it decides.

    Raises `IncompleteStop` if a run or part that it needs is gone, `SumsDifferStop` if sums of
    its receipts do not match.
    """

    def __init__(self, folder: RunFolder, config: Config, scan_again: set[Pair]) -> None:
        self.results = results_of(folder)
        _check_parts(self.results)
        self.spec = self.results.spec
        self.policy = config.policy
        self.scan_again = scan_again
        outcome = Outcome(folder.id, self.spec.dataset, check_balance(self.results), [])
        self._repeated = repeated_ids(self.results, outcome)
        self.names = recurring_names(self.results, config, outcome)
        self.cuts = style_outcome(self.results, config, outcome).cuts
        self._fingerprints = {planned.name: planned.fingerprint for planned in self.spec.detectors}

    def rows(self) -> Iterator[tuple[tuple[str, int], dict[Place, Seen]]]:
        """The texts with evidence of one row after the other, by shard and row; asked for once."""
        for shard in self.results.shards:
            occurrences = self._repeated.occurrences(shard) if self._repeated else None
            texts = self.results.texts(shard)
            for index, found in groupby(texts, key=lambda text: int(text.row["row_index"])):
                occurrence = 0 if occurrences is None else int(occurrences[index])
                seen = {}
                for text in found:
                    place = (text.row["field"], text.row["turn"])
                    about = (shard, index, text.row["row_id"], occurrence)
                    seen[place] = Seen(item_key(self.spec.dataset, *about, *place), text.evidence)
                yield (shard, index), seen

    def fingerprint(self, shard: str, detector: str) -> str | None:
        """The fingerprint of a detector with results of a shard; None if it has none."""
        ran = shard in self.results.shards and detector in self.results.runs(shard)
        return self._fingerprints[detector] if ran else None

    def reads_like(self, other: "Side") -> bool:
        """Whether both runs read the same texts in the same way."""
        ours, theirs = (
            (s.spec.columns, s.spec.language_identifier, s.spec.spans_per_signal)
            for s in (self, other)
        )
        return ours == theirs

    def may_leave_out(self, other: "Side") -> bool:
        """Whether a row that the other run judged may not be in this run's sample."""
        mine, theirs = self.spec.sample, other.spec.sample
        same_rows = self.spec.key_id == other.spec.key_id
        return mine is not None and (not same_rows or mine < (theirs or 1))


def attribute(before: Side, after: Side, items: int = 0) -> Attribution:
    """The cause of each flag that only one of two runs has, with ``items`` keys a cause.

    Memory: one row of each run at a time, and about 300 bytes for each item that differs.
    """
    attribution = Attribution()
    pending: dict[tuple[str, str], tuple[bool, Cause]] = {}
    for shard, old, new in _rows_of_both(before, after):
        for place in {**old, **new}:
            pair = (old.get(place), new.get(place))
            lost, gained = _flagged(pair[0], before), _flagged(pair[1], after)
            attribution.before.update([lost[1]] if lost else [])
            attribution.after.update([gained[1]] if gained else [])
            if lost == gained:
                continue
            cause = _cause(before, after, shard, place, pair)
            for item, is_gain in ((lost, False), (gained, True)):
                if item and pending.pop(item, (is_gain,))[0] == is_gain:
                    pending[item] = (is_gain, cause)
    for (key, kind), (is_gain, cause) in pending.items():
        attribution.add(cause, key, kind, is_gain, items)
    return attribution


def _rows_of_both(
    before: Side, after: Side
) -> Iterator[tuple[str, dict[Place, Seen], dict[Place, Seen]]]:
    """Shard and texts of each row with evidence in either run."""
    merged = heapq.merge(_numbered(before, 0), _numbered(after, 1), key=lambda entry: entry[:2])
    for (shard, _), entries in groupby(merged, key=lambda entry: entry[0]):
        rows: list[dict[Place, Seen]] = [{}, {}]
        for _, number, row in entries:
            rows[number] = row
        yield shard, rows[0], rows[1]


def _numbered(side: Side, number: int) -> Iterator[tuple[tuple[str, int], int, dict[Place, Seen]]]:
    return ((key, number, row) for key, row in side.rows())


def _flagged(seen: Seen | None, side: Side) -> tuple[str, str] | None:
    """Key and kind of an item that is flagged."""
    kind = _kind(seen.evidence, side.names, side.cuts, side) if seen else None
    return (seen.key, kind) if seen and kind else None


def _kind(evidence: Evidence, names: frozenset[str], cuts: Cuts, side: Side) -> str | None:
    """The kind under which evidence flags, with recurring names, style cuts, a side's policy."""
    verdict = judge(promoted(evidence, names), side.policy, cuts)
    return str(verdict.kind) if verdict and verdict.flagged else None


def _cause(
    before: Side, after: Side, shard: str, place: Place, pair: tuple[Seen | None, Seen | None]
) -> Cause:
    files = [side.results.shards.get(shard) for side in (before, after)]
    changed = how_changed(*files)
    if changed not in ("same", "touched") or before.spec.dataset != after.spec.dataset:
        return Cause.DATA
    old, new = (seen.evidence if seen else [] for seen in pair)
    kinds = (
        _kind(old, before.names, before.cuts, before),
        _kind(new, before.names, before.cuts, before),
        _kind(new, after.names, before.cuts, before),
        _kind(new, after.names, after.cuts, before),
        _kind(new, after.names, after.cuts, after),
    )
    if kinds[0] != kinds[1]:
        return _cause_of_evidence(before, after, shard, place, (old, new), changed)
    if kinds[1] != kinds[2]:
        same = before.policy.recurring_identity == after.policy.recurring_identity
        return Cause.RECURRING_NAMES if same else Cause.POLICY
    if kinds[2] != kinds[3]:
        same = before.policy.style == after.policy.style
        return Cause.STYLE_RANKS if same else Cause.POLICY
    if kinds[3] != kinds[4]:
        return Cause.POLICY
    # The same verdict under another key: of the column of ids, or as the same id came elsewhere.
    return Cause.DATA if before.spec.columns.id == after.spec.columns.id else Cause.SETTINGS


def _cause_of_evidence(
    before: Side,
    after: Side,
    shard: str,
    place: Place,
    evidence: tuple[Evidence, Evidence],
    changed: str,
) -> Cause:
    old, new = evidence
    if any(place[0] not in side.spec.columns.texts for side in (before, after)):
        return Cause.SETTINGS
    if (not new and after.may_leave_out(before)) or (not old and before.may_leave_out(after)):
        return Cause.SAMPLING
    names = {entry["detector"] for entry in (*old, *new)}
    differing = [name for name in names if _of(old, name) != _of(new, name)]
    if any(before.fingerprint(shard, n) != after.fingerprint(shard, n) for n in differing):
        return Cause.DETECTOR
    if not before.reads_like(after):
        return Cause.SETTINGS
    failed = before.scan_again | after.scan_again
    if any(Pair(shard, name) in failed for name in differing):
        return Cause.FAILURE
    return Cause.DATA if changed == "touched" else Cause.UNEXPLAINED


def _of(evidence: Evidence, detector: str) -> Evidence:
    return [entry for entry in evidence if entry["detector"] == detector]


def _check_parts(results: Results) -> None:
    """Raises `IncompleteStop` if a part is gone, as when somebody removed parts by hand."""
    names: dict[tuple[str, str], set[str]] = {}
    for shard in results.shards:
        for detector, run in results.runs(shard).items():
            folder = results.folders[run]
            if (run, detector) not in names:
                parts = storage.join(folder.path, "parts", detector)
                names[run, detector] = set(storage.names_in(parts))
            for piece in results.pieces(shard, detector):
                if f"{piece.unit.key}.parquet" not in names[run, detector]:
                    raise IncompleteStop(
                        f"part {folder.part(detector, piece.unit.key)} is gone, so nobody can tell "
                        "why single flags differ; restore it from a backup, or compare runs that "
                        "detect --force makes anew"
                    )
