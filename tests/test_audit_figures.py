"""Figures of an audit from counts: known numbers, what they promise, every refusal in words."""

import re
from dataclasses import replace

import numpy as np
import pytest

from scrubtrace.audit.estimates import Counted
from scrubtrace.audit.figures import (
    ASSUMPTIONS,
    NOTES,
    REFUSALS,
    Assumption,
    Note,
    Refusal,
    What,
    Why,
)
from scrubtrace.audit.flags import Tally
from scrubtrace.audit.part import Part
from scrubtrace.audit.parts import estimate, lower_bound
from scrubtrace.audit.precision import Compared, error_to_expect, imprecise_words
from scrubtrace.audit.reviewed import Reviewed, Sensitivity, reviewed_figures
from scrubtrace.review.quality.sensitivity import ControlAnswer
from scrubtrace.schemas.batches import Batch, Purpose
from scrubtrace.stats.prevalence.binned import (
    binned_likelihood,
    binned_mixture_p_value,
    reference_bins,
)
from scrubtrace.stats.prevalence.lower_bound import prevalence_lower_bound
from scrubtrace.stats.prevalence.quantify import Sample, maximum_likelihood, mixture_p_value
from scrubtrace.stats.prevalence.rates import reviewed_upper_bound
from scrubtrace.stats.prevalence.result import Figure, Reason
from scrubtrace.stats.prevalence.rogan_gladen import (
    BOOTSTRAP,
    LANG_REICZIGEL,
    Flags,
    rogan_gladen_either,
)
from scrubtrace.stats.ranking import auroc, auroc_of_counts


def tally(flagged: int, rows: int) -> Tally:
    return Tally(rows, rows, flagged, flagged)


ENGLISH = Part("en", None, tally(50, 1_000), tally(10, 1_000), tally(70, 100))
GERMAN = Part("de", None, tally(30, 1_000))


FLAGGED = np.array([290.0, 10]), np.array([60.0, 140])


def test_every_code_has_its_words() -> None:
    assert set(REFUSALS) == {*Reason, *Refusal}
    assert set(ASSUMPTIONS) == set(Assumption)
    assert set(NOTES) == set(Note)
    assert not set(Reason) & set(Refusal)


def test_the_bound_of_one_part_is_that_of_its_counts() -> None:
    found = lower_bound([ENGLISH], 1_000, 0.95)
    assert found.lower == pytest.approx(0.028, abs=0.0005)
    assert found.lower == prevalence_lower_bound(50, 1_000, 10, 1_000).lower
    assert (found.estimate, found.upper, found.n) == (None, None, 1_000)
    assert found.detail == ""


def test_parts_are_added_up_with_their_share_of_the_error() -> None:
    found = lower_bound([ENGLISH, GERMAN], 2_500, 0.95)
    own = prevalence_lower_bound(50, 1_000, 10, 1_000, 0.975).lower
    assert own is not None
    assert found.lower == pytest.approx(own * 1_000 / 2_500)
    assert found.detail == (
        "nothing is claimed of 1,000 texts of de; 500 texts that no detector judged"
    )


def test_added_bounds_hold() -> None:
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        parts = []
        for language, rows, shares, false in (("en", 600, 0.05, 0.02), ("de", 300, 0.02, 0.01)):
            flagged = rng.binomial(rows, shares + (1 - shares) * false)
            human = tally(int(rng.binomial(400, false)), 400)
            parts.append(Part(language, None, tally(int(flagged), rows), human))
        lower = lower_bound(parts, 900, 0.95).lower
        assert lower is not None
        held += lower <= (600 * 0.05 + 300 * 0.02) / 900
    assert held / 300 > 0.93


NONE = Tally()
UNLIKE_SCORES = ((0,) * 10 + (300,) + (0,) * 9, (20,) * 20, (0,) * 19 + (100,))


@pytest.mark.parametrize(
    ("part", "refusal"),
    [
        (Part("en", None, NONE), Reason.NO_ROWS),
        (GERMAN, Reason.NO_HUMAN_REFERENCE),
        (Part("en", None, tally(1, 9), NONE), Reason.NO_HUMAN_REFERENCE),
        (Part("en", None, tally(1, 9), tally(0, 49)), Reason.SMALL_HUMAN_REFERENCE),
        (Part("en", None, tally(1, 9), tally(0, 400), tally(90, 100), *UNLIKE_SCORES),
         Reason.NOT_A_MIXTURE),
    ],
)  # fmt: skip
def test_no_bound(part: Part, refusal: Why) -> None:
    found = lower_bound([part], 10, 0.95)
    assert (found.refusal, found.lower, found.estimate) == (refusal, None, None)
    assert found.words.startswith(REFUSALS[refusal])


