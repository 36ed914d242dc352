"""AUROC and the share found at a rate, with intervals that hold."""

import numpy as np
import pytest
from scipy.stats import norm

from scrubtrace.stats.ranking import auroc, auroc_of_counts, share_found


@pytest.mark.parametrize(("humans", "llms"), [(100, 200), (400, 400), (1_000, 300)])
def test_the_interval_of_the_share_found_counts_the_threshold(humans: int, llms: int) -> None:
    random = np.random.default_rng(humans)
    true = float(norm.sf(norm.isf(0.01) - 2))
    held = 0
    for _ in range(200):
        found = share_found(random.normal(size=humans), random.normal(2, 1, llms), 0.01)
        assert found.low <= found.value <= found.high
        held += found.low <= true <= found.high
    assert held >= 190


def test_few_humans_tell_nothing_of_the_least_share() -> None:
    random = np.random.default_rng(1)
    assert share_found(random.normal(size=380), random.normal(9, 1, 500), 0.01).low == 0
    assert share_found(random.normal(size=400), random.normal(9, 1, 500), 0.01).low > 0.9


def test_scores_that_are_all_equal_find_nothing() -> None:
    found = share_found(np.zeros(500), np.zeros(100), 0.01)
    assert (found.value, found.low) == (0, 0)


@pytest.mark.parametrize("sign", [1, -1])
def test_perfectly_ranked_rows_leave_room(sign: int) -> None:
    low, high = np.arange(20.0), np.arange(20.0, 50.0)
    found = auroc(low, high) if sign == 1 else auroc(high, low)
    counted = auroc_of_counts((20, 0), (0, 30)) if sign == 1 else auroc_of_counts((0, 20), (30, 0))
    assert found == counted
    assert found.value == (1 if sign == 1 else 0)
    # As many disjoint pairs as the rarer label has rows: 0.025 ** (1 / 20).
    far = found.low if sign == 1 else 1 - found.high
    assert far == pytest.approx(0.025 ** (1 / 20))
