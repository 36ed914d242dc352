"""How small an effect a test would have seen."""

from bisect import bisect_left
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POWER = 0.8
SHARES = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
SIMULATIONS = 400


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
        own = rng.choice(trusted, (SIMULATIONS, rows - count)).sum(axis=1)
        means = (own + rng.choice(mixed_in, (SIMULATIONS, count)).sum(axis=1)) / rows
        return bool((means > critical).mean() >= POWER)

    first = bisect_left(shares, True, key=is_seen)
    return shares[first] if first < len(shares) else None


def smallest_excess(rows: int, other_hits: int, other_rows: int, level: float) -> float | None:
    """Smallest share of rows that all hit which Fisher's test sees with power 0.8.

    The other rows hit as often as those of the other side. Exact; None if no share is seen.
    """
    from scipy.stats import binom, hypergeom

    counts = np.arange(rows + 1)
    p_values = hypergeom.sf(counts - 1, rows + other_rows, counts + other_hits, rows)
    enough = np.flatnonzero(p_values <= level)
    if not len(enough):
        return None
    added = np.arange(1, rows + 1)
    rate = other_hits / other_rows
    power = binom.sf(int(enough[0]) - added - 1, rows - added, rate)
    power[added >= enough[0]] = 1.0
    return float(added[np.argmax(power >= POWER)] / rows)
