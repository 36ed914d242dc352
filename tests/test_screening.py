"""Screening of labelers: what is fitted, what is referred, and to whom no number is given."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import betabinom, binom

from scrubtrace.stats.screening import (
    CleanNull,
    Reason,
    Refused,
    fit_null,
    rates_by_group,
    screen,
    shrunken_rates,
)

Numbers = npt.NDArray[np.int64]


def counts(
    rng: np.random.Generator, labelers: int = 400, dispersion: float = 0.01, rows: int = 300
) -> tuple[Numbers, Numbers]:
    size = 1 / dispersion - 1
    n = rng.integers(rows // 2, 2 * rows, labelers)
    return n, rng.binomial(n, rng.beta(0.02 * size, 0.98 * size, labelers))


def fitted(rows: Numbers, flagged: Numbers) -> CleanNull:
    null = fit_null(rows, flagged)
    assert isinstance(null, CleanNull)
    return null


NULL = fitted(*counts(np.random.default_rng(1)))


def test_the_fit_finds_rate_and_dispersion() -> None:
    null = fitted(*counts(np.random.default_rng(2), 3_000, 0.02))
    assert null.rate == pytest.approx(0.02, rel=0.1)
    assert null.dispersion == pytest.approx(0.02, rel=0.15)
    assert null.dispersion < null.dispersion_limit < 0.03
    assert null.weights.sum() == pytest.approx(1)
    assert (null.rates * null.weights).sum() == pytest.approx(0.02, rel=0.1)


def test_without_over_dispersion_the_p_values_are_nearly_binomial() -> None:
    rng = np.random.default_rng(3)
    n = np.full(1_000, 500)
    null = fitted(n, rng.binomial(n, 0.02))
    found = null.p_values(np.array([500, 500]), np.array([15, 20]))
    assert found == pytest.approx(binom.sf([14, 19], 500, 0.02), rel=0.6)
    assert null.dispersion_limit < 0.002


def test_p_values_are_no_smaller_than_those_of_the_fitted_distribution() -> None:
    rows, flagged = np.array([100, 200, 400]), np.array([8, 15, 30])
    a, b = NULL.shape(NULL.dispersion)
    assert (NULL.p_values(rows, flagged) >= betabinom.sf(flagged - 1, rows, a, b) - 1e-9).all()


def test_p_values_fall_with_flagged_rows_and_end_at_1() -> None:
    rows = np.full(101, 100)
    found = NULL.p_values(rows, np.arange(101))
    assert found[0] == 1.0
    assert (np.diff(found) <= 1e-12).all()
    past = np.full(101, 200), np.full(101, 4)
    assert (np.diff(NULL.own_p_values(rows, np.arange(101), *past)) <= 1e-12).all()


def test_a_labelers_own_past_makes_the_usual_usual() -> None:
    rows, flagged = np.array([200, 200]), np.array([20, 20])
    past_rows, past_flagged = np.array([500, 500]), np.array([50, 3])
    high, low = NULL.own_p_values(rows, flagged, past_rows, past_flagged)
    assert high > 0.2
    assert low < 0.001
    nothing = np.zeros(2, np.int64)
    assert NULL.own_p_values(rows, flagged, nothing, nothing) == pytest.approx(
        NULL.p_values(rows, flagged), rel=1e-6
    )


@pytest.mark.parametrize("dispersion", [0.003, 0.02])
def test_clean_labelers_are_seldom_unusual(dispersion: float) -> None:
    rng = np.random.default_rng(4)
    shares = []
    for _ in range(15):
        null = fitted(*counts(rng, 200, dispersion))
        shares.append((null.p_values(*counts(rng, 500, dispersion)) <= 0.01).mean())
    assert np.mean(shares) <= 0.011


def test_those_who_paste_are_referred_and_the_others_are_not() -> None:
    rows, flagged = counts(np.random.default_rng(5), 300, 0.003)
    null = fitted(rows, flagged)
    rows, flagged = counts(np.random.default_rng(6), 300, 0.003)
    flagged[:5] = rows[:5] // 3
    found = screen(null, rows, flagged)
    assert found.referred[:5].all()
    assert found.referred[5:].sum() <= 1
    assert found.unusual == found.referred.sum()


def test_the_budget_takes_the_smallest_p_values() -> None:
    rows = np.full(100, 200)
    flagged = np.full(100, 3)
    flagged[[7, 8, 9]] = [90, 190, 60]
    found = screen(NULL, rows, flagged, budget=2)
    assert np.flatnonzero(found.referred).tolist() == [7, 8]
    assert found.unusual == 3
    assert not screen(NULL, rows, flagged, budget=0).referred.any()
    assert not screen(NULL, rows, flagged, budget=-1).referred.any()


def test_labelers_with_few_rows_are_not_judged_but_have_a_shrunken_rate() -> None:
    rows, flagged = np.array([49, 0, 200]), np.array([49, 0, 2])
    found = screen(NULL, rows, flagged)
    assert found.refused.tolist() == [True, True, False]
    assert np.isnan(found.p_values).tolist() == [True, True, False]
    assert not found.referred.any()
    assert 0.02 < found.shrunken[0] < 0.9
    assert found.low[1] < found.shrunken[1] < found.high[1]


def test_shrunken_rates_are_between_the_mean_and_the_count() -> None:
    rows, flagged = np.array([50, 5_000]), np.array([10, 1_000])
    mean, low, high = shrunken_rates(NULL, rows, flagged)
    assert NULL.rate < mean[0] < mean[1] < 0.2
    assert (low < mean).all()
    assert (mean < high).all()
    assert high[1] - low[1] < high[0] - low[0]


def test_beside_their_past_labelers_must_be_unusual_twice_unless_the_work_is_the_same() -> None:
    rows, flagged = np.full(100, 300), np.full(100, 4)
    flagged[0] = 25
    past = np.full(100, 2_000), np.full(100, 10)
    both = screen(NULL, rows, flagged, past)
    own = screen(NULL, rows, flagged, past, same_work=True)
    assert own.referred[0]
    assert (both.p_values >= own.p_values).all()
    assert (both.p_values >= screen(NULL, rows, flagged).p_values).all()


def test_same_work_needs_a_past() -> None:
    with pytest.raises(ValueError, match="past"):
        screen(NULL, np.array([100]), np.array([1]), same_work=True)


@pytest.mark.parametrize(
    ("rows", "labelers", "refused"),
    [
        (100, 49, Refused(Reason.FEW_LABELERS, 49, 50)),
        (49, 500, Refused(Reason.FEW_LABELERS, 0, 50)),
    ],
)
def test_too_little_in_clean_periods_is_refused(rows: int, labelers: int, refused: Refused) -> None:
    n = np.full(labelers, rows)
    assert fit_null(n, np.zeros(labelers, np.int64)) == refused


def test_clean_periods_without_any_flag_still_give_a_null() -> None:
    null = fitted(np.full(60, 100), np.zeros(60, np.int64))
    p = null.p_values(np.array([100, 100]), np.array([0, 30]))
    assert p[0] == 1.0
    assert p[1] < 0.02


@pytest.mark.parametrize(("rows", "flagged"), [([5], [6]), ([5], [-1]), ([5, 5], [1])])
def test_impossible_counts_are_an_error(rows: list[int], flagged: list[int]) -> None:
    with pytest.raises(ValueError, match="between 0 and the rows"):
        fit_null(np.array(rows), np.array(flagged))


def test_rates_by_group_have_an_interval_over_labelers_and_no_number_for_a_few() -> None:
    rng = np.random.default_rng(7)
    rows, flagged = counts(rng, 400)
    group = np.repeat([1, 2, 3], [200, 180, 20])
    found = rates_by_group(NULL, rows, flagged, group, cut=1e-3)
    assert found[3].refusal is Reason.FEW_LABELERS
    assert (found[3].rate, found[3].referred) == (None, None)
    one = found[1]
    assert one.rate == flagged[:200].sum() / rows[:200].sum()
    assert one.low is not None
    assert one.high is not None
    assert one.low < 0.02 < one.high
    assert one.high - one.low > 4 * np.sqrt(0.02 * 0.98 / one.rows)
    assert one.referred is not None
    assert one.referred <= 2
