"""The policy: what a text's evidence amounts to, whether it flags, and in which order to look.

Lanes are never added up. The order of `PRIORITIES` is the whole ranking: by kind, then by what
the kind rests on.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scrubtrace.config import PolicySection
from scrubtrace.schemas.vocabulary import Kind, Strength, Use
from scrubtrace.style.cuts import Cuts, flagging
from scrubtrace.words import reasons

KINDS_OF_CATEGORIES = {
    "judge": Kind.LLM_ANNOTATION,
    "api_format": Kind.API_FORMAT,
    "spinner": Kind.SPUN_TEXT,
    "placeholder": Kind.REDACTION,
    "hash_token": Kind.REDACTION,
    "mask": Kind.REDACTION,
    "cut_residue": Kind.REDACTION,
    "brand_slot": Kind.REDACTION,
    "hidden_characters": Kind.REDACTION,
    "surrogate": Kind.REDACTION,
    "residual_pii": Kind.REDACTION,
    "verbatim": Kind.REFERENCE_MATCH,
    "edited": Kind.REFERENCE_MATCH,
    "scrubbed": Kind.REFERENCE_MATCH,
    "excerpt": Kind.REFERENCE_MATCH,
    "paraphrased": Kind.REFERENCE_MATCH,
    "passage": Kind.REFERENCE_MATCH,
    "input_match": Kind.INPUT_MATCH,
    "style": Kind.LLM_STYLE,
}
"""Categories that say something other than "this is an LLM's text"."""

RESIDUE = frozenset({
    "self_disclosure", "knowledge_cutoff", "identity_residue", "unknown_identity",
    "vendor_conflict", "chat_ui_residue",
    "verbatim", "edited", "scrubbed", "excerpt", "paraphrased",
})  # fmt: skip
"""Categories that, strong already, turn a redaction beside them into a flag.

Refusals and wrappers are not among them: masked mails of help desks are full of polite refusals,
and people hand over corrected versions, too.
"""

PRIORITIES = (
    (Kind.REFERENCE_MATCH, Strength.PROOF),
    (Kind.LLM_TEXT, Strength.PROOF),
    (Kind.REFERENCE_MATCH, Strength.STRONG),
    (Kind.LLM_TEXT, Strength.STRONG),
    (Kind.INPUT_MATCH, Strength.PROOF),
    (Kind.INPUT_MATCH, Strength.STRONG),
    (Kind.REDACTION, Strength.PROOF),
    (Kind.REDACTION, Strength.STRONG),
    (Kind.LLM_ANNOTATION, Strength.PROOF),
    (Kind.LLM_ANNOTATION, Strength.STRONG),
    (Kind.API_FORMAT, Strength.PROOF),
    (Kind.API_FORMAT, Strength.STRONG),
    (Kind.SPUN_TEXT, Strength.PROOF),
    (Kind.SPUN_TEXT, Strength.STRONG),
    (Kind.LLM_STYLE, Strength.WEAK),
)

ONE_IS_ENOUGH = frozenset({Kind.REDACTION, Kind.REFERENCE_MATCH, Kind.INPUT_MATCH})
"""Kinds that one strong piece of evidence qualifies for; others need several."""

SURE = (Strength.PROOF, Strength.STRONG)

STYLE_STEPS = 10_000
"""Steps of the p-values by which the texts of the last kind follow each other."""

RULES = 3
"""Goes up when the same evidence gets another verdict under the same policy."""

EvidenceRow = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What the policy makes of one text's evidence; ``priority`` 1 is looked at first."""

    flagged: bool
    kind: Kind
    priority: int
    why: str


