"""How many texts have to be read for what is to be said.

With probability sampling from a stratified population, in two ways. A *bound* is the upper
confidence bound of the share of hits if reviewers find none among the drawn texts. A *width* is the
half-width of the normal interval of the share, if the expected share is the true one. Reviewers who
find only a share of the hits, their sensitivity, need more texts for either; what they saw is
divided by it. Reading a stratum whole settles it only for reviewers who miss nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

from scrubtrace.exits import UsageStop


@dataclass(frozen=True)
class Goal:
    """What is to be said of the texts, and how well reviewers find what there is.

    Exactly one of ``bound``, ``precision`` (with ``expected``) and ``total`` is set, all shares
    between 0 and 1. ``sensitivity`` is a lower limit for the share of hits that reviewers find.
    Raises `UsageStop` for anything else.
    """

    bound: float | None = None
    precision: float | None = None
    expected: float | None = None
    total: int | None = None
    confidence: float = 0.95
    sensitivity: float = 1.0

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.bound, self.precision, self.total)) != 1:
            raise UsageStop("give one of --bound, --precision with --expected, and --total")
        if (self.precision is None) != (self.expected is None):
            raise UsageStop("--precision and --expected belong together")

    @property
    def size(self) -> int:
        """Texts that a simple random sample needs."""
        if self.total is not None:
            return self.total
        if self.bound is not None:
            return zero_defect_size(self.bound * self.sensitivity, self.confidence)
        assert self.precision is not None
        assert self.expected is not None
        seen = self.expected * self.sensitivity
        width = self.precision * self.sensitivity
        return max(1, math.ceil(self._z**2 * seen * (1 - seen) / width**2))

    def reached(self, cells: Sequence[tuple[int, int]]) -> float:
        """The bound, or the width, that so many texts drawn of so many give, strata together.

        Without a ``bound`` or ``precision`` it is the bound.
        """
        is_settled = self.sensitivity == 1
        if self.expected is None:
            bound = no_hit_bound(cells, self.confidence, is_settled)
            return min(1.0, bound / self.sensitivity)
        seen = self.expected * self.sensitivity
        population = sum(size for size, _ in cells) or 1
        variance = sum(
            (size / population) ** 2 * seen * (1 - seen) / drawn * (1 - is_settled * drawn / size)
            for size, drawn in cells
            if drawn
        )
        unseen = sum(size for size, drawn in cells if not drawn) / population
        return min(1.0, self._z * math.sqrt(variance) / self.sensitivity + unseen)

    def is_reached(self, cells: Sequence[tuple[int, int]]) -> bool:
        """Whether the draw gives what is asked for; any draw does if only a total is."""
        asked = self.bound if self.bound is not None else self.precision
        return asked is None or self.reached(cells) <= asked * (1 + 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """The goal for the plan of a batch."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    @property
    def _z(self) -> float:
        return NormalDist().inv_cdf((1 + self.confidence) / 2)


def zero_defect_size(bound: float, confidence: float) -> int:
    """Fewest draws with none that hits which make a larger share than ``bound`` implausible.

    The smallest n with (1 - bound)^n <= 1 - confidence; from an infinite population, so that it is
    enough for any.
    """
    return math.ceil(math.log1p(-confidence) / math.log1p(-bound) - 1e-9)


def no_hit_bound(
    cells: Sequence[tuple[int, int]], confidence: float, is_settled: bool = True
) -> float:
    """Upper confidence bound of the share of hits if no drawn text is one, strata together.

    ``cells`` are pairs of population and texts drawn. The bound is the largest share, over all
    ways in which hits can be spread over strata, at which no hit has at least the probability
    1 - confidence. With p = 1 - exp(-x/n) that is a concave problem with one constraint, the sum
    of x, solved by the common price of its Lagrangian. Strata that were read whole have no hit if
    that ``is_settled`` by reading; those without a draw may be all hits.
    """
    population = sum(size for size, _ in cells)
    if not population:
        return 1.0
    budget = -math.log1p(-confidence)
    unseen = sum(size for size, drawn in cells if not drawn) / population
    weights = [
        (size / population, drawn)
        for size, drawn in cells
        if drawn and (drawn < size or not is_settled)
    ]
    if not weights:
        return unseen

    def spent(price: float) -> float:
        return sum(n * math.log(max(1.0, w / n / price)) for w, n in weights)

    low, high = 0.0, max(w / n for w, n in weights)
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if spent(middle) > budget else (low, middle)
    return unseen + sum(w * (1 - min(1.0, high * n / w)) for w, n in weights)
