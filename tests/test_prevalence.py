"""Bounds and estimates of prevalence from counts: known values, what they promise, refusals."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from scrubtrace.stats.intervals import effective_interval, interval, lower_bound, wilson
from scrubtrace.stats.prevalence.lower_bound import prevalence_lower_bound, two_bounds
from scrubtrace.stats.prevalence.rates import (
    raw_rate,
    reviewed_upper_bound,
    rows_for_precision,
    zero_defect_rows,
)
from scrubtrace.stats.prevalence.result import Figure, Reason
from scrubtrace.stats.prevalence.rogan_gladen import (
    BOOTSTRAP,
    LANG_REICZIGEL,
    Flags,
    rogan_gladen,
    rogan_gladen_bootstrap,
    rogan_gladen_either,
)


def lowest(flagged: int, rows: int, human_flagged: int, human_rows: int) -> float:
    found = prevalence_lower_bound(flagged, rows, human_flagged, human_rows).lower
    assert found is not None
    return found


def ends(figure: Figure) -> tuple[float, float]:
    assert figure.lower is not None
    assert figure.upper is not None
    return figure.lower, figure.upper


@pytest.mark.parametrize(
    ("hits", "trials", "low", "high"),
    [(10, 1000, 0.0054, 0.0183), (0, 300, 0.0, 0.0126), (5, 5, 0.5655, 1.0), (0, 0, 0.0, 1.0)],
)
def test_known_wilson_intervals(hits: int, trials: int, low: float, high: float) -> None:
    assert wilson(hits, trials) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5)])
def test_wilson_refuses_impossible_counts(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        wilson(hits, trials)


@given(st.integers(1, 500), st.data())
def test_the_interval_of_whole_rows_is_the_exact_one(trials: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, trials))
    assert effective_interval(hits / trials, trials) == pytest.approx(interval(hits, trials))
    assert lower_bound(hits, trials, 0.975) == pytest.approx(interval(hits, trials)[0])


@pytest.mark.parametrize(
    ("exact", "low", "high"), [(True, 0.00480, 0.01831), (False, 0.00544, 0.01831)]
)
def test_raw_rates(exact: bool, low: float, high: float) -> None:
    found = raw_rate(10, 1000, exact=exact)
    assert found.estimate == 0.01
    assert ends(found) == pytest.approx((low, high), abs=1e-4)


def test_a_rate_of_nothing_is_refused() -> None:
    assert raw_rate(0, 0).refusal is Reason.NO_ROWS


def covered(rows: int, human_rows: int, false: float, prevalence: float) -> float:
    """Exact chance that the lower bound is not above the prevalence."""
    rate = prevalence + (1 - prevalence) * false
    missed = 0.0
    for k in range(human_rows + 1):
        chance = float(binom.pmf(k, human_rows, false))
        if chance < 1e-6:
            continue
        least, most = 0, rows + 1  # the bound rises with the flagged rows
        while least < most:
            middle = (least + most) // 2
            if lowest(middle, rows, k, human_rows) > prevalence + 1e-12:
                most = middle
            else:
                least = middle + 1
        missed += chance * float(binom.sf(least - 1, rows, rate))
    return 1 - missed


@pytest.mark.parametrize(
    ("rows", "human_rows", "false", "prevalence"),
    [(50, 50, 0.01, 0.0), (50, 200, 0.2, 0.0), (200, 100, 0.02, 0.1), (30, 60, 0.05, 0.5)],
)
def test_the_lower_bound_holds_exactly(
    rows: int, human_rows: int, false: float, prevalence: float
) -> None:
    assert covered(rows, human_rows, false, prevalence) >= 0.95


@given(st.integers(50, 300), st.integers(50, 300), st.data())
def test_the_lower_bound_is_ordered(rows: int, human_rows: int, data: st.DataObject) -> None:
    x = data.draw(st.integers(0, rows - 1))
    k = data.draw(st.integers(0, human_rows - 1))
    found = prevalence_lower_bound(x, rows, k, human_rows)
    assert found.estimate is not None
    assert found.upper is None
    assert 0 <= lowest(x, rows, k, human_rows) <= found.estimate <= 1
    assert lowest(x + 1, rows, k, human_rows) >= lowest(x, rows, k, human_rows) - 1e-6
    assert lowest(x, rows, k + 1, human_rows) <= lowest(x, rows, k, human_rows) + 1e-6


def test_the_lower_bound_is_closer_than_two_bounds() -> None:
    assert lowest(50, 1000, 10, 1000) == pytest.approx(0.0281, abs=2e-4)
    assert two_bounds(50, 1000, 10, 1000) == pytest.approx(0.0194, abs=2e-4)


def test_the_lower_bound_of_very_many_rows() -> None:
    assert lowest(5_000_000, 10**8, 10_000, 10**6) == pytest.approx(0.0402, abs=2e-4)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((0, 0, 1, 100), Reason.NO_ROWS),
        ((5, 100, 0, 0), Reason.NO_HUMAN_REFERENCE),
        ((5, 100, 0, 49), Reason.SMALL_HUMAN_REFERENCE),
    ],
)
def test_no_lower_bound_without_references(
    counts: tuple[int, int, int, int], reason: Reason
) -> None:
    found = prevalence_lower_bound(*counts)
    assert (found.refusal, found.estimate, found.lower) == (reason, None, None)
    assert found.detail


@pytest.mark.parametrize("counts", [(6, 5, 0, 100), (1, 5, 101, 100), (-1, 5, 0, 100)])
def test_impossible_counts_are_an_error(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        prevalence_lower_bound(*counts)


def test_rogan_gladen_by_hand() -> None:
    """Rate .12, false .01, found .8: .11 / .79; the interval by the paper's equations."""
    found = rogan_gladen(Flags(120, 1000, 10, 1000, 240, 300))
    assert found.estimate == pytest.approx(0.11 / 0.79)
    z2 = 1.959964**2
    rate, false, seen = (120 + z2 / 2) / (1000 + z2), 11 / 1002, 241 / 302
    centre = (rate - false) / (seen - false)
    a, b = seen * (1 - seen) / 302, false * (1 - false) / 1002
    spread = rate * (1 - rate) / (1000 + z2) + centre**2 * a + (1 - centre) ** 2 * b
    shift = 2 * z2 * (centre * a - (1 - centre) * b)
    reach = (z2 * spread) ** 0.5 / (seen - false)
    assert ends(found) == pytest.approx((centre + shift - reach, centre + shift + reach))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.1, 0.5])
