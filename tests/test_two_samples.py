"""Statistics on two samples: known values, and p-values that hold where nothing differs."""

import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest, fisher_exact, hypergeom, kstest

from scrubtrace.stats import power as power_module
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


Stratum = tuple[int, int, int, int]


def whole_excess_p_value(strata: list[Stratum]) -> float:
    """`excess_p_value` with all counts that are possible."""
    chances = np.ones(1)
    for ours, size, theirs, other in strata:
        total = ours + theirs
        possible = np.arange(min(total, size) + 1)
        chances = np.convolve(chances, hypergeom.pmf(possible, size + other, total, size))
    return float(min(1.0, chances[sum(ours for ours, *_ in strata) :].sum()))


@st.composite
def stratum(draw: st.DrawFn) -> Stratum:
    """Hits and rows of both sides; the shares of hits are alike, so that p-values are not all 0."""
    size, other = draw(st.integers(0, 5_000)), draw(st.integers(0, 5_000))
    share = draw(st.sampled_from([0, 0.001, 0.02, 0.3, 0.97, 1]) | st.floats(0, 1))
    more = draw(st.floats(-8, 12)) * math.sqrt(share * (1 - share) * size)
    ours = min(size, max(0, round(share * size + more)))
    return ours, size, round(share * other), other


@settings(max_examples=150, deadline=None)
@given(st.lists(stratum(), min_size=1, max_size=3))
def test_counts_that_are_left_out_change_no_p_value(strata: list[Stratum]) -> None:
    whole = whole_excess_p_value(strata)
    found = excess_p_value(*zip(*strata, strict=True))
    assert found >= whole * (1 - 1e-9)
    if whole > 1e-12:
        assert found == pytest.approx(whole, rel=1e-9, abs=0)
    else:
        assert found <= whole * (1 + 1e-9) + 1e-58


def test_a_p_value_that_is_too_small_for_what_is_left_out_is_not_zero() -> None:
    assert 0 < excess_p_value([9_000], [10_000], [0], [10_000]) < 1e-58


def test_the_time_of_exact_tests_does_not_grow_with_the_square_of_the_hits() -> None:
    before = time.process_time()
    assert excess_p_value([400_000] * 3, [10**6] * 3, [400_000] * 3, [10**6] * 3) > 0.5
    assert smallest_excess(1_000_000, 1_000, 1_000_000, 0.01) is not None
    assert time.process_time() - before < 60


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


def listed_smallest_excess(
    rows: int, other_hits: int, other_rows: int, level: float
) -> float | None:
    """`smallest_excess` by every count there is."""
    counts = np.arange(rows + 1)
    p_values = hypergeom.sf(counts - 1, rows + other_rows, counts + other_hits, rows)
    enough = np.flatnonzero(p_values <= level)
    if not len(enough):
        return None
    added = np.arange(1, rows + 1)
    power = binom.sf(int(enough[0]) - added - 1, rows - added, other_hits / other_rows)
    power[added >= enough[0]] = 1.0
    return float(added[np.argmax(power >= 0.8)] / rows)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_smallest_excess_is_the_first_of_all_counts(data: st.DataObject) -> None:
    rows, other_rows = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    other_hits = data.draw(st.integers(0, other_rows))
    level = data.draw(st.sampled_from([1e-6, 0.001, 0.01, 0.2, 1.0]))
    expected = listed_smallest_excess(rows, other_hits, other_rows, level)
    assert smallest_excess(rows, other_hits, other_rows, level) == expected


@pytest.mark.parametrize("block", [1, 500])
def test_smallest_mixture_is_the_same_drawn_in_blocks(
    monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    def found() -> tuple[float | None, int]:
        rng = np.random.default_rng(4)
        trusted, model = rng.normal(0, 1, 500), rng.normal(2, 1, 100)
        return smallest_mixture(trusted, model, 99, 0.02, rng), int(rng.integers(1 << 30))

    whole = found()
    monkeypatch.setattr(power_module, "BLOCK", block)
    assert found() == whole
    assert whole[0] is not None
