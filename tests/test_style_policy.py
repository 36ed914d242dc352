"""What style flags of a data set: alpha, budget, false discovery rate, and what is said of it."""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.config import Config, PolicySection, StyleSection, load_config
from scrubtrace.exits import UsageStop
from scrubtrace.policy import PRIORITIES, judge
from scrubtrace.schemas.different import DifferentTexts
from scrubtrace.schemas.style import style_value
from scrubtrace.schemas.vocabulary import Kind
from scrubtrace.style.cuts import flagging
from scrubtrace.style.flagging import StyleOutcome, decide
from scrubtrace.style.telling import TRACE_BOUNDS, style_lines, union_bounds
from scrubtrace.style_words import reason_words
from scrubtrace.words import in_words

NAME = "en/essays/100-199"
N = 999


def entry(rank: int, score: float = 0.0, n: int = N, **about: Any) -> dict[str, Any]:
    """Style evidence of the given rank of ``n + 1``."""
    value = {"raw_score": score, "stratum": NAME, "calibrated": True, "alike": True, "n": n}
    return {
        "detector": "stylometry", "signal": "stylometry.llm_like", "category": "style",
        "strength": "weak", "use": "asserted", "start": None, "end": None,
        "score": rank / (n + 1), "value": json.dumps(value | about),
    }  # fmt: skip


def rows_of(*ranks: int, n: int = N, **about: Any) -> list[dict[str, Any]]:
    """Findings with different texts; a higher rank has a lower score."""
    return [
        {"text_digest": f"d{place}", "evidence": [entry(rank, -rank, n, **about)]}
        for place, rank in enumerate(ranks)
    ]


def flagged(outcome: StyleOutcome, rows: list[dict[str, Any]], policy: StyleSection) -> list[str]:
    return [row["text_digest"] for row in rows if flagging(row["evidence"], policy, outcome.cuts)]


def configured(style: StyleSection, policy: Any = None, **sections: Any) -> Config:
    return Config(policy=PolicySection(style=style, **policy or {}), **sections)


def test_without_alpha_style_flags_nothing() -> None:
    policy = StyleSection(budget=3, fdr=0.2)
    outcome = decide(iter(rows_of(1, 2)), {NAME: 100}, policy)
    assert outcome.cuts == {}
    assert list(style_lines(outcome, configured(policy))) == [
        "style: policy.style.alpha is not set, so style flags nothing"
    ]


@pytest.mark.parametrize(("alpha", "count"), [(0.001, 1), (0.01, 3), (0.0099, 2), (0.0005, 0)])
def test_alpha_bounds_the_p_value(alpha: float, count: int) -> None:
    rows, policy = rows_of(1, 9, 10, 11), StyleSection(alpha=alpha)
    outcome = decide(rows, {NAME: 1_000}, policy)
    assert len(flagged(outcome, rows, policy)) == count
    stratum = outcome.strata[NAME]
    assert (stratum.flagged, stratum.candidates, stratum.judged) == (count, 4, 1_000)
    assert [bool(flagging(row["evidence"], policy, None)) for row in rows].count(True) == count


def test_an_alpha_that_cannot_be_reached_is_said() -> None:
    policy = StyleSection(alpha=0.01)
    outcome = decide(rows_of(1, n=60), {NAME: 50}, policy)
    assert outcome.cuts == {}
    assert outcome.strata[NAME].problem == (
        "alpha 0.01 cannot be reached with 60 calibration rows: 39 more are needed (99)"
    )
    assert "39 more are needed" in "\n".join(style_lines(outcome, configured(policy)))


def test_conditional_p_values_flag_less() -> None:
    rows = rows_of(1, 3, 5, 10)
    marginal, adjusted = StyleSection(alpha=0.01), StyleSection(alpha=0.01, conditional=True)
    assert len(flagged(decide(rows, {NAME: 99}, marginal), rows, marginal)) == 4
    outcome = decide(rows, {NAME: 99}, adjusted)
    assert flagged(outcome, rows, adjusted) == ["d0", "d1"]
    few = decide(rows_of(1, n=300), {NAME: 99}, adjusted)
    assert "more are needed (5" in few.strata[NAME].problem


def test_rows_that_only_rank_never_flag() -> None:
    policy = StyleSection(alpha=0.04)
    for about in ({"alike": False}, {"calibrated": False, "stratum": None}):
        rows = rows_of(1, 1, **about)
        outcome = decide(rows, {NAME: 10}, policy)
        assert flagged(outcome, rows, policy) == []
        assert flagging(rows[0]["evidence"], policy, None) is None


