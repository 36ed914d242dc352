"""How many texts are needed: published sizes, bounds by their definition, allocations."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.audit.allocation import Allocation, allocate
from scrubtrace.audit.sizes import Goal
from scrubtrace.exits import UsageStop
from scrubtrace.stats.intervals import upper_bound

SIZES = st.lists(st.integers(1, 5_000), min_size=1, max_size=8)
GOALS = st.builds(Goal, bound=st.floats(0.01, 0.3), sensitivity=st.floats(0.5, 1)) | st.builds(
    Goal, precision=st.floats(0.01, 0.2), expected=st.floats(0.01, 0.9)
)


@pytest.mark.parametrize(
    ("goal", "size"),
    [
        (Goal(bound=0.01), 299),
        (Goal(bound=0.001), 2_995),
        (Goal(bound=0.0001), 29_956),
        (Goal(bound=0.01, sensitivity=0.8), 460),
        (Goal(precision=0.005, expected=0.01), 1_522),
        (Goal(precision=0.01, expected=0.05), 1_825),
        (Goal(precision=0.02, expected=0.05), 457),
        (Goal(total=40), 40),
    ],
)
def test_sizes(goal: Goal, size: int) -> None:
    assert goal.size == size


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "one of"),
        ({"bound": 0.1, "total": 3}, "one of"),
        ({"precision": 0.1}, "belong together"),
        ({"bound": 0.1, "expected": 0.1}, "belong together"),
    ],
)
def test_goals_that_say_nothing(given: dict[str, float], problem: str) -> None:
    with pytest.raises(UsageStop, match=problem):
        Goal(**given)  # type: ignore[arg-type]


@given(st.integers(1, 2_000), st.integers(1, 10**9))
def test_the_bound_of_one_stratum_is_the_exact_one(drawn: int, more: int) -> None:
    assert Goal(total=1).reached([(drawn + more, drawn)]) == pytest.approx(upper_bound(0, drawn))


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 5_000)), min_size=1, max_size=5))
def test_no_way_of_spreading_hits_beats_the_bound(cells: list[tuple[int, int]]) -> None:
    pairs = [(drawn + more, drawn) for drawn, more in cells]
    bound = Goal(total=1).reached(pairs)
    weights = np.array([size for size, _ in pairs]) / sum(size for size, _ in pairs)
    drawn = np.array([count for _, count in pairs])
    spreads = np.random.default_rng(0).dirichlet(np.full(len(pairs), 0.5), 500)
    shares = 1 - np.exp(-spreads * -math.log(0.05) / drawn)
    assert (shares @ weights).max() <= bound + 1e-9


def test_whole_strata_are_settled_only_by_reviewers_who_miss_nothing() -> None:
    assert Goal(bound=0.1).reached([(20, 20)]) == 0
    assert Goal(bound=0.1, sensitivity=0.8).reached([(20, 20)]) > 0.1
    assert Goal(bound=0.1).reached([(20, 0), (20, 20)]) == 0.5
    assert Goal(precision=0.1, expected=0.2).reached([(20, 20)]) == 0


@given(SIZES, GOALS, st.sampled_from(Allocation), st.integers(1, 50))
def test_allocations_reach_the_goal(
    sizes: list[int], goal: Goal, rule: Allocation, minimum: int
) -> None:
    drawn = allocate(sizes, goal, rule, minimum)
    cells = list(zip(sizes, drawn, strict=True))
    assert all(min(minimum, size) <= count <= size for size, count in cells)
    assert max(drawn) <= max(goal.size, minimum)
    assert goal.is_reached(cells) or (drawn == sizes and goal.sensitivity < 1)
    if rule == Allocation.EQUAL:
        assert all(count in (size, max(drawn)) for size, count in cells)


@given(SIZES, st.integers(1, 3_000), st.sampled_from(Allocation))
def test_a_total_is_drawn_exactly_where_it_can_be(
    sizes: list[int], total: int, rule: Allocation
) -> None:
    drawn = allocate(sizes, Goal(total=total), rule, 1)
    assert sum(drawn) == min(max(total, len(sizes)), sum(sizes))
    if rule == Allocation.EQUAL:
        counts = [count for size, count in zip(sizes, drawn, strict=True) if count < size]
        assert not counts or max(drawn) - min(counts) <= 1