def judge(
    evidence: Sequence[EvidenceRow], policy: PolicySection, cuts: Cuts | None = None
) -> Verdict | None:
    """The verdict on all the evidence for one text, or None if it qualifies for no kind.

    Each entry has detector, signal, category, strength, use and value. A text that qualifies for
    several kinds gets the first in the order of `PRIORITIES`, flagged kinds before others. A
    redaction flags beside `RESIDUE` of an assistant, or where the policy asks for it. Style flags
    up to ``cuts``, which are of the whole data set; without them, up to alpha.
    """
    counted = [e for e in evidence if policy.count_mentions or e["use"] == Use.ASSERTED]
    verdicts = []
    if (styled := flagging(counted, policy.style, cuts)) is not None:
        verdicts.append(_styled(*styled, policy))
    for kind in Kind:
        of_kind = [e for e in counted if kind_of(e) == kind]
        strength = _qualifies(of_kind, kind, policy)
        if strength is not None:
            priority = PRIORITIES.index((kind, strength)) + 1
            beside = kind == Kind.REDACTION and Kind.LLM_TEXT in policy.flag_kinds
            residue = residue_of(counted) if beside else []
            flagged = kind in policy.flag_kinds or bool(residue)
            flagged |= kind == Kind.REDACTION and policy.redaction_alone
            verdicts.append(Verdict(flagged, kind, priority, reasons(kind, [*of_kind, *residue])))
    return min(verdicts, key=lambda v: (not v.flagged, v.priority), default=None)


def kind_of(entry: EvidenceRow) -> Kind:
    """The kind that a piece of evidence speaks for."""
    return KINDS_OF_CATEGORIES.get(entry["category"], Kind.LLM_TEXT)


def residue_of(counted: Sequence[EvidenceRow]) -> list[EvidenceRow]:
    """What of an assistant turns a redaction beside it into a flag."""
    return [e for e in counted if e["category"] in RESIDUE and e["strength"] in SURE]


def evidence_fingerprint(evidence: Sequence[EvidenceRow]) -> str:
    """Digest of what was found where: equal when a later run found the same in the same text."""
    found = sorted(
        [e["detector"], e["signal"], e["use"], e["start"], e["end"], *_source(e)] for e in evidence
    )
    return hashlib.sha256(json.dumps(found).encode()).hexdigest()[:32]


def policy_digest(policy: PolicySection) -> str:
    """Digest of a policy: equal when the same evidence gets the same verdicts."""
    decides = [policy.model_dump(mode="json"), KINDS_OF_CATEGORIES, sorted(RESIDUE), RULES]
    content = json.dumps(decides, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _styled(entry: EvidenceRow, note: str, policy: PolicySection) -> Verdict:
    kind = Kind.LLM_STYLE
    priority = PRIORITIES.index((kind, Strength.WEAK)) + 1 + int(entry["score"] * STYLE_STEPS)
    why = "; ".join(filter(None, [reasons(kind, [entry]), note]))
    return Verdict(kind in policy.flag_kinds, kind, priority, why)


def _source(entry: EvidenceRow) -> list[str]:
    """The reference text that a match names: another source is other evidence."""
    value = str(entry.get("value"))
    named = entry["signal"].startswith("reference.") and value.startswith("{")
    return [json.loads(value)["source"]] if named else []


def _qualifies(
    evidence: Sequence[EvidenceRow], kind: Kind, policy: PolicySection
) -> Strength | None:
    if kind == Kind.LLM_STYLE:
        return None  # by its rank only
    if _places([e for e in evidence if e["strength"] == Strength.PROOF]) >= policy.proof_hits:
        return Strength.PROOF
    strong = [e for e in evidence if e["strength"] in SURE]
    if kind in ONE_IS_ENOUGH:
        return Strength.STRONG if strong else None
    by = "category" if kind == Kind.LLM_TEXT else "signal"
    return Strength.STRONG if _are_apart(strong, by, policy.strong_categories) else None


def _are_apart(evidence: Sequence[EvidenceRow], by: str, enough: int) -> bool:
    """Whether ``enough`` different values of ``by`` are found in places that do not overlap.

    Evidence without a place overlaps nothing.
    """
    places = sorted((e["end"] or 0, e["start"] or 0, e[by]) for e in evidence)
    reached: dict[frozenset[str], int] = {frozenset(): 0}  # where the first places for these end
    for end, start, name in places:
        for names, before in list(reached.items()):
            if before <= start and name not in names:
                if len(names) + 1 >= enough:
                    return True
                reached.setdefault(names | {name}, end)
    return False


def _places(evidence: Sequence[EvidenceRow]) -> int:
    """Number of different places: overlapping spans, as of two signatures, count once."""
    spans = sorted((e["start"], e["end"]) for e in evidence if e["start"] is not None)
    places, reached = len([e for e in evidence if e["start"] is None]), -1
    for start, end in spans:
        places += start >= reached
        reached = max(reached, end)
    return places