def test_rogan_gladen_holds(share: float) -> None:
    rng = np.random.default_rng(11)
    held = []
    for _ in range(400):
        flags = Flags(
            int(rng.binomial(500, share * 0.7 + (1 - share) * 0.02)), 500,
            int(rng.binomial(300, 0.02)), 300, int(rng.binomial(200, 0.7)), 200,
        )  # fmt: skip
        low, high = ends(rogan_gladen(flags))
        held.append(low <= share <= high)
    assert np.mean(held) >= 0.925


def test_the_bootstrap_interval_is_close_to_the_other_away_from_0() -> None:
    flags = Flags(400, 1000, 20, 1000, 240, 300)
    found = rogan_gladen_bootstrap(flags, np.random.default_rng(3))
    assert found.estimate == rogan_gladen(flags).estimate
    assert ends(found) == pytest.approx(ends(rogan_gladen(flags)), abs=0.01)


def test_intervals_widen_as_far_as_parts_need() -> None:
    """Many parts have each so small an error that 2,000 draws do not reach its percentile."""
    flags = Flags(400, 1000, 20, 1000, 240, 300)
    levels = (0.95, 0.99, 0.999, 1 - 0.05 / 300, 1 - 0.05 / 3_000)
    for way in (rogan_gladen_bootstrap, rogan_gladen_either):
        found = [way(flags, np.random.default_rng(3), level) for level in levels]
        widths = [high - low for low, high in map(ends, found)]
        for width, wider in pairwise(widths):
            assert wider > 1.08 * width
        assert [one.method for one in found] == [BOOTSTRAP] * 2 + [LANG_REICZIGEL] * 3


