"""Review items: what the review table, the CSV and the review sheet are about."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

DECISION_COLUMNS = ("decision", "reason", "comment")
"""Columns that reviewers fill in; always exported empty."""


class Decision(StrEnum):
    """What a reviewer may decide."""

    CONCUR = "concur"
    DISMISS = "dismiss"
    ESCALATE = "escalate"
    SECOND = "second"


class Scope(StrEnum):
    """What a decision is about: one row, or every row with the same text and evidence."""

    ROW = "row"
    TEXT = "text"


class State(StrEnum):
    """What the decisions on an item add up to; computed, never stored."""

    PENDING = "pending"
    REOPENED = "reopened"
    NEEDS_SECOND = "needs_second"
    ESCALATED = "escalated"
    CONCUR = "concur"
    DISMISSED = "dismissed"
    NOT_SEEN_AGAIN = "not_seen_again"


OPEN_STATES = frozenset({State.PENDING, State.REOPENED, State.NEEDS_SECOND})
"""States in which a reviewer has something to decide."""

ADJUDICATED = "adjudicated"
"""Reason of a decision that settles what reviewers said before it."""

REASONS: Mapping[Decision, Mapping[str, str]] = {
    Decision.CONCUR: {
        "copied": "LLM text as it was given out",
        "edited": "LLM text that was edited, rewritten or scrubbed",
        "annotation": "a label or judgement that an LLM wrote",
        "provenance": "other records show where the text comes from",
        ADJUDICATED: "settles an escalation, a disagreement or a request for a second opinion",
    },
    Decision.DISMISS: {
        "quotation": "the text quotes or mentions the phrase",
        "human": "written by a person",
        "template": "a standard text, a form, or a tool's own words",
        "allowed": "LLM text that may be used",
        ADJUDICATED: "settles an escalation, a disagreement or a request for a second opinion",
    },
    Decision.ESCALATE: {
        "contract": "a question of a contract or licence",
        "personal_data": "personal data that has to be dealt with",
        "policy": "the rules do not say what to do",
        "supplier": "the supplier has to be asked",
    },
    Decision.SECOND: {
        "unsure": "could be either",
        "language": "in a language that the reviewer does not read well",
        "context": "more of the text, or of its data set, is needed",
    },
}
"""Reason codes of each decision, with what they mean; no reason is allowed, too."""


@dataclass(frozen=True)
class Opinion:
    """A decision as far as states depend on it.

    ``text`` is the id of the text that it was made on; ``order`` sorts decisions by time.
    """

    decision_id: str
    item_key: str
    text: str
    evidence_fingerprint: str
    scope: Scope
    decision: Decision
    reason: str
    reviewer: str
    order: tuple[datetime, int, int]


@dataclass(frozen=True)
class ReviewItem:
    """One judged text with evidence, as one run saw it.

    ``evidence`` has the spans of every detector: detector, signal, category, strength, use,
    start, end, score; offsets are code points of the original text. ``detectors`` has name,
    version, lane and fingerprint of each detector with evidence. ``flagged`` items are for
    review; the others are reported only. ``policy`` is the digest of the policy that decided.
    A lower ``priority`` is looked at first. ``earlier_digests`` has the digests of the text by
    retired keys, by key id; the review table does not store them.
    """

    item_key: str
    dataset: str
    shard: str
    row_index: int
    row_id: str | None
    occurrence: int
    field: str
    turn: int | None
    language: str
    groups: dict[str, str | None]
    text_digest: str
    key_id: str
    text_chars: int
    evidence_fingerprint: str
    flagged: bool
    kind: str
    priority: int
    why: str
    policy: str
    detectors: list[dict[str, str]]
    evidence: list[dict[str, Any]] = dataclasses.field(repr=False)
    spans_left_out: int
    snippet: str = dataclasses.field(repr=False)
    snippet_start: int
    earlier_digests: dict[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class ReviewRun:
    """One committed run, as the review table remembers it."""

    run_id: str
    dataset: str
    key_id: str
    manifest_sha256: str
    flagged: int
    reported: int
