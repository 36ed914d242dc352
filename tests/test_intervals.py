"""Exact bounds against published values and their definition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from scrubtrace.stats.intervals import upper_bound


@pytest.mark.parametrize(
    ("hits", "trials", "bound"),
    [(0, 299, 0.00997), (0, 2995, 0.0010), (3, 300, 0.0256), (5, 5, 1.0), (0, 0, 1.0)],
)
def test_known_bounds(hits: int, trials: int, bound: float) -> None:
    assert upper_bound(hits, trials) == pytest.approx(bound, abs=1e-4)


@given(st.integers(1, 400), st.data())
def test_at_the_bound_as_few_hits_have_the_remaining_probability(
    trials: int, data: st.DataObject
) -> None:
    hits = data.draw(st.integers(0, trials - 1))
    assert binom.cdf(hits, trials, upper_bound(hits, trials)) == pytest.approx(0.05, abs=1e-6)


@pytest.mark.parametrize(("hits", "trials"), [(-1, 5), (6, 5)])
def test_impossible_counts_are_refused(hits: int, trials: int) -> None:
    with pytest.raises(ValueError, match="no proportion"):
        upper_bound(hits, trials)
