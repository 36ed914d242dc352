"""Conformal p-values: how high a score is among scores of calibration rows.

A p-value holds as far as the row that is judged could as well have been one of the calibration
rows (exchangeability): at most a share alpha of such rows gets p <= alpha, on average over
calibration sets (Vovk, Gammerman and Shafer, 2005). Of one calibration set the share is a random
number, see `realised_rate`; `conditional` p-values hold for nearly every single set.
"""

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
_SURE = 1e-12


def p_values(scores: Floats, calibration: Floats) -> Floats:
    """(1 + number of calibration scores >= score) / (n + 1), for each score.

    ``calibration`` is sorted, rising, without NaN; the result has the shape of ``scores``. Equal
    scores count against the row, so ties only make it larger. NaN gives 1.
    """
    n = len(calibration)
    above = n - np.searchsorted(calibration, scores, side="left")
    return np.asarray(np.where(np.isnan(scores), 1.0, (1 + above) / (n + 1)), dtype=np.float64)


def smallest_p(n: int) -> float:
    """The smallest p-value that ``n`` calibration rows can give, 1 / (n + 1)."""
    return 1 / (n + 1)


def rows_needed(alpha: float) -> int:
    """Calibration rows below which no p-value is <= alpha: 1 / alpha - 1, rounded up.

    Raises ValueError unless 0 < alpha < 1.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is between 0 and 1, not {alpha}")
    return math.ceil(1 / alpha - 1 - _SURE / alpha)


def rank_reached(alpha: float, n: int) -> int:
    """The greatest r with r / (n + 1) <= alpha: the p-values up to alpha are 1 to r of n + 1."""
    return math.floor(alpha * (n + 1) + _SURE * (n + 1))


def realised_rate(alpha: float, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Range of the false-positive rate at alpha that one calibration set of ``n`` rows gives.

    Without ties the rate has the distribution Beta(r, n + 1 - r), r = `rank_reached` (Vovk, 2012);
    the range is its central part. (0, 0) where alpha cannot be reached.
    """
    from scipy.stats import beta

    r = rank_reached(alpha, n)
    if r == 0:
        return 0.0, 0.0
    tail = (1 - confidence) / 2
    low, high = beta.ppf([tail, 1 - tail], r, n + 1 - r)
    return float(low), float(high)


def false_flags(alpha: float, n: int, rows: int, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Range of the number of rows with p <= alpha among so many that are like the calibration.

    Beta-binomial with r and n + 1 - r, r = `rank_reached`: both the calibration set and the rows
    are random. The ends are the smallest counts with a distribution function of (1 -
    ``confidence``) / 2 and of the rest. (0, 0) where alpha cannot be reached or without rows.
    """
    from scipy.special import betaln, gammaln
    from scipy.stats import beta

    r = rank_reached(alpha, n)
    if r == 0 or rows == 0:
        return 0, 0
    tail = (1 - confidence) / 2
    rate = float(beta.ppf(1 - tail / 1e3, r, n + 1 - r))
    most = min(rows, math.ceil(rows * rate + 8 * math.sqrt(rows * rate) + 20))
    counts = np.arange(most + 1, dtype=np.float64)
    choose = gammaln(rows + 1) - gammaln(counts + 1) - gammaln(rows - counts + 1)
    ways = betaln(counts + r, rows - counts + n + 1 - r) - betaln(r, n + 1 - r)
    reached = np.cumsum(np.exp(choose + ways))
    low, high = np.searchsorted(reached, [tail, 1 - tail])
    return int(low), min(int(high), most)


def conditional(p: Floats, n: int, miss: float = 1 - CONFIDENCE) -> Floats:
    """P-values that hold given the calibration set, for all but a share ``miss`` of sets.

    With probability 1 - ``miss`` over sets of ``n`` rows, at most a share t of rows gets an
    adjusted p-value <= t, for all t at once. The adjustment is the generalised Simes inequality
    with k = n / 2 (Bates, Candes, Lei, Romano and Sesia, 2023, section 3): p = i / (n + 1)
    becomes b(i). The smallest is about 2 ln(1 / ``miss``) / n.
    """
    bounds = _simes_bounds(n, miss)
    ranks = np.clip(np.ceil(p * (n + 1) - _SURE * (n + 1)).astype(np.int64), 1, n + 1)
    return np.asarray(bounds[ranks - 1], dtype=np.float64)


@lru_cache(4096)
def conditional_rank(alpha: float, n: int, miss: float = 1 - CONFIDENCE) -> int:
    """The greatest r whose adjusted p-value is <= alpha; 0 if there is none."""
    return int(np.searchsorted(_simes_bounds(n, miss), alpha, side="right"))


def conditional_rows_needed(alpha: float, miss: float = 1 - CONFIDENCE) -> int:
    """Calibration rows below which no adjusted p-value is <= alpha."""
    # b(1) is 1 - miss ** (1 / k) with k = n / 2, rounded down.
    return 2 * max(1, math.ceil(math.log(miss) / math.log1p(-alpha) - _SURE / alpha))


def rows_for(alpha: float, is_conditional: bool) -> int:
    """Calibration rows that alpha needs, with p-values on average or given the calibration set."""
    return conditional_rows_needed(alpha) if is_conditional else rows_needed(alpha)


def _simes_bounds(n: int, miss: float) -> Floats:
    """b(1) <= ... <= b(n + 1) = 1: what the ranks 1 to n + 1 become."""
    from scipy.special import gammaln

    k = max(1, n // 2)
    i = np.arange(n, k - 1, -1, dtype=np.float64)
    falling = gammaln(i + 1) - gammaln(i - k + 1) - gammaln(n + 1) + gammaln(n - k + 1)
    bounds = np.ones(n + 1)
    bounds[: len(i)] = -np.expm1((math.log(miss) + falling) / k)
    return bounds