@pytest.mark.parametrize(
    ("human", "llm", "refusal"),
    [
        (None, tally(70, 100), Reason.NO_HUMAN_REFERENCE),
        (tally(0, 99), tally(70, 100), Reason.SMALL_HUMAN_REFERENCE),
        (tally(0, 200), None, Reason.NO_LLM_REFERENCE),
        (tally(0, 200), tally(30, 49), Reason.SMALL_LLM_REFERENCE),
        (tally(20, 200), tally(15, 100), Reason.NOT_SEPARATED),
    ],
)
def test_no_estimate(human: Tally | None, llm: Tally | None, refusal: Why) -> None:
    found = estimate(What.BY_FLAGS, [Part("en", None, tally(9, 90), human, llm)], 90, 0.95)
    assert (found.refusal, found.estimate, found.upper) == (refusal, None, None)


def test_one_part_without_reference_refuses_the_estimate_of_all() -> None:
    assert estimate(What.BY_FLAGS, [ENGLISH], 1_000, 0.95).refusal is None
    found = estimate(What.BY_FLAGS, [ENGLISH, GERMAN], 2_000, 0.95)
    assert (found.refusal, found.detail) == (Reason.NO_HUMAN_REFERENCE, "1,000 texts of de")
    nothing = Part("und", None, tally(0, 5))
    found = estimate(What.BY_FLAGS, [ENGLISH, nothing], 1_005, 0.95)
    assert (found.refusal, found.n) == (None, 1_000)
    assert found.detail.startswith("it is about 1,000 of 1,005 texts")
    by_scores = estimate(What.BY_SCORES, [ENGLISH], 1_000, 0.95)
    assert by_scores.refusal == Refusal.NO_SCORES


def test_an_estimate_of_two_parts_is_between_them() -> None:
    other = Part("de", None, tally(400, 1_000), tally(10, 1_000), tally(70, 100))
    one, two = (estimate(What.BY_FLAGS, [part], 1_000, 0.95) for part in (ENGLISH, other))
    both = estimate(What.BY_FLAGS, [ENGLISH, other], 2_000, 0.95)
    assert one.estimate is not None
    assert two.estimate is not None
    assert both.estimate == pytest.approx((one.estimate + two.estimate) / 2)
    assert both.lower is not None
    assert both.upper is not None
    assert both.lower < both.estimate < both.upper
    assert Assumption.LLM_ALIKE in both.assumes


@pytest.mark.parametrize(
    ("flagged", "method"), [(0, LANG_REICZIGEL), (60, LANG_REICZIGEL), (400, BOOTSTRAP)]
)
def test_the_interval_near_zero_is_another(flagged: int, method: str) -> None:
    flags = Flags(flagged, 1_000, 5, 500, 140, 200)
    found = rogan_gladen_either(flags, np.random.default_rng(1))
    assert found.method == method
    assert found.estimate == pytest.approx(flags.estimate)


def test_an_estimate_is_refused_by_the_error_to_expect() -> None:
    """One that is given says its error; whatever the texts are, the same is refused."""
    found = estimate(What.BY_FLAGS, [ENGLISH], 1_000, 0.95)
    assert found.expected_error == pytest.approx(0.0147, abs=0.0001)
    for flagged in (9, 90, 150):
        part = replace(ENGLISH, tally=tally(flagged, 200), human=tally(4, 100))
        refused = estimate(What.BY_FLAGS, [part], 200, 0.95)
        assert (refused.refusal, refused.estimate, refused.upper) == (Reason.IMPRECISE, None, None)
        assert refused.expected_error == pytest.approx(0.0447, abs=0.0001)
        assert refused.words.startswith(REFUSALS[Reason.IMPRECISE])
        assert estimate(What.BY_FLAGS, [part], 200, 0.95, 1.0).refusal is None
        assert lower_bound([part], 200, 0.95).refusal is None


