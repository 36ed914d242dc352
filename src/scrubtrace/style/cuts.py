"""Up to which rank a text of a stratum is flagged by style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scrubtrace.config import StyleSection
from scrubtrace.schemas.style import SIGNAL, style_value
from scrubtrace.stats.conformal import conditional_rank, rank_reached

EvidenceRow = Mapping[str, Any]


@dataclass(frozen=True)
class Cut:
    """The last text of a stratum that is flagged: its p-value and score.

    A text is flagged if its p-value is smaller, or the same and its score not lower. ``note`` says
    what that means for all rows of the stratum.
    """

    p: float
    score: float
    note: str = ""

    def includes(self, p: float, score: float) -> bool:
        """Whether a text of this p-value and score is flagged."""
        return (p, -score) <= (self.p, -self.score)


Cuts = Mapping[str, Cut]
"""Cuts by the name of the stratum; where there is none, nothing flags."""


def highest_p(policy: StyleSection, n: int) -> float:
    """The greatest p-value of a stratum of ``n`` calibration rows within alpha; 0 if none is."""
    if policy.alpha is None:
        return 0.0
    reached = conditional_rank if policy.conditional else rank_reached
    return reached(policy.alpha, n) / (n + 1)


def can_flag(entry: EvidenceRow) -> dict[str, Any]:
    """What style evidence says of its stratum; empty if it only ranks, or is no style evidence."""
    value = style_value(entry) if entry["signal"] == SIGNAL else {}
    return value if value.get("calibrated") and value.get("alike") else {}


def flagging(
    evidence: Sequence[EvidenceRow], policy: StyleSection, cuts: Cuts | None
) -> tuple[EvidenceRow, str] | None:
    """The style evidence that flags a text and the note of its stratum; None if none does.

    With ``cuts`` they decide. Without, as for a single text, alpha alone does: budget and false
    discovery rate are of a whole data set.
    """
    for entry in evidence:
        value = can_flag(entry)
        if not value:
            continue
        if cuts is None:
            if entry["score"] <= highest_p(policy, value["n"]):
                return entry, ""
        elif (cut := cuts.get(value["stratum"])) and cut.includes(
            entry["score"], value["raw_score"]
        ):
            return entry, cut.note
    return None
