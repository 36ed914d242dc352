"""`Change`: one thing that an edit did."""

from dataclasses import dataclass

from scrubtrace.detectors.edits.words import Span
from scrubtrace.schemas.edits import EditKind


@dataclass(frozen=True, slots=True)
class Change:
    """What was changed, and where: offsets are code points of the original texts, half open."""

    kind: EditKind
    signal: str
    old: Span
    new: Span
    score: float | None = None
