"""How many texts have to be read for what is to be said.

With probability sampling from a stratified population, in two ways. A *bound* is the upper
confidence bound of the share of hits if reviewers find none among the drawn texts. A *width* is the
half-width of the normal interval of the share, if the expected share is the true one. Reviewers who
find only a share of the hits, their sensitivity, need more texts for either; what they saw is
divided by it. A sensitivity below 1 is a limit of what controls measure, so half of the error of a
bound is left for that, as ``audit run`` divides it. Reading a stratum whole settles it only for
reviewers who miss nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from scrubtrace.audit.estimates import Finding
from scrubtrace.exits import UsageStop
from scrubtrace.stats.prevalence.rates import rows_for_precision, zero_defect_rows
from scrubtrace.stats.prevalence.strata import zero_hits_bound


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
            return zero_defect_rows(self.bound, self._level, self.sensitivity)
        assert self.precision is not None
        assert self.expected is not None
        seen, width = self.expected * self.sensitivity, self.precision * self.sensitivity
        return rows_for_precision(seen, width, self.confidence)

    def reached(self, cells: Sequence[tuple[int, int]]) -> float:
        """The bound, or the width, that so many texts drawn of so many give, strata together.

        ``cells`` are pairs of population and texts drawn. Strata without a draw may be all hits.
        Without a ``bound`` or ``precision`` it is the bound.
        """
        population = sum(size for size, _ in cells)
        if not population:
            return 1.0
        is_settled = self.sensitivity == 1
        unseen = sum(size for size, drawn in cells if not drawn) / population
        open_cells = [
            (size / population, drawn, 1 - is_settled * drawn / size)
            for size, drawn in cells
            if drawn and (drawn < size or not is_settled)
        ]
        if not open_cells:
            return unseen
        found = self._bound(open_cells) if self.expected is None else self._width(open_cells)
        return min(1.0, unseen + found / self.sensitivity)

    def is_reached(self, cells: Sequence[tuple[int, int]]) -> bool:
        """Whether the draw gives what is asked for; any draw does if only a total is."""
        asked = self.bound if self.bound is not None else self.precision
        return asked is None or self.reached(cells) <= asked * (1 + 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """The goal for the plan of a batch."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def _bound(self, cells: Sequence[tuple[float, int, float]]) -> float:
        shares, drawn = np.array([c[0] for c in cells]), np.array([float(c[1]) for c in cells])
        return zero_hits_bound(shares, drawn, 1 - self._level)

    @property
    def _level(self) -> float:
        """The confidence of the bound on what reviewers see."""
        return Finding(self.sensitivity, self.sensitivity < 1).level(self.confidence)

    def _width(self, cells: Sequence[tuple[float, int, float]]) -> float:
        assert self.expected is not None
        seen = self.expected * self.sensitivity
        variance = sum(w**2 * seen * (1 - seen) / drawn * left for w, drawn, left in cells)
        return NormalDist().inv_cdf((1 + self.confidence) / 2) * math.sqrt(variance)
