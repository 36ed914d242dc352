"""The policy: what qualifies, what flags, in which order, in which words."""

from typing import Any

import pytest

from scrubtrace.config import PolicySection
from scrubtrace.policy import PRIORITIES, evidence_fingerprint, judge
from scrubtrace.schemas.vocabulary import Kind, Strength


def entry(category: str, strength: str, use: str = "asserted", **more: Any) -> dict[str, Any]:
    found = {"detector": "boilerplate", "signal": f"en.{category}.x", "start": 0, "end": 4}
    return found | {"category": category, "strength": strength, "use": use} | more


PROOF = entry("self_disclosure", "proof")
REFUSAL = entry("refusal", "strong")
CLOSER = entry("closer", "strong", start=10, end=14)
IDENTITY = entry("identity_residue", "strong")


@pytest.mark.parametrize(
    ("evidence", "flagged"),
    [
        ([PROOF], True),
        ([REFUSAL, CLOSER], True),
        ([REFUSAL], False),
        ([REFUSAL, entry("refusal", "strong", signal="en.refusal.y")], False),
        ([entry("self_disclosure", "proof", use="quoted")], False),
        ([REFUSAL, entry("closer", "strong", use="listed")], False),
        ([entry("judge", "proof")], True),
        ([entry("api_format", "proof"), entry("judge", "strong")], False),
        ([entry("placeholder", "proof")], False),
        ([entry("placeholder", "proof"), entry("residual_pii", "weak")], False),
        ([entry("placeholder", "proof"), CLOSER], False),
        ([entry("placeholder", "strong"), REFUSAL], False),
        ([entry("placeholder", "strong"), IDENTITY], True),
        ([entry("placeholder", "proof"), IDENTITY | {"use": "quoted"}], False),
        ([entry("placeholder", "weak"), IDENTITY], False),
        ([entry("unknown_identity", "weak")], False),
        ([REFUSAL, entry("judge", "strong")], False),
        ([REFUSAL, entry("spinner", "strong")], False),
        ([entry("opener", "weak"), entry("closer", "weak")], False),
        ([], False),
    ],
)
def test_one_proof_or_two_strong_categories_flag(
    evidence: list[dict[str, Any]], flagged: bool
) -> None:
    verdict = judge(evidence, PolicySection())
    assert (verdict is not None and verdict.flagged) == flagged


@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("judge", Kind.LLM_ANNOTATION),
        ("api_format", Kind.API_FORMAT),
        ("spinner", Kind.SPUN_TEXT),
        ("placeholder", Kind.REDACTION),
        ("cut_residue", Kind.REDACTION),
        ("vendor_conflict", Kind.LLM_TEXT),
        ("a_category_of_a_plugin", Kind.LLM_TEXT),
    ],
)
def test_kinds_of_categories(category: str, kind: Kind) -> None:
    verdict = judge([entry(category, "proof")], PolicySection())
    assert verdict is not None
    assert verdict.kind == kind


def test_a_kind_flags_where_the_policy_asks_for_it() -> None:
    policy = PolicySection(flag_kinds=[Kind.LLM_ANNOTATION])
    verdict = judge([entry("judge", "proof"), PROOF], policy)
    assert verdict is not None
    assert verdict.flagged
    assert verdict.kind == Kind.LLM_ANNOTATION


@pytest.mark.parametrize(
    "policy",
    [PolicySection(redaction_alone=True), PolicySection(flag_kinds=[Kind.REDACTION])],
)
def test_a_redaction_alone_flags_where_the_policy_asks_for_it(policy: PolicySection) -> None:
    verdict = judge([entry("mask", "strong")], policy)
    assert verdict is not None
    assert verdict.flagged


def test_a_redaction_names_tools_as_likeness_and_the_residue_beside_it() -> None:
    evidence = [
        entry("placeholder", "strong", value="Presidio"),
        entry("placeholder", "strong", value="Presidio"),
        IDENTITY,
    ]
    verdict = judge(evidence, PolicySection())
    assert verdict is not None
    assert verdict.why == (
        "de-identified by a tool like Presidio: holds placeholders where personal data stood "
        "(strong); keeps the rest of a removed assistant identity (strong)"
    )


