"""P-values among calibration rows: what they promise, and for how many rows."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.stats.conformal import (
    conditional,
    conditional_rank,
    conditional_rows_needed,
    false_flags,
    p_values,
    rank_reached,
    realised_rate,
    rows_needed,
    smallest_p,
)
from scrubtrace.stats.fdr import benjamini_hochberg, least_rejections
from scrubtrace.stats.typicality import typical

SCORES = st.lists(st.integers(-5, 5).map(float), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_p_values_count_the_calibration_scores_that_are_not_lower(
    scores: list[float], calibration: list[float]
) -> None:
    found = p_values(np.array(scores), np.sort(calibration))
    n = len(calibration)
    for score, p in zip(scores, found, strict=True):
        assert p == (1 + sum(other >= score for other in calibration)) / (n + 1)


def test_a_score_that_is_none_has_the_largest_p_value() -> None:
    assert p_values(np.array([np.nan]), np.array([1.0, 2.0])).tolist() == [1.0]
    assert p_values(np.array([3.0]), np.empty(0)).tolist() == [1.0]


@given(st.lists(st.integers(0, 3), min_size=2, max_size=8), st.floats(0.01, 0.99))
def test_p_values_are_super_uniform_when_rows_are_exchangeable(
    values: list[int], alpha: float
) -> None:
    """Exact: each of the values in turn is the row that is judged, ties and all."""
    pool = np.array(values, np.float64)
    hits = 0
    for place in range(len(pool)):
        others = np.sort(np.delete(pool, place))
        hits += p_values(pool[place : place + 1], others)[0] <= alpha
    assert hits / len(pool) <= alpha


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.3])
def test_p_values_are_super_uniform_in_simulation(alpha: float) -> None:
    rng = np.random.default_rng(1)
    rates = [
        (p_values(rng.normal(size=50), np.sort(rng.normal(size=120))) <= alpha).mean()
        for _ in range(2_000)
    ]
    expected = rank_reached(alpha, 120) / 121
    assert np.mean(rates) == pytest.approx(expected, abs=4 * np.std(rates) / math.sqrt(2_000))
    assert expected <= alpha


@pytest.mark.parametrize(
    ("alpha", "rows"), [(0.5, 1), (0.05, 19), (0.01, 99), (0.001, 999), (0.003, 333), (0.9, 1)]
)
def test_how_many_rows_an_alpha_needs(alpha: float, rows: int) -> None:
    assert rows_needed(alpha) == rows
    assert rank_reached(alpha, rows) >= 1
    assert smallest_p(rows) <= alpha
    assert rows < 2 or rank_reached(alpha, rows - 1) == 0


@pytest.mark.parametrize("alpha", [0.0, 1.0, -1.0, math.nan])
def test_an_alpha_that_is_none(alpha: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        rows_needed(alpha)


@pytest.mark.parametrize(("alpha", "n"), [(0.01, 999), (0.05, 200), (0.01, 150)])
def test_the_range_of_the_realised_rate_holds_95_of_100_calibration_sets(
    alpha: float, n: int
) -> None:
    rng = np.random.default_rng(2)
    low, high = realised_rate(alpha, n)
    r = rank_reached(alpha, n)
    cuts = np.sort(rng.uniform(size=(4_000, n)), axis=1)[:, n - r]
    inside = ((1 - cuts >= low) & (1 - cuts <= high)).mean()
    assert inside == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("alpha", "n", "rows"), [(0.01, 999, 500), (0.05, 60, 40), (0.01, 120, 20_000)]
)
def test_the_range_of_false_flags_holds_95_of_100_data_sets(
    alpha: float, n: int, rows: int
) -> None:
    rng = np.random.default_rng(3)
    low, high = false_flags(alpha, n, rows)
    r = rank_reached(alpha, n)
    counts = rng.binomial(rows, rng.beta(r, n + 1 - r, size=20_000))
    assert ((counts >= low) & (counts <= high)).mean() >= 0.945
    assert ((counts > low) & (counts < high)).mean() <= 0.965


@pytest.mark.parametrize(
    ("alpha", "n", "rows", "expected"),
    [(0.001, 500, 10**6, (0, 0)), (0.01, 99, 0, (0, 0)), (0.5, 9, 1, (0, 1))],
)
def test_false_flags_at_the_edges(
    alpha: float, n: int, rows: int, expected: tuple[int, int]
) -> None:
    assert false_flags(alpha, n, rows) == expected


def test_false_flags_of_very_many_rows() -> None:
    low, high = false_flags(0.001, 9_999, 10**8)
    assert 40_000 < low < 10**5 < high < 200_000


@pytest.mark.parametrize("n", [20, 200, 999])
@pytest.mark.parametrize("miss", [0.05, 0.2])
def test_conditional_p_values_hold_for_nearly_every_calibration_set(n: int, miss: float) -> None:
    """The true rates of the ranks are uniform order statistics: all must lie below the bounds."""
    rng = np.random.default_rng(4)
    bounds = conditional(np.arange(1, n + 1) / (n + 1), n, miss)
    rates = np.sort(rng.uniform(size=(4_000, n)), axis=1)
    assert (rates <= bounds).all(axis=1).mean() >= 1 - miss - 0.015


@given(st.integers(1, 3_000), st.floats(0.0001, 0.9))
def test_conditional_p_values_are_ordered_and_larger(n: int, alpha: float) -> None:
    marginal = np.arange(1, n + 2) / (n + 1)
    adjusted = conditional(marginal, n)
    assert (np.diff(adjusted) >= -1e-12).all()
    assert adjusted[-1] == 1
    rank = conditional_rank(alpha, n)
    assert rank <= rank_reached(alpha, n)
    assert rank == int((adjusted <= alpha).sum())


@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_how_many_rows_a_conditional_alpha_needs(alpha: float) -> None:
    needed = conditional_rows_needed(alpha)
    assert conditional_rank(alpha, needed) >= 1
    assert conditional_rank(alpha, needed - 1) == 0
    assert needed == pytest.approx(2 * math.log(20) / alpha, rel=0.05)


@given(
    st.lists(st.floats(0.0001, 1), min_size=0, max_size=40), st.integers(0, 60), st.floats(0.01, 1)
)
def test_benjamini_hochberg_is_its_definition(found: list[float], more: int, level: float) -> None:
    tested = len(found) + more
    cut = benjamini_hochberg(np.array(found), tested, level)
    ordered = sorted(found)
    allowed = [p for k, p in enumerate(ordered, 1) if p <= level * k / tested * (1 + 1e-12)]
    assert cut == max(allowed, default=0.0)


def test_benjamini_hochberg_controls_the_false_discovery_rate_of_conformal_p_values() -> None:
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(400):
        calibration = np.sort(rng.normal(size=999))
        scores = np.concatenate([rng.normal(size=300), rng.normal(3, size=60)])
        p = p_values(scores, calibration)
        cut = benjamini_hochberg(p[p <= 0.2], 360, 0.2)
        rejected = p <= cut
        shares.append(rejected[:300].sum() / max(1, rejected.sum()))
    assert np.mean(shares) <= 0.2 * 300 / 360 + 3 * np.std(shares) / 20


def test_more_p_values_than_tests_is_an_error() -> None:
    with pytest.raises(ValueError, match="3 p-values of 2 tests"):
        benjamini_hochberg(np.ones(3), 2, 0.1)


@pytest.mark.parametrize(
    ("smallest", "tested", "level", "least"),
    [(0.001, 1000, 0.1, 10), (0.001, 5, 0.1, 1), (0.2, 10, 0.1, None), (0.1, 10, 0.1, 10)],
)
def test_how_many_rows_need_the_smallest_p_value(
    smallest: float, tested: int, level: float, least: int | None
) -> None:
    assert least_rejections(smallest, tested, level) == least
    if least is not None:
        enough = np.full(least, smallest)
        assert benjamini_hochberg(enough, tested, level) == smallest
        assert benjamini_hochberg(enough[1:], tested, level) == 0.0


@pytest.mark.parametrize("n", [100, 400])
def test_typicality_is_super_uniform_for_rows_of_the_same_kind(n: int) -> None:
    rng = np.random.default_rng(6)
    hits = []
    for _ in range(200):
        rows = rng.lognormal(size=(n + 100, 4)) * [1, 10, 100, 0]
        hits.append((typical(rows[:n]).p_values(rows[n:]) <= 0.05).mean())
    assert np.mean(hits) == pytest.approx(0.05, abs=0.012)


def test_typicality_tells_rows_of_another_kind() -> None:
    rng = np.random.default_rng(7)
    kind = typical(rng.normal(size=(500, 3)))
    far = np.array([[9, 0, 0], [0, 0, -9], [4, -4, 4], [np.nan, 0, 0], [np.inf, 0, 0]], np.float64)
    assert (kind.p_values(far) <= 0.01).all()
    assert (kind.p_values(np.zeros((1, 3))) > 0.5).all()


def test_a_quantity_that_never_varies_is_no_reason_but_a_large_gap_is() -> None:
    rng = np.random.default_rng(8)
    rows = np.column_stack([rng.normal(size=300), np.ones(300)])
    found = typical(rows).p_values(np.array([[0.0, 1.01], [0.0, 3.0]]))
    assert found[0] > 0.5
    assert found[1] <= 0.01
