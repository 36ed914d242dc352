"""Rows that come in clusters, such as the texts of one labeler, tell less than as many others.

Clusters are the primary sampling units. The variance of a ratio between them, divided by that of
independent rows, is the design effect; counts divided by it are worth as much as independent rows
(Rao and Scott, 1981; Rao and Scott, 1992).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import effective_interval
from scrubtrace.stats.prevalence.result import CONFIDENCE, Figure, Reason, checked, refused

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

RATE = "raw rate, exact interval of effective rows"

LEAST_CLUSTERS = 30
"""With fewer clusters their variance is not known well enough for any interval."""

_KURTOSIS = 3
"""Of a normal distribution: with it, the effective degrees of freedom are nearly all there are."""


@dataclass(frozen=True)
class Clusters:
    """How many of so many rows are hits in each cluster, shapes (k,)."""

    hits: Numbers
    rows: Numbers

    def __post_init__(self) -> None:
        if self.hits.shape != self.rows.shape or not (self.hits >= 0).all():
            raise ValueError("hits and rows of the same clusters are counts")
        if not (self.hits <= self.rows).all():
            raise ValueError("a cluster has no more hits than rows")
        filled = self.rows > 0
        object.__setattr__(self, "hits", self.hits[filled])
        object.__setattr__(self, "rows", self.rows[filled])

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def rate(self) -> float:
        """Hits of all rows; 0 without rows."""
        return float(self.hits.sum() / max(1, self.rows.sum()))

    @property
    def design_effect(self) -> float:
        """How many times the variance of the rate is that of independent rows, at least 1.

        Where no row or every row is a hit nothing is known of it, and it is 1.
        """
        n, k, rate = float(self.rows.sum()), len(self), self.rate
        if k < 2 or not 0 < rate < 1:
            return 1.0
        variance = k / (k - 1) * float((self._rest**2).sum()) / n**2
        return max(1.0, variance * n / (rate * (1 - rate)))

    @property
    def freedom(self) -> float:
        """Degrees of freedom of that variance.

        One less than there are clusters, and fewer where a few of them make most of it, by the
        fourth moment of what they deviate by (Satterthwaite, 1946).
        """
        squares = self._rest**2
        fourth = float((squares**2).sum())
        if fourth == 0:
            return float(max(1, len(self) - 1))
        found = _KURTOSIS * float(squares.sum()) ** 2 / fourth - 1
        return min(max(1.0, found), max(1.0, len(self) - 1.0))

    def divisor(self, confidence: float = CONFIDENCE) -> float:
        """What counts are divided by: the design effect, and more as that is estimated.

        The square of Student's t over the normal quantile (Korn and Graubard, 1998).
        """
        from scipy.stats import norm, t

        tail = (1 + confidence) / 2
        return self.design_effect * float(t.ppf(tail, self.freedom) / norm.ppf(tail)) ** 2

    def effective(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Hits and rows that these are worth, not whole numbers."""
        divisor = self.divisor(confidence)
        return float(self.hits.sum()) / divisor, float(self.rows.sum()) / divisor

    def resampled(self, rng: np.random.Generator, draws: int) -> Floats:
        """Rates (draws,) of as many clusters drawn with replacement."""
        k = len(self)
        rates = np.empty(draws)
        step = max(1, _AT_ONCE // k)
        for first in range(0, draws, step):
            size = min(step, draws - first)
            drawn = rng.multinomial(k, np.full(k, 1 / k), size)
            rates[first : first + size] = (drawn @ self.hits) / (drawn @ self.rows)
        return rates

    @property
    def _rest(self) -> Floats:
        """What the hits of each cluster deviate by from the rate of all."""
        return np.asarray(self.hits - self.rate * self.rows, np.float64)


_AT_ONCE = 1 << 22
"""Numbers of drawn clusters that are held at once."""


def clustered_rate(
    hits: int, rows: int, clusters: Clusters, confidence: float = CONFIDENCE
) -> Figure:
    """Share of hits with the exact interval of the rows that these are worth.

    ``clusters`` are of the same rows, or of more, such as those that cannot be hits. Raises
    ValueError for impossible counts.
    """
    checked(hits, rows, confidence)
    if not rows:
        return refused(RATE, confidence, rows, Reason.NO_ROWS, "no rows to judge")
    low, high = effective_interval(hits / rows, rows / clusters.divisor(confidence), confidence)
    return Figure(RATE, hits / rows, low, high, confidence, rows)