def test_rows_that_are_not_whole_and_all_flagged() -> None:
    flags = Flags(120.9, 120.9, 2.5, 150.7, 90.6, 90.6)
    found = rogan_gladen_bootstrap(flags, np.random.default_rng(3))
    low, high = ends(found)
    assert (found.estimate, high) == (1.0, 1.0)
    assert 0.95 < low < 1


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (Flags(0, 0, 1, 200, 90, 100), Reason.NO_ROWS),
        (Flags(5, 100, 0, 0, 90, 100), Reason.NO_HUMAN_REFERENCE),
        (Flags(5, 100, 1, 99, 90, 100), Reason.SMALL_HUMAN_REFERENCE),
        (Flags(5, 100, 1, 200, 0, 0), Reason.NO_LLM_REFERENCE),
        (Flags(5, 100, 1, 200, 40, 49), Reason.SMALL_LLM_REFERENCE),
        (Flags(5, 100, 10, 200, 10, 100), Reason.NOT_SEPARATED),
    ],
)
def test_no_rogan_gladen_without_references_that_are_told_apart(
    flags: Flags, reason: Reason
) -> None:
    for found in (rogan_gladen(flags), rogan_gladen_bootstrap(flags, np.random.default_rng(1))):
        assert (found.refusal, found.estimate, found.lower, found.upper) == (
            reason, None, None, None,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("prevalence", "sensitivity", "rows"),
    [(0.01, 1.0, 299), (0.001, 1.0, 2995), (0.0001, 1.0, 29956), (0.01, 0.5, 598)],
)
def test_how_many_rows_without_a_hit(prevalence: float, sensitivity: float, rows: int) -> None:
    assert zero_defect_rows(prevalence, sensitivity=sensitivity) == rows
    assert (1 - prevalence * sensitivity) ** rows <= 0.05


@pytest.mark.parametrize(
    ("rate", "half", "rows"), [(0.01, 0.005, 1522), (0.05, 0.01, 1825), (0.05, 0.02, 457)]
)
def test_how_many_rows_for_a_precision(rate: float, half: float, rows: int) -> None:
    assert rows_for_precision(rate, half) == rows


@pytest.mark.parametrize("value", [0.0, 1.0, -0.1])
def test_sizes_of_impossible_wishes(value: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        rows_for_precision(value, 0.01)
    with pytest.raises(ValueError, match="between 0 and 1"):
        zero_defect_rows(value)
    with pytest.raises(ValueError, match="sensitivity"):
        zero_defect_rows(0.01, sensitivity=value if value < 1 else 1.1)


def test_the_upper_bound_of_a_review_counts_what_reviewers_overlook() -> None:
    perfect = reviewed_upper_bound(0, 1000, 10**6, 10**6)
    real = reviewed_upper_bound(0, 1000, 40, 50)
    assert perfect.upper == pytest.approx(1 - 0.025 ** (1 / 1000), abs=1e-5)
    assert real.upper == pytest.approx(0.003682 / 0.66282, abs=1e-4)
    assert (real.estimate, real.lower) == (None, None)


@pytest.mark.parametrize("prevalence", [0.0, 0.01, 0.2])
def test_the_upper_bound_of_a_review_holds(prevalence: float) -> None:
    rng = np.random.default_rng(12)
    held = [
        (reviewed_upper_bound(int(x), 400, int(c), 40).upper or 0.0) >= prevalence
        for x, c in zip(
            rng.binomial(400, prevalence * 0.7, 500), rng.binomial(40, 0.7, 500), strict=True
        )
    ]
    assert np.mean(held) >= 0.95


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ((0, 0, 30, 30), Reason.NO_ROWS),
        ((0, 100, 0, 0), Reason.NO_CONTROLS),
        ((0, 100, 19, 19), Reason.FEW_CONTROLS),
    ],
)
def test_no_upper_bound_without_controls(counts: tuple[int, int, int, int], reason: Reason) -> None:
    found = reviewed_upper_bound(*counts)
    assert (found.refusal, found.upper) == (reason, None)


def test_reviewers_who_find_nothing_bound_nothing() -> None:
    assert reviewed_upper_bound(0, 100, 0, 30).upper == 1.0