@pytest.mark.parametrize(("budget", "expected"), [(1, {"d2"}), (2, {"d2", "d0"}), (9, None)])
def test_a_budget_takes_the_first_of_each_stratum(budget: int, expected: set[str] | None) -> None:
    rows, policy = rows_of(5, 40, 1), StyleSection(alpha=0.04, budget=budget)
    outcome = decide(rows, {NAME: 100}, policy)
    assert set(flagged(outcome, rows, policy)) == (expected or {"d0", "d1", "d2"})


def test_equal_p_values_are_told_apart_by_the_score() -> None:
    rows = rows_of(1, 1, 1)
    for place, row in enumerate(rows):
        row["evidence"] = [entry(1, score=place)]
    policy = StyleSection(alpha=0.01, budget=2)
    outcome = decide(rows, {NAME: 100}, policy)
    assert flagged(outcome, rows, policy) == ["d1", "d2"]


def test_equal_texts_count_once_for_the_budget_and_are_all_flagged() -> None:
    rows = rows_of(1, 2, 3)
    rows = [rows[0], dict(rows[0]), dict(rows[0]), rows[1], rows[2]]
    policy = StyleSection(alpha=0.01, budget=2)
    outcome = decide(rows, {NAME: 100}, policy)
    assert flagged(outcome, rows, policy) == ["d0", "d0", "d0", "d1"]
    stratum = outcome.strata[NAME]
    assert (stratum.flagged, stratum.flagged_texts) == (4, 2)


def test_the_expected_number_of_false_flags() -> None:
    policy = StyleSection(alpha=0.01)
    outcome = decide(rows_of(*[1] * 40), {NAME: 1_000}, policy)
    stratum = outcome.strata[NAME]
    assert stratum.expected_false == pytest.approx(10)
    assert stratum.expected_false_share == pytest.approx(0.25)
    low, high = stratum.false_range
    assert 0 < low < 10 < high < 30
    budget = decide(rows_of(*[1] * 40), {NAME: 1_000}, StyleSection(alpha=0.01, budget=10))
    assert budget.strata[NAME].expected_false == pytest.approx(1)


def test_texts_by_humans_would_not_exceed_the_budget_either() -> None:
    ranks = [rank for rank in range(1, 11) for _ in range(2)]
    policy = StyleSection(alpha=0.04, budget=5)
    stratum = decide(rows_of(*ranks), {NAME: 9_000}, policy).strata[NAME]
    assert stratum.expected_false <= max(5, stratum.flagged_texts)
    assert stratum.false_range[1] <= max(5, stratum.flagged_texts)


@pytest.mark.parametrize(
    ("ranks", "judged", "fdr", "count", "problem"),
    [
        ([1] * 20, 1_000, 0.1, 20, ""),
        ([1] * 9, 1_000, 0.1, 0, "10 different texts would need the smallest p-value"),
        ([1] * 20 + [9] * 5, 1_000, 0.4, 25, ""),
        ([1] * 20 + [50], 1_000, 0.4, 20, ""),
        ([1], 1, 0.0005, 0, "999 calibration rows cannot reach a false discovery rate of 0.0005"),
        ([], 10, 0.1, 0, ""),
    ],
)
def test_the_false_discovery_rate(
    ranks: list[int], judged: int, fdr: float, count: int, problem: str
) -> None:
    rows, policy = rows_of(*ranks), StyleSection(alpha=0.05, fdr=fdr)
    outcome = decide(rows, {NAME: judged}, policy)
    assert len(flagged(outcome, rows, policy)) == count
    assert problem in outcome.strata[NAME].problem
    assert bool(problem) == bool(outcome.strata[NAME].problem)


def test_equal_texts_do_not_make_a_discovery() -> None:
    row = rows_of(1)[0]
    policy = StyleSection(alpha=0.05, fdr=0.1)
    assert decide([row] * 50, {NAME: 1_000}, policy).cuts == {}


def test_copies_are_one_test_of_the_false_discovery_rate() -> None:
    rows, policy = rows_of(*[1] * 3), StyleSection(alpha=0.05, fdr=0.1)
    assert decide(rows, {NAME: 1_000}, policy).cuts == {}
    digests = [f"{number % 200:012x}" for number in range(1_000)]
    met = {NAME: DifferentTexts.of("key", digests)}
    outcome = decide(rows, {NAME: 1_000}, policy, met)
    assert (outcome.strata[NAME].different, outcome.strata[NAME].flagged) == (200, 3)
    told = "\n".join(style_lines(outcome, configured(policy)))
    assert "1,000 judged (at most 200 different), 3 candidates" in told
    later = decide(rows, {NAME: 1_500}, policy, met)  # 500 of an earlier version
    assert later.strata[NAME].different == 700


