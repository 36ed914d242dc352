"""How many texts are drawn of each stratum."""

import math
from collections.abc import Sequence
from enum import StrEnum

from scrubtrace.audit.sizes import Goal


class Allocation(StrEnum):
    """Equal: the same number of each stratum. Proportional: by the number of its texts."""

    EQUAL = "equal"
    PROPORTIONAL = "proportional"


def allocate(sizes: Sequence[int], goal: Goal, rule: Allocation, minimum: int = 1) -> list[int]:
    """Texts to draw of strata with so many texts, so that the goal is reached for all together.

    No stratum gets fewer than ``minimum``; a stratum that has no more is taken whole. Equal: as
    many of each, what small strata lack is drawn of the others. For a bound or a precision the
    fewest that reach it; at most as many of a stratum, or in proportion, as a simple random sample
    of everything would need. For a total as many as that, or more if the minimum wants it.
    """
    if goal.total is not None:
        enough = _spends(sizes, rule, minimum, min(goal.total, sum(sizes)))
        return _trimmed(sizes, enough, minimum, goal.total)
    low, high = 1, goal.size
    while low < high:
        middle = (low + high) // 2
        drawn = _at_level(sizes, rule, minimum, middle)
        low, high = (low, middle) if _reaches(goal, sizes, drawn) else (middle + 1, high)
    return _at_level(sizes, rule, minimum, low)


def _reaches(goal: Goal, sizes: Sequence[int], drawn: Sequence[int]) -> bool:
    return goal.is_reached(list(zip(sizes, drawn, strict=True)))


def _at_level(sizes: Sequence[int], rule: Allocation, minimum: int, level: int) -> list[int]:
    """Equal: ``level`` of each stratum; proportional: ``level`` of all together."""
    population = sum(sizes)
    if rule == Allocation.EQUAL:
        wanted = [level] * len(sizes)
    else:
        wanted = [math.ceil(level * size / population) if size else 0 for size in sizes]
    return [min(size, max(minimum, want)) for size, want in zip(sizes, wanted, strict=True)]


def _spends(sizes: Sequence[int], rule: Allocation, minimum: int, total: int) -> list[int]:
    """The draw of the lowest level that comes to ``total`` texts or more."""
    low, high = 1, max(total, 1)
    while low < high:
        middle = (low + high) // 2
        spent = sum(_at_level(sizes, rule, minimum, middle))
        low, high = (low, middle) if spent >= total else (middle + 1, high)
    return _at_level(sizes, rule, minimum, low)


def _trimmed(sizes: Sequence[int], drawn: Sequence[int], minimum: int, total: int) -> list[int]:
    """The draw without what is beyond the total: one less of the strata with the most."""
    trimmed, beyond = list(drawn), sum(drawn) - total
    for number in sorted(range(len(trimmed)), key=lambda number: (-drawn[number], -number)):
        if beyond > 0 and trimmed[number] > min(minimum, sizes[number]):
            trimmed[number] -= 1
            beyond -= 1
    return trimmed
