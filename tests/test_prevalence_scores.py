"""Prevalence from scores with references of both kinds."""

import numpy as np
import numpy.typing as npt
import pytest

from scrubtrace.stats.prevalence.profile import ADDED, log_likelihood, most_likely
from scrubtrace.stats.prevalence.quantify import Sample, maximum_likelihood, pacc
from scrubtrace.stats.prevalence.result import Figure, Reason

Floats = npt.NDArray[np.float64]
Samples = tuple[Sample, Sample, Sample]


def drawn(
    rng: np.random.Generator, share: float, rows: int = 500, gap: float = 2.5, ours: float = 2.5
) -> Samples:
    """Judged rows, of which a share has scores around ``ours``, and both references."""
    llm = rng.random(rows) < share
    judged = rng.normal(np.where(llm, ours, 0.0))
    return Sample(judged), Sample(rng.normal(size=300)), Sample(rng.normal(gap, size=200))


def held(figure: Figure, share: float) -> bool:
    assert figure.lower is not None
    assert figure.upper is not None
    return figure.lower <= share <= figure.upper


def by_iteration(share: float, judged: Floats, human: Floats, llm: Floats) -> float:
    """The profile likelihood by expectation maximisation."""
    h, g = human + ADDED, llm + ADDED
    p, q = h / h.sum(), g / g.sum()
    for _ in range(3_000):
        part = share * q / ((1 - share) * p + share * q)
        p, q = h + judged * (1 - part), g + judged * part
        p, q = p / p.sum(), q / q.sum()
    mixed = np.log((1 - share) * p + share * q)
    return float((judged * mixed + h * np.log(p) + g * np.log(q)).sum())


@pytest.mark.parametrize("share", [0.0, 0.05, 0.4, 1.0])
def test_the_profile_likelihood_is_the_greatest_over_the_references(share: float) -> None:
    rng = np.random.default_rng(1)
    human = rng.multinomial(300, [0.4, 0.3, 0.2, 0.1, 0.0]).astype(np.float64)
    llm = rng.multinomial(200, [0.0, 0.1, 0.2, 0.3, 0.4]).astype(np.float64)
    judged = rng.multinomial(500, [0.3, 0.3, 0.2, 0.1, 0.1]).astype(np.float64)
    found = log_likelihood(np.array([share]), judged, human, llm)[0]
    assert found == pytest.approx(by_iteration(share, judged, human, llm), abs=1e-5)


def test_two_bins_give_rogan_gladen() -> None:
    judged, human, llm = np.array([880.0, 120]), np.array([9900.0, 100]), np.array([2000.0, 8000])
    best, low, high, gap = most_likely(judged, human, llm, 1.92)
    assert best == pytest.approx((0.12 - 0.01) / (0.8 - 0.01), abs=1e-3)
    assert low < best < high
    assert gap < 0.01


@pytest.mark.parametrize("share", [0.0, 0.01, 0.1, 0.5])
def test_the_most_likely_share_holds_and_is_close(share: float) -> None:
    rng = np.random.default_rng(2)
    found = [maximum_likelihood(*drawn(rng, share)) for _ in range(150)]
    given = [figure for figure in found if figure.refusal is None]
    assert len(given) >= 145
    assert np.mean([held(figure, share) for figure in given]) >= 0.9
    gaps = np.array([(figure.estimate or 0.0) - share for figure in given])
    assert np.sqrt((gaps**2).mean()) <= 0.035


def test_pacc_is_close_too() -> None:
    rng = np.random.default_rng(3)
    found = [pacc(*drawn(rng, 0.2), rng, draws=200) for _ in range(60)]
    assert np.mean([figure.estimate or 0.0 for figure in found]) == pytest.approx(0.2, abs=0.02)
    assert np.mean([held(figure, 0.2) for figure in found]) >= 0.85


def test_an_increasing_function_of_the_scores_changes_nothing() -> None:
    samples = drawn(np.random.default_rng(4), 0.1)
    curved = (Sample(np.exp(sample.scores)) for sample in samples)
    assert maximum_likelihood(*curved) == maximum_likelihood(*samples)