def test_a_bound_below_the_candidates_is_not_used() -> None:
    rows, policy = rows_of(1, 1, 1), StyleSection(alpha=0.05, fdr=0.1)
    outcome = decide(rows, {NAME: 3}, policy, {NAME: DifferentTexts.of("key", ["00", "00", "01"])})
    assert outcome.strata[NAME].flagged == 3


STYLES = st.builds(
    StyleSection,
    alpha=st.sampled_from([0.001, 0.01, 0.05]),
    budget=st.sampled_from([None, 1, 3]),
    fdr=st.sampled_from([None, 0.1, 0.5]),
    conditional=st.booleans(),
)


@given(st.lists(st.integers(1, 50), max_size=30), STYLES, st.integers(0, 2**31))
def test_decisions_do_not_depend_on_the_order_of_rows(
    ranks: list[int], policy: StyleSection, seed: int
) -> None:
    rows = rows_of(*ranks)
    shuffled = rows.copy()
    random.Random(seed).shuffle(shuffled)
    first, second = (decide(found, {NAME: 500}, policy) for found in (rows, shuffled))
    assert (first.cuts, first.for_manifest()) == (second.cuts, second.for_manifest())
    chosen = flagged(first, rows, policy)
    assert len(chosen) == first.strata[NAME].flagged
    without = StyleSection(alpha=policy.alpha, conditional=policy.conditional)
    assert set(chosen) <= set(flagged(decide(rows, {NAME: 500}, without), rows, without))


def test_strata_are_decided_on_their_own() -> None:
    other = "zh/chat/0-99"
    rows = [*rows_of(1, 2, 3), {"text_digest": "z", "evidence": [entry(40, stratum=other)]}]
    policy = StyleSection(alpha=0.05, budget=1)
    outcome = decide(rows, Counter({NAME: 10, other: 10}), policy)
    assert flagged(outcome, rows, policy) == ["d0", "z"]
    assert union_bounds(outcome, configured(policy)) == pytest.approx({"en": 0.05037, "zh": 0.0502})


def test_what_is_said_of_a_stratum() -> None:
    policy = StyleSection(alpha=0.01)
    counts = {NAME: 1_000, f"{NAME} (unlike)": 300, "ja (not calibrated)": 7}
    told = "\n".join(style_lines(decide(rows_of(*[1] * 40), counts, policy), configured(policy)))
    assert "ranked without calibration, never flagged: ja 7 (no calibration has their" in told
    assert "style, en, essays, 100-199 words: 1,000 judged, 40 candidates, 40 flagged" in told
    assert "false if all were human: 10 (" in told
    assert "up to about 25.0% of the flagged" in told
    assert "300 are unlike the calibration rows, 1% are expected" in told
    assert "together flag at most, on average: en 1.037%" in told


def test_a_flagged_text_resembles_and_is_looked_at_last() -> None:
    policy = PolicySection(style=StyleSection(alpha=0.01))
    outcome = decide(rows_of(*[1] * 40), {NAME: 1_000}, policy.style)
    verdict = judge([entry(1, -1)], policy, outcome.cuts)
    assert verdict is not None
    assert (verdict.kind, verdict.flagged) == (Kind.LLM_STYLE, True)
    assert verdict.priority == len(PRIORITIES) + 10
    assert verdict.why == (
        "resembles LLM text in style: ranks high among 999 of your human rows (en, essays, "
        "100-199 words; p = 0.001); 40 of 1,000 texts of en, essays, 100-199 words are flagged "
        "so; if all were by humans, about 10 would be (3 to 20), so up to about 25.0% of these "
        "are false"
    )
    assert judge([entry(1, -1)], policy, {}) is None
    assert judge([entry(1, -1)], PolicySection()) is None


def test_a_smaller_p_value_is_looked_at_first() -> None:
    policy = PolicySection(style=StyleSection(alpha=0.05))
    entries = [entry(rank) for rank in (1, 2, 22, 50)]
    verdicts = [judge([one], policy) for one in entries]
    found = [verdict.priority for verdict in verdicts if verdict]
    assert found == sorted(set(found))
    assert len(found) == 4


def test_style_is_reported_where_the_policy_does_not_flag_its_kind() -> None:
    policy = PolicySection(flag_kinds=[Kind.LLM_TEXT], style=StyleSection(alpha=0.01))
    verdict = judge([entry(1)], policy)
    assert verdict is not None
    assert not verdict.flagged


