"""The share of a whole from a stratified sample."""

import numpy as np
import pytest
from scipy.optimize import minimize

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.prevalence.result import Figure, Reason
from scrubtrace.stats.prevalence.strata import stratified_rate, zero_hits_bound


def upper(figure: Figure) -> float:
    assert figure.upper is not None
    return figure.upper


def test_equal_chances_give_the_plain_rate_and_nearly_its_exact_interval() -> None:
    hits = np.arange(400) < 40
    found = stratified_rate(hits, np.full(400, 0.1), np.zeros(400, np.int64), {0: 4000})
    low, high = interval(40, 400)
    assert found.total.estimate == pytest.approx(0.1)
    assert (found.total.lower, found.total.upper) == pytest.approx((low, high), abs=1e-3)
    assert found.strata[0].estimate == found.total.estimate


def test_rare_rows_that_were_drawn_more_often_count_less() -> None:
    """Hajek by hand: (2 / .5) / (2 / .5 + 8 / .1) of the only stratum."""
    hits = np.array([True] * 2 + [False] * 8)
    inclusion = np.array([0.5] * 2 + [0.1] * 8)
    found = stratified_rate(hits, inclusion, np.zeros(10, np.int64), {0: 84})
    assert found.total.estimate == pytest.approx(4 / 84)


def test_strata_are_weighted_by_their_size() -> None:
    hits = np.array([True, False] * 50 + [False] * 100)
    strata = np.repeat([0, 1], 100)
    found = stratified_rate(hits, np.full(200, 0.5), strata, {0: 1_000, 1: 9_000})
    assert found.total.estimate == pytest.approx(0.05)
    assert found.strata[0].estimate == 0.5
    assert found.strata[1].upper == pytest.approx(interval(0, 100)[1])


def test_strata_without_a_hit_are_bounded_together() -> None:
    none = np.zeros(600, np.bool_)
    strata = np.repeat([0, 1], 300)
    sizes = {0: 500.0, 1: 500.0}
    found = stratified_rate(none, np.full(600, 0.5), strata, sizes).total
    assert (found.estimate, found.lower) == (0.0, 0.0)
    assert upper(found) == pytest.approx(interval(0, 600)[1], abs=1e-4)


def test_the_joint_bound_is_a_maximum() -> None:
    shares, rows = np.array([0.6, 0.3, 0.1]), np.array([50.0, 200.0, 20.0])
    best = minimize(
        lambda p: -(shares @ p), np.full(3, 0.005), bounds=[(0, 0.9)] * 3,
        constraints={"type": "ineq", "fun": lambda p: rows @ np.log1p(-p) - np.log(0.05)},
    )  # fmt: skip
    assert zero_hits_bound(shares, rows, 0.05) == pytest.approx(-best.fun, rel=1e-3)


@pytest.mark.parametrize("rates", [(0.0, 0.01, 0.2), (0.001, 0.001, 0.001), (0.05, 0.3, 0.9)])
def test_the_interval_of_the_whole_holds(rates: tuple[float, ...]) -> None:
    rng = np.random.default_rng(1)
    sizes = {0: 70_000.0, 1: 25_000.0, 2: 5_000.0}
    share = sum(size * rate for size, rate in zip(sizes.values(), rates, strict=True)) / 100_000
    strata = np.repeat([0, 1, 2], [300, 200, 150])
    inclusion = np.select([strata == 0, strata == 1], [0.004, 0.008], 0.03)
    inclusion = inclusion * np.where(np.arange(650) % 2, 1.0, 0.5)
    held = []
    for _ in range(300):
        hits = rng.random(650) < np.array(rates)[strata]
        found = stratified_rate(hits, inclusion, strata, sizes).total
        assert found.lower is not None
        held.append(found.lower <= share <= upper(found))
    assert np.mean(held) >= 0.93


def test_every_row_a_hit_is_the_mirror_of_none() -> None:
    strata = np.zeros(100, np.int64)
    chances = np.full(100, 0.5)
    none = stratified_rate(np.zeros(100, np.bool_), chances, strata, {0: 200}).total
    every = stratified_rate(np.ones(100, np.bool_), chances, strata, {0: 200}).total
    assert every.lower == pytest.approx(1 - upper(none))
    assert every.upper == 1.0


def test_a_stratum_that_was_not_sampled_refuses_the_whole_and_not_the_others() -> None:
    hits, strata = np.arange(100) < 10, np.zeros(100, np.int64)
    found = stratified_rate(hits, np.full(100, 0.5), strata, {0: 200, 7: 300, 8: 0})
    assert (found.total.refusal, found.total.estimate) == (Reason.STRATUM_NOT_SAMPLED, None)
    assert "[7]" in found.total.detail
    assert found.strata[0].estimate == 0.1
    assert found.strata[7].refusal is Reason.STRATUM_NOT_SAMPLED
    assert 8 not in found.strata


def test_nothing_at_all_is_refused() -> None:
    empty = np.empty(0)
    found = stratified_rate(empty.astype(np.bool_), empty, empty.astype(np.int64), {})
    assert found.total.refusal is Reason.NO_ROWS


@pytest.mark.parametrize("chance", [0.0, 1.5, -0.1, np.nan])
def test_an_impossible_chance_is_an_error(chance: float) -> None:
    with pytest.raises(ValueError, match="chance"):
        stratified_rate(np.array([True]), np.array([chance]), np.array([0]), {0: 10})


def test_rows_of_an_unknown_stratum_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"without a size: \[3\]"):
        stratified_rate(np.array([True]), np.array([0.5]), np.array([3]), {0: 10})
