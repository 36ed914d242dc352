"""Statistics on two samples: known values, and p-values that hold where nothing differs."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, fisher_exact, kstest

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.power import smallest_excess, smallest_mixture
from scrubtrace.stats.two_samples import (
    excess_p_value,
    holm,
    shift,
    shift_error,
    shift_p_value,
)

NULLS = 300


@pytest.mark.parametrize(("hits", "trials"), [(0, 10), (3, 50), (10, 10), (499, 1_000)])
def test_interval_is_the_exact_one(hits: int, trials: int) -> None:
    exact = binomtest(hits, trials).proportion_ci(method="exact")
    assert interval(hits, trials) == pytest.approx((exact.low, exact.high))


def test_interval_without_trials_says_nothing() -> None:
    assert interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("p_values", "adjusted"),
    [
        ([], []),
        ([0.02], [0.02]),
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.9, 0.01, 0.8], [1.0, 0.03, 1.0]),
    ],
)
def test_holm(p_values: list[float], adjusted: list[float]) -> None:
    assert holm(p_values) == pytest.approx(adjusted)


def test_shift_weighs_strata_by_our_rows() -> None:
    ours = [np.array([1.0, 3.0]), np.array([10.0])]
    theirs = [np.array([0.0, 2.0, 1.0]), np.array([4.0, 4.0])]
    assert shift(ours, theirs) == pytest.approx((2 * 1 + 1 * 6) / 3)
    assert shift_error(ours, theirs) > 0


def test_a_stratum_of_its_own_level_is_no_shift() -> None:
    rng = np.random.default_rng(1)
    low, high = rng.normal(0, 1, 200), rng.normal(50, 1, 200)
    ours, theirs = [low[:10], high[:190]], [low[10:], high[190:]]
    assert shift_p_value(ours, theirs, 199, rng) > 0.01


def test_permutation_p_value_is_uniform_on_nulls() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(NULLS):
        ours = [rng.exponential(1, 12), rng.exponential(1, 5) + 4]
        theirs = [rng.exponential(1, 40), rng.exponential(1, 9) + 4]
        found.append(shift_p_value(ours, theirs, 199, rng))
    assert kstest(found, "uniform").pvalue > 0.01
    assert np.mean(np.array(found) <= 0.05) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / NULLS)


@pytest.mark.parametrize("bigger", [False, True])
def test_permutation_p_value_is_never_zero(bigger: bool) -> None:
    ours, theirs = np.full(30, 5.0), np.zeros(8 if bigger else 100)
    assert shift_p_value([ours], [theirs], 99, np.random.default_rng(0)) == 1 / 100


def test_permutation_p_value_of_equal_rows_is_one() -> None:
    ours, theirs = np.full(30, 0.1), np.full(70, 0.1)
    assert shift_p_value([ours], [theirs], 99, np.random.default_rng(0)) == 1.0


@pytest.mark.parametrize(("hits", "rows", "other", "other_rows"), [(4, 50, 3, 500), (0, 9, 1, 9)])
def test_excess_of_one_stratum_is_fishers_test(
    hits: int, rows: int, other: int, other_rows: int
) -> None:
    table = [[hits, rows - hits], [other, other_rows - other]]
    exact = fisher_exact(table, alternative="greater").pvalue
    assert excess_p_value([hits], [rows], [other], [other_rows]) == pytest.approx(exact)


def test_excess_p_value_holds_on_nulls() -> None:
    rng = np.random.default_rng(5)
    found = [
        excess_p_value(
            rng.binomial([40, 90], [0.1, 0.02]).tolist(), [40, 90],
            rng.binomial([200, 100], [0.1, 0.02]).tolist(), [200, 100],
        )
        for _ in range(NULLS)
    ]  # fmt: skip
    for alpha in (0.01, 0.05, 0.2):
        limit = alpha + 3 * math.sqrt(alpha * (1 - alpha) / NULLS)
        assert np.mean(np.array(found) <= alpha) <= limit


def test_smallest_excess_is_seen_and_less_is_not() -> None:
    share = smallest_excess(200, 1, 2_000, 0.01)
    assert share is not None
    rng = np.random.default_rng(2)

    def power(count: int) -> float:
        hits = count + rng.binomial(200 - count, 1 / 2_000, 300)
        return float(np.mean([excess_p_value([h], [200], [1], [2_000]) <= 0.01 for h in hits]))

    assert power(round(share * 200)) >= 0.8 > power(round(share * 200) - 1)


def test_smallest_mixture_falls_with_rows_and_none_is_told() -> None:
    rng = np.random.default_rng(2)
    trusted, model = rng.normal(0, 1, 2_000), rng.normal(3, 1, 500)
    few, many = (smallest_mixture(trusted, model, rows, 0.02, rng) for rows in (30, 1_000))
    assert few is not None
    assert many is not None
    assert many < few
    assert smallest_mixture(trusted, trusted, 30, 0.02, rng) is None
    assert smallest_excess(2, 50, 100, 0.001) is None