def test_other_evidence_comes_first() -> None:
    policy = PolicySection(style=StyleSection(alpha=0.01))
    proof = entry(1) | {"category": "self_disclosure", "strength": "proof", "value": None}
    verdict = judge([entry(1), proof], policy)
    assert verdict is not None
    assert verdict.kind == Kind.LLM_TEXT


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "en",
        "[]",
        "{}",
        '{"n": "many"}',
        "{",
        '{"n": 5}',
        '{"calibrated": true, "alike": true}',
    ],
)
def test_a_value_of_a_plugin_does_not_flag(value: str | None) -> None:
    policy = PolicySection(style=StyleSection(alpha=0.04))
    strange = entry(1) | {"value": value, "strength": "proof"}
    assert judge([strange], policy) is None
    assert decide([{"text_digest": "d", "evidence": [strange]}], {NAME: 1}, policy.style).cuts == {}
    assert not style_value(strange).get("calibrated")
    assert in_words(strange)
    assert judge([entry(1) | {"signal": "plugin.style"}], policy) is None


@pytest.mark.parametrize(
    "setting", ["alpha=0", "alpha=1", "alpha=nan", "budget=0", "fdr=2", "conditional=7", "beta=1"]
)
def test_settings_that_cannot_be(setting: str) -> None:
    with pytest.raises(UsageStop, match=r"policy\.style\."):
        load_config(None, [f"policy.style.{setting}"])


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"feature": "sentence_length_cv", "percentile": 0.03, "whose": "calibration",
          "words": "sentence lengths vary less"},
         "sentence lengths vary less than in 97% of your human rows"),
        ({"feature": "word_length", "percentile": 0.99},
         "word length is higher than in 99% of the model's human rows"),
        ({"feature": "mattr_50", "z": -2.31},
         "mattr 50 is lower than in the model's human rows (by 2.3 standard deviations)"),
        ({"feature": "mattr_50"}, ""),
    ],
)  # fmt: skip
def test_reasons_in_words(reason: dict[str, Any], words: str) -> None:
    assert reason_words(reason) == words


def test_the_bounds_of_the_trace_lane_are_those_of_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    found = re.findall(r"^\| human \| (\w+) \|.* \| ([0-9.]+)% \|$", readme, re.MULTILINE)
    assert {code: float(bound) / 100 for code, bound in found} == pytest.approx(TRACE_BOUNDS)


@pytest.mark.parametrize(
    ("sections", "is_measured"),
    [
        ({}, True),
        ({"detectors": {"stylometry": {"keep": 0.1}}}, True),
        ({"policy": {"redaction_alone": True}}, False),
        ({"policy": {"strong_categories": 1}}, False),
        ({"detectors": {"boilerplate": {"signature_files": ["own.toml"]}}}, False),
    ],
)
def test_lanes_together_are_bounded_only_as_they_were_measured(
    sections: dict[str, Any], is_measured: bool
) -> None:
    config = configured(StyleSection(alpha=0.01), **sections)
    outcome = decide([], {NAME: 100}, config.policy.style)
    bounds = union_bounds(outcome, config)
    assert bounds == (pytest.approx({"en": 0.01037}) if is_measured else {})
    told = "\n".join(style_lines(outcome, config))
    assert ("flag at most, on average: en 1.037%" in told) == is_measured
    assert ("was not measured for this policy and these detectors" in told) != is_measured


@pytest.mark.parametrize("copies", [1, 10])
def test_of_copies_in_a_budget_all_may_be_false(copies: int) -> None:
    """So many texts have the smallest p-values whoever wrote them."""
    policy = StyleSection(alpha=0.05, budget=2)
    rows = [row for row in rows_of(1, 2, 3) for _ in range(copies)]
    stratum = decide(rows, {NAME: 1_000 * copies}, policy).strata[NAME]
    assert (stratum.flagged, stratum.flagged_texts) == (2 * copies, 2)
    assert stratum.expected_false == pytest.approx(2 * copies)
    assert stratum.false_range[1] == 2 * copies
    assert stratum.expected_false_share == pytest.approx(1)


def test_the_expected_number_lies_in_its_range_whatever_the_p_values_hold_for() -> None:
    for ranks in ((1, 1, 2), (5, 9)):
        rows, policy = rows_of(*ranks), StyleSection(alpha=0.02, conditional=True)
        stratum = decide(rows, {NAME: 1_000}, policy).strata[NAME]
        low, high = stratum.false_range
        assert low <= stratum.expected_false <= high
