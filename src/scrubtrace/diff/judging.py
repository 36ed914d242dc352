"""Pairs of rows to findings."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.compare import EditJudge, Examined
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.diff.flagged import Flagged
from scrubtrace.diff.spec import DiffSpec
from scrubtrace.diff.turns import Text, TextPair, text_pairs
from scrubtrace.schemas.edits import EditKind
from scrubtrace.schemas.vocabulary import GROUPS

FLAG_SIGNAL = "review.flagged"

Row = Mapping[str, Any]


@dataclass
class Tally:
    """What the pairs of one or more partitions came to; plain numbers that can be added.

    ``rows`` counts rows: same, edited, gone, new; ``texts`` texts of matched rows: same, edited,
    gone, new; ``flagged`` flagged texts of the old version: same, edited, gone. ``kinds`` counts
    texts by kind, ``by_group`` by group, its value and kind.
    """

    rows: Counter[str] = field(default_factory=Counter)
    texts: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    repeated_ids: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: int = 0
    by_group: dict[str, dict[str, Counter[str]]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Adds the numbers of another."""
        for name in ("rows", "texts", "flagged", "repeated_ids", "kinds"):
            getattr(self, name).update(getattr(other, name))
        self.findings += other.findings
        for group, values in other.by_group.items():
            for value, kinds in values.items():
                self._of(group, value).update(kinds)

    def count(self, finding: Row) -> None:
        """Counts one finding."""
        self.findings += 1
        self.kinds.update(finding["kinds"])
        for group in ("language", *GROUPS):
            if finding[group] is not None and group != "created_at":
                self._of(group, finding[group]).update(finding["kinds"])

    def _of(self, group: str, value: str) -> Counter[str]:
        return self.by_group.setdefault(group, {}).setdefault(value, Counter())


@cache
def edit_judge() -> EditJudge:
    """The judge of this process."""
    judge = EditJudge()
    judge.setup()
    return judge


@dataclass
class RowJudge:
    """Judges pairs of rows, and counts."""

    spec: DiffSpec
    flagged: Flagged | None = None
    tally: Tally = field(default_factory=Tally)

    def same(self, old: Row) -> None:
        """Counts a row that did not change."""
        self.tally.rows["same"] += 1
        for text in old["texts"]:
            self.tally.texts["same"] += 1
            self._count_flagged(text, "same")

    def gone(self, old: Row) -> None:
        """Counts a row that is gone."""
        self.tally.rows["gone"] += 1
        for text in old["texts"]:
            self._count_flagged(text, "gone")

    def findings(self, old: Row, new: Row) -> Iterator[dict[str, Any]]:
        """Findings of a pair of rows, a text each, as `EDIT_PART` has them."""
        self.tally.rows["edited"] += 1
        for pair in text_pairs(old["texts"], new["texts"]):
            finding = self._finding(old, new, pair)
            if finding:
                yield finding

    def _finding(self, old: Row, new: Row, pair: TextPair) -> dict[str, Any] | None:
        if pair.old is None or pair.new is None:
            self.tally.texts["gone" if pair.old else "new"] += 1
            if pair.old:
                self._count_flagged(pair.old, "gone")
            return None
        before, behind = pair.old["text"], pair.new["text"]
        state = "same" if before == behind else "edited"
        self.tally.texts[state] += 1
        was_flagged = self._count_flagged(pair.old, state)
        if state == "same":
            return None
        language = normalise_code(old["language"]) if old["language"] else identify(before)
        examined = edit_judge().examine(before, behind, language)
        if was_flagged:
            examined.changes.append(_edited_after_flag(before, behind))
        if not examined.changes and not examined.if_recurring:
            return None
        return self._record(old, new, pair, language, examined)

    def _count_flagged(self, text: Text, state: str) -> bool:
        is_flagged = self.flagged is not None and self.flagged.has(text["text"])
        self.tally.flagged[state] += is_flagged
        return is_flagged

    def _record(
        self, old: Row, new: Row, pair: TextPair, language: str, examined: Examined
    ) -> dict[str, Any]:
        assert pair.old is not None
        assert pair.new is not None
        before, behind = pair.old["text"], pair.new["text"]
        kept, left_out = self._capped(examined.changes)
        return {
            "old_shard": old["shard"],
            "old_row_index": old["row_index"],
            "new_shard": new["shard"],
            "new_row_index": new["row_index"],
            "row_id": old["row_id"],
            "field": pair.old["field"],
            "old_turn": pair.old["turn"],
            "new_turn": pair.new["turn"],
            "language": language,
            **{name: old[name] for name in GROUPS},
            "old_chars": len(before),
            "new_chars": len(behind),
            "kinds": sorted({change.kind.value for change in examined.changes}),
            "changes": [self._change(change, before, behind) for change in kept],
            "changes_left_out": left_out,
            "if_recurring": [
                {**self._change(change, before, behind), "key": key}
                for change, key in examined.if_recurring
            ],
        }

    def _capped(self, changes: list[Change]) -> tuple[list[Change], int]:
        """At most so many changes of each signal, and how many there are beyond."""
        seen: Counter[str] = Counter()
        kept = []
        for change in changes:
            seen[change.signal] += 1
            if seen[change.signal] <= self.spec.spans_per_signal:
                kept.append(change)
        return kept, len(changes) - len(kept)

    def _change(self, change: Change, before: str, behind: str) -> dict[str, Any]:
        most = self.spec.snippet_chars
        return {
            "kind": change.kind.value,
            "signal": change.signal,
            "old_start": change.old[0],
            "old_end": change.old[1],
            "new_start": change.new[0],
            "new_end": change.new[1],
            "score": change.score,
            "removed": before[slice(*change.old)][:most],
            "inserted": behind[slice(*change.new)][:most],
        }


def _edited_after_flag(old: str, new: str) -> Change:
    """From the first difference to the last."""
    most = min(len(old), len(new))
    start = next((n for n in range(most) if old[n] != new[n]), most)
    most -= start
    end = next((n for n in range(most) if old[-1 - n] != new[-1 - n]), most)
    spans = ((start, len(old) - end), (start, len(new) - end))
    return Change(EditKind.EDITED_AFTER_FLAG, FLAG_SIGNAL, *spans)