def test_more_llm_rows_are_more() -> None:
    rng = np.random.default_rng(5)
    found = [maximum_likelihood(*drawn(rng, share, 2_000)).estimate for share in (0.0, 0.2, 0.6)]
    assert found == sorted(found, key=lambda value: value or 0.0)


def test_rows_of_one_document_are_no_independent_witnesses() -> None:
    rng = np.random.default_rng(6)
    judged, human, llm = drawn(rng, 0.2)
    copied = Sample(np.repeat(judged.scores, 5), np.repeat(np.arange(500), 5))
    once, five = maximum_likelihood(judged, human, llm), maximum_likelihood(copied, human, llm)
    assert five.estimate == pytest.approx(once.estimate, abs=0.005)
    assert five.lower == pytest.approx(once.lower, abs=0.01)
    bare = maximum_likelihood(Sample(copied.scores), human, llm)
    assert (bare.upper or 0) - (bare.lower or 0) < (five.upper or 0) - (five.lower or 0)
    by_pacc = [pacc(sample, human, llm, rng, draws=300) for sample in (judged, copied)]
    widths = [(figure.upper or 0) - (figure.lower or 0) for figure in by_pacc]
    assert widths[1] == pytest.approx(widths[0], rel=0.2)


@pytest.mark.parametrize("where", [-3.0, 7.0])
def test_scores_that_no_mixture_explains_are_refused(where: float) -> None:
    """Human rows of another kind, or a generator that is unlike the reference."""
    rng = np.random.default_rng(7)
    judged = Sample(np.concatenate([rng.normal(where, 0.1, 400), rng.normal(1.2, 0.1, 100)]))
    _, human, llm = drawn(rng, 0.0)
    found = maximum_likelihood(judged, human, llm)
    assert (found.refusal, found.estimate) == (Reason.NOT_A_MIXTURE, None)


@pytest.mark.parametrize(
    ("sizes", "gap", "reason"),
    [
        ((0, 300, 200), 2.5, Reason.NO_ROWS),
        ((500, 0, 200), 2.5, Reason.NO_HUMAN_REFERENCE),
        ((500, 99, 200), 2.5, Reason.SMALL_HUMAN_REFERENCE),
        ((500, 300, 0), 2.5, Reason.NO_LLM_REFERENCE),
        ((500, 300, 49), 2.5, Reason.SMALL_LLM_REFERENCE),
        ((500, 300, 200), 0.3, Reason.NOT_SEPARATED),
    ],
)
def test_no_estimate_without_references_that_are_told_apart(
    sizes: tuple[int, int, int], gap: float, reason: Reason
) -> None:
    rng = np.random.default_rng(8)
    samples = [
        Sample(s.scores[:size]) for s, size in zip(drawn(rng, 0.1, gap=gap), sizes, strict=True)
    ]
    for found in (
        maximum_likelihood(samples[0], samples[1], samples[2]),
        pacc(samples[0], samples[1], samples[2], rng),
    ):
        assert (found.refusal, found.estimate, found.upper) == (reason, None, None)
        assert found.detail


def test_few_different_scores_still_give_bins() -> None:
    rng = np.random.default_rng(9)
    chances = {500: [0.66, 0.2, 0.14], 300: [0.8, 0.2, 0.0], 200: [0.1, 0.2, 0.7]}
    judged, human, llm = (
        Sample(rng.choice(3, size, p=own).astype(np.float64)) for size, own in chances.items()
    )
    found = maximum_likelihood(judged, human, llm)
    assert found.estimate == pytest.approx(0.2, abs=0.06)


def test_a_row_without_a_score_is_an_error() -> None:
    rng = np.random.default_rng(10)
    judged, human, llm = drawn(rng, 0.1)
    judged.scores[3] = np.nan
    with pytest.raises(ValueError, match="without a score"):
        maximum_likelihood(judged, human, llm)
