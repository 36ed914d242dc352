"""Changes of monthly rates: what is seen, what is not, and how often by mistake."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from scrubtrace.stats.change import Reason, month_rates, step, steps
from scrubtrace.stats.intervals import interval
from scrubtrace.stats.two_samples import excess_p_value

Numbers = npt.NDArray[np.int64]
MONTHS = np.arange(30)
BEFORE, AFTER = MONTHS < 24, MONTHS >= 24


def months(
    rng: np.random.Generator, dispersion: float = 0.0, lift: float = 1.0, strata: int = 1
) -> tuple[Numbers, Numbers]:
    """Rows and flagged rows (strata, 30): 2% of the rows, ``lift`` times that in the last six."""
    rows = rng.integers(200, 600, (strata, 30))
    rates = np.full((strata, 30), 0.02)
    if dispersion:
        size = 1 / dispersion - 1
        rates = np.tile(rng.beta(0.02 * size, 0.98 * size, 30), (strata, 1))
    return rows, rng.binomial(rows, np.where(AFTER, lift * rates, rates))


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def rise(rows: Numbers, flagged: Numbers) -> Any:
    return step(rows, flagged, BEFORE, AFTER, rng())


def test_intervals_of_months_that_vary_no_more_than_chance_are_nearly_exact() -> None:
    rows = np.full(4, 1_000)
    flagged = np.array([20, 22, 18, 60])
    found = month_rates(rows, flagged, np.array([True, True, True, False]))
    assert (found[3].low, found[3].high) == pytest.approx(interval(60, 1_000))
    assert found[3].rate == 0.06


def test_months_that_vary_more_have_wider_intervals() -> None:
    rows = np.full(5, 1_000)
    flagged = np.array([5, 60, 20, 2, 20])
    found = month_rates(rows, flagged, np.arange(5) < 4)
    low, high = interval(20, 1_000)
    assert found[4].low is not None
    assert found[4].high is not None
    assert found[4].low < low
    assert found[4].high > high


def test_a_month_without_rows_has_no_rate() -> None:
    found = month_rates(np.array([0, 10]), np.array([0, 1]), np.array([True, True]))
    assert (found[0].rate, found[0].low) == (None, None)
    assert (found[1].low, found[1].high) == pytest.approx(interval(1, 10))


def test_a_step_is_seen_and_measured() -> None:
    found = rise(*months(rng(2), lift=3.0))
    assert found.p_value < 0.01
    assert found.odds_ratio == pytest.approx(3.0, rel=0.2)
    assert found.low < 3.1 < found.high
    assert found.rate_after == pytest.approx(3 * found.rate_before, rel=0.2)
    assert (found.months_before, found.months_after) == (24, 6)


def test_a_fall_is_no_rise() -> None:
    assert rise(*months(rng(3), lift=0.3)).p_value > 0.9


@pytest.mark.parametrize(("dispersion", "strata"), [(0.0, 1), (0.002, 1), (0.002, 3)])
def test_without_a_step_one_is_seldom_seen(dispersion: float, strata: int) -> None:
    found = [rise(*months(rng(seed), dispersion, 1.0, strata)).p_value for seed in range(60)]
    assert np.mean(np.array(found) <= 0.05) <= 0.12


def test_the_p_value_is_never_below_the_exact_one() -> None:
    rows, flagged = months(rng(4), lift=1.5)
    exact = excess_p_value(
        [int(flagged[0, AFTER].sum())], [int(rows[0, AFTER].sum())],
        [int(flagged[0, BEFORE].sum())], [int(rows[0, BEFORE].sum())],
    )  # fmt: skip
    assert rise(rows, flagged).p_value >= exact


def test_more_rows_of_one_source_are_no_change() -> None:
    """The rate of all rows rises because of the mix; within strata nothing does."""
    rows = np.stack([np.where(AFTER, 100, 1_000), np.where(AFTER, 1_000, 100)])
    flagged = np.stack([rows[0] // 100, rows[1] // 10])
    found = rise(rows, flagged)
    assert found.rate_after > 3 * found.rate_before
    assert found.odds_ratio == pytest.approx(1.0)
    assert found.p_value > 0.3


def test_the_odds_ratio_of_one_table_is_the_cross_product() -> None:
    rows = np.where(AFTER, 50, 100)[None]
    flagged = np.where(AFTER, 10, 5)[None]
    assert rise(rows, flagged).odds_ratio == pytest.approx((60 / 240) / (120 / 2280))


def test_no_flagged_row_before_gives_a_finite_ratio() -> None:
    found = rise(np.full((1, 30), 100), np.where(AFTER, 5, 0)[None])
    assert np.isfinite([found.odds_ratio, found.low, found.high]).all()
    assert found.p_value < 0.01


def test_several_dates_are_tested_between_their_neighbours_and_adjusted() -> None:
    rows, flagged = months(rng(5), lift=4.0)
    found = steps(rows, flagged, [2, 12, 24], rng())
    assert found[0].refusal is Reason.FEW_MONTHS_BEFORE
    assert (found[0].p_value, found[0].adjusted) == (None, None)
    assert (found[1].months_before, found[1].months_after) == (10, 12)
    assert found[2].adjusted == pytest.approx(2 * (found[2].p_value or 0))
    assert (found[2].adjusted or 1) < 0.05
    assert (found[1].adjusted or 0) > 0.05


def test_dates_out_of_order_are_an_error() -> None:
    rows, flagged = months(rng())
    with pytest.raises(ValueError, match="rising order"):
        steps(rows, flagged, [12, 6], rng())


@pytest.mark.parametrize(
    ("before", "after", "flagged", "reason"),
    [
        (2, 10, 1, Reason.FEW_MONTHS_BEFORE),
        (10, 2, 1, Reason.FEW_MONTHS_AFTER),
        (10, 10, 0, Reason.NO_FLAGGED_ROWS),
    ],
)
def test_what_cannot_be_tested_is_refused(
    before: int, after: int, flagged: int, reason: Reason
) -> None:
    rows = np.full((1, before + after), 100)
    place = np.arange(before + after)
    found = step(rows, np.full_like(rows, flagged), place < before, place >= before, rng())
    assert (found.refusal, found.p_value, found.odds_ratio) == (reason, None, None)


def test_strata_on_one_side_only_are_refused() -> None:
    rows = np.stack([np.where(AFTER, 100, 0), np.where(AFTER, 0, 100)])
    assert rise(rows, rows // 10).refusal is Reason.NO_COMMON_STRATUM


def test_impossible_counts_are_an_error() -> None:
    with pytest.raises(ValueError, match="between 0 and the rows"):
        rise(np.full((1, 30), 5), np.full((1, 30), 6))
