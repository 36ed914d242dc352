"""Review batches: which texts reviewers were given for a purpose, and controls of known origin."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

SAMPLED = "sampled"
"""Kind of a review item that was drawn at random and has no evidence that qualifies."""


class Origin(StrEnum):
    """Who wrote the text of a control, as its owner knows."""

    HUMAN = "human"
    LLM = "llm"


class Purpose(StrEnum):
    """What a batch is for."""

    REVIEW = "review"
    AUDIT = "audit"


@dataclass(frozen=True)
class Batch:
    """A fixed set of texts for reviewers.

    ``blind`` batches are exported without evidence, so that flagged rows, others and controls look
    alike. ``plan`` is JSON-able and says how the texts were drawn: seed, run, and for each stratum
    the number of texts and how many were drawn. ``event`` is the number of the event of the log.
    """

    name: str
    dataset: str
    purpose: Purpose
    blind: bool
    plan: Mapping[str, Any]
    created_at: datetime | None = None
    event: int | None = None


@dataclass(frozen=True)
class BatchItem:
    """A text of a batch as it was when it was drawn.

    ``stratum`` names a stratum of the plan; ``probability`` is that of being drawn, in (0, 1].
    """

    item_key: str
    row_version: int
    text_digest: str
    evidence_fingerprint: str
    stratum: str
    probability: float
    flagged: bool


@dataclass(frozen=True)
class Control:
    """A text of known origin that is mixed in unmarked, with the evidence that it would have.

    ``control_key`` is ``c`` and 32 hexadecimal digits. The other fields are as those of
    `scrubtrace.schemas.review.ReviewItem`; kind is `SAMPLED` without evidence that qualifies.
    """

    control_key: str
    origin: Origin
    source: str
    language: str
    field: str
    text_digest: str
    key_id: str
    text_chars: int
    evidence_fingerprint: str
    flagged: bool
    kind: str
    priority: int
    why: str
    detectors: list[dict[str, str]]
    evidence: list[dict[str, Any]] = dataclasses.field(repr=False)
    spans_left_out: int
    snippet: str = dataclasses.field(repr=False)
    snippet_start: int


@dataclass(frozen=True)
class Issued:
    """A control that was given out, under a key that looks like that of an item.

    ``row_version`` is what the export said. ``batch`` is None for an export without one,
    ``reviewer`` empty unless the export assigned it. ``event`` is that of the export, 0 before.
    """

    item_key: str
    control_key: str
    row_version: int
    batch: str | None
    reviewer: str
    event: int = 0
