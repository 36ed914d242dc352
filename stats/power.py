"""How small an effect a test would have seen."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POWER = 0.8
SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
SIMULATIONS = 400
BLOCK = 1 << 22
"""Rows that are drawn at the same time, unless one simulation has more."""


def smallest_mixture(
    trusted: Floats,
    mixed_in: Floats,
    rows: int,
    level: float,
    rng: np.random.Generator,
    shares: Sequence[float] = SHARES,
) -> float | None:
    """Smallest share of ``mixed_in`` among ``rows`` that a test of means sees with power 0.8.

    Simulated: rows are drawn from either sample, and compared with the mean of ``trusted`` at the
    one-sided ``level``, in normal approximation. None if not even the largest share is seen.
    """  # fmt: skip
    from scipy.stats import norm

    spread = float(trusted.std()) * np.sqrt(1 / rows + 1 / len(trusted))
    critical = float(trusted.mean()) + float(norm.isf(level)) * spread

    def is_seen(share: float) -> bool:
        count = round(share * rows)
        own = _drawn_sums(trusted, rows - count, rng)
        means = (own + _drawn_sums(mixed_in, count, rng)) / rows
        return bool((means > critical).mean() >= POWER)

    first = bisect_left(shares, True, key=is_seen)
    return shares[first] if first < len(shares) else None


def smallest_excess(rows: int, other_hits: int, other_rows: int, level: float) -> float | None:
    """Smallest share of rows that all hit which Fisher's test sees with power 0.8.

    The other rows hit as often as those of the other side. Exact; None if no share is seen.
    """
    from scipy.stats import binom, hypergeom

    def is_low(count: int) -> bool:
        p_value = hypergeom.sf(count - 1, rows + other_rows, count + other_hits, rows)
        return bool(p_value <= level)

    enough = bisect_left(range(rows + 1), True, key=is_low)
    if enough > rows:
        return None
    rate = other_hits / other_rows

    def is_seen(added: int) -> bool:
        return added >= enough or bool(binom.sf(enough - added - 1, rows - added, rate) >= POWER)

    return (1 + bisect_left(range(1, rows), True, key=is_seen)) / rows


def _drawn_sums(values: Floats, count: int, rng: np.random.Generator) -> Floats:
    """Sums of so many values drawn with replacement, one for each simulation."""
    step = max(1, BLOCK // max(1, count))
    sums = [
        rng.choice(values, (min(step, SIMULATIONS - first), count)).sum(axis=1)
        for first in range(0, SIMULATIONS, step)
    ]
    return np.concatenate(sums)