@pytest.mark.parametrize(
    ("judged", "human", "said"),
    [
        (400, tally(4, 100),
         ["3,300 texts to judge", "270 human reference texts", "1.6 times as many"]),
        (20_000, tally(10, 100), ["260 human reference texts", "2.5 times as many"]),
        (100, tally(2_000, 20_000), ["440 texts to judge", "4.3 times as many"]),
        (100, tally(10, 100), ["6.7 times as many"]),
    ],
)  # fmt: skip
def test_a_refusal_says_what_would_do(judged: int, human: Tally, said: list[str]) -> None:
    part = Part("en", None, tally(9, judged), human, tally(140, 200))
    found = estimate(What.BY_FLAGS, [part], judged, 0.95)
    told, _, rest = found.detail.partition("; it takes ")
    assert told.endswith("points at a share of 10%, above 3.00 (--max-error)")
    ways, _, end = rest.partition(" of all, also of LLM reference texts")
    assert ways.split(", or ") == said
    alone = "; no number of texts to judge does with these references"
    assert end == ("" if "to judge" in ways else alone)


def test_what_a_refusal_says_does() -> None:
    part = replace(ENGLISH, tally=tally(20, 400), human=tally(4, 100), llm=tally(140, 200))
    assert estimate(What.BY_FLAGS, [part], 400, 0.95).refusal == Reason.IMPRECISE
    for more in (replace(part, tally=tally(99, 3_300)), replace(part, human=tally(11, 270))):
        assert estimate(What.BY_FLAGS, [more], 400, 0.95).refusal is None


def test_errors_of_languages_are_independent_and_those_of_sources_are_not() -> None:
    one = Compared("en", 500, False, 500.0, *FLAGGED)
    each = error_to_expect([one])
    assert error_to_expect([one, replace(one, language="de")]) == pytest.approx(each / 2**0.5)
    assert error_to_expect([one, one]) == pytest.approx(each)
    told = imprecise_words([one, replace(one, language="de")], 0.05, each / 2)
    assert "times as many texts to judge, or " in told


def test_texts_in_clusters_are_not_numbered() -> None:
    """600 human texts that are worth 200: neither number helps, more texts of the same do not."""
    human, llm = np.array([192.0, 8]), np.array([60.0, 140])
    part = Compared("en", 1_200, True, 400.0, human, llm)
    now = error_to_expect([part])
    told = imprecise_words([part], now, 0.9 * now)
    _, _, ways = told.partition("; it takes ")
    found = re.findall(r"([\d.,]+) times as many (clusters of [a-z ]+)", ways)
    assert [name for _, name in found] == [
        "clusters of texts to judge", "clusters of human reference texts", "clusters of all",
    ]  # fmt: skip
    judged, human_times, every = (float(times) for times, _ in found)
    assert error_to_expect([part], judged) <= 0.9 * now
    assert error_to_expect([part], 1, human_times) <= 0.9 * now
    assert error_to_expect([part], every, every, every) <= 0.9 * now
    assert not re.search(r"\d (texts|human)", ways)
    none = imprecise_words([part], now, 0.1 * now)
    assert "no number of clusters of texts to judge does" in none


def test_texts_that_are_worth_fewer_have_a_larger_error_to_expect() -> None:
    one = Compared("en", 500, False, 500.0, *FLAGGED)
    worth = replace(one, judged=250.0, human=one.human / 2, llm=one.llm / 2)
    assert error_to_expect([worth]) > 1.3 * error_to_expect([one])


@pytest.mark.parametrize("share", [0.0, 0.05, 0.3])
def test_counts_in_bins_say_what_their_scores_say(share: float) -> None:
    rng = np.random.default_rng(3)
    of_human = np.full(20, 0.05)
    of_llm = np.geomspace(1, 300, 20)
    of_llm /= of_llm.sum()
    mixed = (1 - share) * of_human + share * of_llm
    counts = [
        rng.multinomial(n, chances).tolist()
        for n, chances in ((2_000, mixed), (400, of_human), (300, of_llm))
    ]
    judged, human, llm = (Sample(np.repeat(np.arange(20.0), own)) for own in counts)
    assert auroc_of_counts(*counts[1:]) == pytest.approx(auroc(human.scores, llm.scores))
    found, expected = binned_likelihood(*counts), maximum_likelihood(judged, human, llm)
    for end in ("estimate", "lower", "upper"):
        assert getattr(found, end) == pytest.approx(getattr(expected, end), abs=0.005)
    assert found.lower is not None
    assert found.upper is not None
    assert found.lower <= share <= found.upper
    p, other = binned_mixture_p_value(*counts), mixture_p_value(judged, human, llm)
    assert p == pytest.approx(other, abs=0.1)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        (((0, 0), (90, 10), (0, 100)), Reason.NO_ROWS),
        (((5, 5), (40, 10), (0, 100)), Reason.SMALL_HUMAN_REFERENCE),
        (((5, 5), (90, 10), (0, 0)), Reason.NO_LLM_REFERENCE),
        (((5, 5), (50, 50), (40, 60)), Reason.NOT_SEPARATED),
    ],
)
def test_bins_that_give_no_number(counts: tuple[tuple[int, ...], ...], reason: Reason) -> None:
    assert binned_likelihood(*counts).refusal == reason
    assert binned_mixture_p_value(*counts) is None