def test_llm_text_beside_a_redaction_stays_llm_text() -> None:
    verdict = judge([PROOF, entry("placeholder", "proof")], PolicySection())
    assert verdict is not None
    assert (verdict.kind, verdict.flagged) == (Kind.LLM_TEXT, True)


def test_mentions_count_where_the_policy_asks_for_it() -> None:
    quoted = [entry("self_disclosure", "proof", use="quoted")]
    assert judge(quoted, PolicySection()) is None
    assert judge(quoted, PolicySection(count_mentions=True)) is not None


def test_more_proof_hits_can_be_asked_for() -> None:
    policy = PolicySection(proof_hits=2)
    assert judge([PROOF], policy) is None
    assert judge([PROOF, PROOF | {"signal": "en.self_disclosure.y"}], policy) is None
    elsewhere = entry("self_disclosure", "proof", start=10, end=20)
    assert judge([PROOF, elsewhere], policy) is not None


def at(category: str, start: int | None, end: int | None) -> dict[str, Any]:
    return entry(category, "strong", start=start, end=end)


@pytest.mark.parametrize(
    ("evidence", "policy", "qualifies"),
    [
        ([at("refusal", 0, 34), at("closer", 0, 47)], {}, False),
        ([at("refusal", 0, 8), at("closer", 8, 12)], {}, True),
        ([at("refusal", 0, 10), at("closer", 8, 20), at("refusal", 30, 40)], {}, True),
        ([at("refusal", 0, 10), at("closer", 8, 20), at("refusal", 15, 40)], {}, False),
        ([at("refusal", 0, 30), at("closer", 5, 9), at("opener", 12, 20)], {}, True),
        ([at("refusal", None, None), at("closer", None, None)], {}, True),
        ([at("refusal", 0, 9), at("closer", 0, 9)], {"strong_categories": 1}, True),
        ([at("a", 0, 9), at("b", 5, 15), at("c", 10, 20)], {"strong_categories": 3}, False),
        ([at("a", 0, 9), at("b", 9, 15), at("c", 15, 20)], {"strong_categories": 3}, True),
        ([at("api_format", 4, 14), at("api_format", 4, 12) | {"signal": "any.x"}], {}, False),
        ([at("api_format", 4, 14), at("api_format", 20, 24) | {"signal": "any.x"}], {}, True),
    ],
)
def test_categories_count_where_their_places_do_not_overlap(
    evidence: list[dict[str, Any]], policy: dict[str, Any], qualifies: bool
) -> None:
    for order in (evidence, evidence[::-1]):
        assert (judge(order, PolicySection(**policy)) is not None) == qualifies


def test_proof_is_looked_at_before_strong_pairs() -> None:
    first, second = judge([PROOF], PolicySection()), judge([REFUSAL, CLOSER], PolicySection())
    assert first is not None
    assert second is not None
    assert first.priority < second.priority


def test_every_kind_has_its_place_in_the_order() -> None:
    others = set(Kind) - {Kind.LLM_STYLE, Kind.CALL_RULE}  # calls are no rows: not judged here
    wanted = {(kind, strength) for kind in others for strength in (Strength.PROOF, Strength.STRONG)}
    assert set(PRIORITIES) == wanted | {(Kind.LLM_STYLE, Strength.WEAK)}
    assert PRIORITIES[-1][0] == Kind.LLM_STYLE


def test_reasons_are_words_that_hold() -> None:
    verdict = judge([CLOSER, PROOF], PolicySection())
    assert verdict is not None
    assert verdict.why == (
        "resembles LLM text: speaks as an AI assistant (proof); "
        "closes the way an assistant's answer does (strong)"
    )


def test_evidence_fingerprint_is_of_what_was_found_where() -> None:
    fingerprint = evidence_fingerprint([PROOF, CLOSER])
    assert fingerprint == evidence_fingerprint([CLOSER, PROOF])
    assert fingerprint == evidence_fingerprint([CLOSER, PROOF | {"strength": "strong"}])
    assert fingerprint != evidence_fingerprint([PROOF])
    assert fingerprint != evidence_fingerprint([PROOF | {"start": 1}, CLOSER])
    assert fingerprint != evidence_fingerprint([PROOF | {"use": "quoted"}, CLOSER])
