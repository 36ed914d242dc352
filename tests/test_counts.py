"""The order of counts: the same whatever they were counted in."""

from collections import Counter
from itertools import permutations

from scrubtrace.stats.counts import ranked


def test_equal_counts_are_in_the_order_of_their_names() -> None:
    names = ["b", None, "a", "c"]
    for order in permutations(names):
        counted = Counter(order)
        counted["b"] += 1
        assert ranked(counted) == [("b", 2), ("a", 1), ("c", 1), (None, 1)]
    pairs = [("d2", "x"), ("d1", "y"), ("d1", "x")]
    assert [pair for pair, _ in ranked(Counter(pairs))] == sorted(pairs)