def test_a_bin_with_most_llm_texts_stands_alone() -> None:
    """Among p-values LLM texts lie in the last bins: neighbours would dilute them."""
    human, llm = [50] * 20, [0] * 17 + [4, 6, 190]
    own, other = reference_bins(human, llm)
    assert (own[-1], other[-1]) == (50, 190)
    assert (own.sum(), other.sum(), len(own) <= 10) == (1_000, 200, True)
    found = [len(reference_bins([2] * size, [1] * size)[0]) for size in (1, 3, 10, 20, 500)]
    assert found == [1, 3, 10, 10, 10]


def test_other_bins_are_an_error() -> None:
    with pytest.raises(ValueError, match="counts in 2, 2 and 3 bins"):
        binned_likelihood((1, 2), (1, 2), (1, 2, 3))
    assert np.isnan(auroc_of_counts((0, 0), (1, 2)).value)


CELL = Counted("a", "all", 10_000, 300, 300, 3)


def test_the_upper_bound_of_one_cell_is_that_of_stats() -> None:
    share, found = reviewed_figures([CELL], 0.95, Sensitivity(None, 45, 50, "of this batch"))
    expected: Figure = reviewed_upper_bound(3, 300, 45, 50)
    assert found.upper == pytest.approx(expected.upper)
    assert (found.lower, found.estimate) == (None, None)
    assert found.assumes == (Assumption.CONTROLS_ALIKE,)
    assert share.estimate == pytest.approx(0.01)
    assert found.detail == "reviewers found 45 of 50 controls (of this batch)"


@pytest.mark.parametrize(
    ("cell", "sensitivity", "refusal"),
    [
        (CELL, Sensitivity(), Reason.NO_CONTROLS),
        (CELL, Sensitivity(None, 19, 19), Reason.FEW_CONTROLS),
        (CELL, Sensitivity(None, 0, 30), Refusal.NONE_FOUND),
        (Counted("a", "all", 9, 3, 0, 0), Sensitivity(0.8), Refusal.NOT_DECIDED),
        (Counted("a", "all", 9, 0, 0, 0), Sensitivity(0.8), Refusal.NOT_DRAWN),
    ],
)
def test_no_upper_bound(cell: Counted, sensitivity: Sensitivity, refusal: Why) -> None:
    found = reviewed_figures([cell], 0.95, sensitivity)[1]
    assert (found.refusal, found.upper) == (refusal, None)


def test_undecided_texts_are_an_assumption() -> None:
    cell = Counted("a", "all", 10_000, 300, 290, 3)
    found = reviewed_figures([cell], 0.95, Sensitivity(0.8))[1]
    assert found.assumes == (Assumption.SENSITIVITY_GIVEN, Assumption.UNDECIDED_AT_RANDOM)
    assert "10 of 300 drawn texts are undecided" in found.detail


def answers(number: int, language: str, in_batch: bool) -> list[ControlAnswer]:
    return [ControlAnswer("anna", language, place > 0, in_batch) for place in range(number)]


@pytest.mark.parametrize(
    ("given", "language", "controls", "of"),
    [
        ([(25, "en", True), (30, "de", True)], "en", 25, "of this batch in en"),
        ([(19, "en", True), (9, "en", False), (30, "de", True)], "en", 28,
         "of its reviewers in en"),
        ([(19, "en", True), (30, "de", True)], "en", 49, "of this batch"),
        ([(19, "en", True), (30, "de", True)], None, 49, "of this batch"),
        ([(9, "en", True), (30, "de", False)], None, 39, "of its reviewers"),
        ([(3, "en", True)], "en", 3, "of its reviewers"),
        ([], None, 0, "of its reviewers"),
    ],
)  # fmt: skip
def test_the_narrowest_controls_that_are_enough(
    given: list[tuple[int, str, bool]], language: str | None, controls: int, of: str
) -> None:
    batch = Batch("b", "chats", Purpose.AUDIT, True, {})
    said = tuple(one for numbers in given for one in answers(*numbers))
    found = Reviewed(batch, (CELL,), said).sensitivity(language)
    assert (found.controls, found.of) == (controls, of)
    assert Reviewed(batch, (CELL,), said, 0.7).sensitivity(language) == Sensitivity(0.7)
