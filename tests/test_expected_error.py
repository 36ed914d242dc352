"""The error to expect of estimates of prevalence: what it is of, and that simulations have it."""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.stats.prevalence import binned
from scrubtrace.stats.prevalence.binned import binned_likelihood
from scrubtrace.stats.prevalence.expected_error import MOST, expected_error, times_needed
from scrubtrace.stats.prevalence.profile import log_likelihood
from scrubtrace.stats.prevalence.quantify import Sample, maximum_likelihood, reference_bins
from scrubtrace.stats.prevalence.result import Figure
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen

Floats = npt.NDArray[np.float64]
HUMAN, LLM = np.array([2_700.0, 200, 100]), np.array([300.0, 300, 1_400])


def test_two_bins_have_the_variance_of_rogan_gladen() -> None:
    """By the delta method over three binomials: rate, false and found."""
    found = expected_error(500, np.array([9_800.0, 200]), np.array([3_000.0, 7_000]), 0.2)
    p, q = 200.5 / 10_001, 7_000.5 / 10_001
    rate = 0.8 * p + 0.2 * q
    variance = rate * (1 - rate) / 500 + 0.8**2 * p * (1 - p) / 10_000
    variance += 0.2**2 * q * (1 - q) / 10_000
    assert found == pytest.approx(math.sqrt(variance) / (q - p))


def test_it_is_the_curvature_of_the_profile_likelihood() -> None:
    """Of counts that are just what is expected, large enough for added rows to be none."""
    share, human, llm = 0.1, 1e4 * HUMAN, 1e4 * LLM
    mixed = (1 - share) * human / human.sum() + share * llm / llm.sum()
    judged, step = 1e7 * mixed, 1e-4
    below, top, above = log_likelihood(
        share + step * np.array([-1.0, 0, 1]), judged, human, llm
    ).tolist()
    curvature = (below - 2 * top + above) / step**2
    assert expected_error(1e7, human, llm) == pytest.approx(1 / math.sqrt(-curvature), rel=0.01)


counts = st.lists(st.integers(0, 500), min_size=4, max_size=4).filter(lambda own: sum(own) > 99)


@given(counts, counts, st.floats(0, 1), st.integers(50, 5_000))
def test_more_rows_of_any_sample_never_make_it_larger(
    human: list[int], llm: list[int], share: float, judged: int
) -> None:
    own, other = np.array(human, np.float64), np.array(llm, np.float64)
    now = expected_error(judged, own, other, share)
    assert now > 0
    limit = now * (1 + 1e-6)
    assert expected_error(2 * judged, own, other, share) <= limit
    assert expected_error(judged, own, other, share, human_times=2) <= limit
    assert expected_error(judged, own, other, share, llm_times=2) <= limit
    assert expected_error(2 * judged, own, other, share, 2, 2) == pytest.approx(
        now / math.sqrt(2), rel=1e-6
    )


@given(counts, counts, st.floats(0, 1))
def test_bins_put_together_never_make_it_smaller(
    human: list[int], llm: list[int], share: float
) -> None:
    """As rows that are added to bins change probabilities, of counts that are large."""
    own, other = 1e6 * np.array(human, np.float64), 1e6 * np.array(llm, np.float64)
    coarse = np.array([0, 0, 1, 1])
    wider = [np.bincount(coarse, kind) for kind in (own, other)]
    fine = expected_error(500, own, other, share)
    assert expected_error(500, wider[0], wider[1], share) >= fine * (1 - 1e-3)


def test_references_that_are_alike_have_no_estimate() -> None:
    assert expected_error(500, HUMAN, HUMAN) > 1e6
    assert expected_error(500, np.array([300.0]), np.array([200.0])) == math.inf


@pytest.mark.parametrize(
    ("judged", "llm", "share"), [(0, LLM, 0.1), (9, 0 * LLM, 0.1), (9, LLM[:2], 0.1), (9, LLM, 1.1)]
)
def test_no_three_samples_are_an_error(judged: float, llm: Floats, share: float) -> None:
    with pytest.raises(ValueError, match="no three samples"):
        expected_error(judged, HUMAN, llm, share)


def test_how_many_times_as_many_rows() -> None:
    def judged(times: float) -> float:
        return expected_error(100 * times, HUMAN, LLM)

    times = times_needed(judged, MOST)
    assert times is not None
    assert times > 1
    assert judged(times) == pytest.approx(MOST, rel=1e-6)
    assert times_needed(judged, judged(1.0)) == 1
    assert times_needed(judged, 0.9 * judged(1e9)) is None


def root_mean_square(figures: list[Figure], share: float) -> float:
    gaps = [figure.estimate - share for figure in figures if figure.estimate is not None]
    assert len(gaps) >= 0.95 * len(figures)
    return float(np.sqrt(np.mean(np.square(gaps))))


def by_scores(rng: np.random.Generator, share: float, gap: float) -> tuple[Figure, float]:
    judged = Sample(rng.normal(np.where(rng.random(500) < share, gap, 0.0)))
    human, llm = Sample(rng.normal(size=400)), Sample(rng.normal(gap, size=200))
    error = expected_error(500, *reference_bins(human, llm), share)
    return maximum_likelihood(judged, human, llm), error


def by_bins(rng: np.random.Generator, share: float, gap: float) -> tuple[Figure, float]:
    of_human, of_llm = np.full(20, 0.05), np.exp(gap * np.arange(20))
    of_llm /= of_llm.sum()
    mixed = (1 - share) * of_human + share * of_llm
    pairs = ((500, mixed), (400, of_human), (200, of_llm))
    judged, human, llm = (rng.multinomial(n, chances).tolist() for n, chances in pairs)
    error = expected_error(500, *binned.reference_bins(human, llm), share)
    return binned_likelihood(judged, human, llm), error


def by_flags(rng: np.random.Generator, share: float, found: float) -> tuple[Figure, float]:
    pairs = ((share * found + (1 - share) * 0.03, 500), (0.03, 400), (found, 200))
    numbers = (n for chance, size in pairs for n in (int(rng.binomial(size, chance)), size))
    flags = Flags(*numbers)
    return rogan_gladen(flags), expected_error(500, *flags.references, share)


@pytest.mark.parametrize(
    ("drawn", "share", "kind"),
    [
        (by_scores, 0.1, 2.0), (by_scores, 0.3, 3.0), (by_bins, 0.1, 1.0), (by_bins, 0.3, 0.5),
        (by_flags, 0.1, 0.7), (by_flags, 0.3, 0.4),
    ],
)  # fmt: skip
def test_simulated_estimates_have_it(
    drawn: Callable[..., tuple[Figure, float]], share: float, kind: float
) -> None:
    """Away from 0 the root mean square error of 250 estimates is within 15% of its mean."""
    rng = np.random.default_rng(5)
    found = [drawn(rng, share, kind) for _ in range(250)]
    error = root_mean_square([figure for figure, _ in found], share)
    assert np.mean([own for _, own in found]) == pytest.approx(error, rel=0.15)


@pytest.mark.parametrize(("drawn", "kind"), [(by_scores, 2.0), (by_bins, 1.0), (by_flags, 0.7)])
def test_at_prevalence_0_it_is_too_large(
    drawn: Callable[..., tuple[Figure, float]], kind: float
) -> None:
    """Half of the estimates are cut to 0, so the error is about 0.7 of it."""
    rng = np.random.default_rng(13)
    found = [drawn(rng, 0.0, kind) for _ in range(150)]
    error = root_mean_square([figure for figure, _ in found], 0.0)
    assert 0.5 < error / np.mean([own for _, own in found]) < 0.9
