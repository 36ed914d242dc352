"""Review items: what the review table, the CSV and the review sheet are about."""

import dataclasses
from dataclasses import dataclass
from typing import Any

DECISION_COLUMNS = ("decision", "reason", "comment")
"""Columns that reviewers fill in; always exported empty."""


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
