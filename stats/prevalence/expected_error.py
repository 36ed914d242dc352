"""The error to expect of an estimate of prevalence, before anything is judged.

Rows are counted in bins: of scores, or flagged and not flagged. At prevalence t the bins of judged
rows have the probabilities (1 - t) p + t q, p those of human and q those of LLM rows. What is
counted in three samples differs from that relation with the covariance

    S = C(m) / n + (1 - t)^2 C(p) / h + t^2 C(q) / g,    C(x) = diag x - x x',

m the mixture and n, h, g the rows judged and of both references. The best estimate has the variance
1 / (d' S^-1 d), d = p - q (generalised least squares). That is the inverse of the information that
the profile likelihood of `maximum_likelihood` has on t, and with two bins the variance of
`rogan_gladen` by the delta method. p and q are those of the references.

The judged scores play no part, so to refuse by it does not select estimates by their value. It is
the standard error of an estimate that is not cut at 0. Estimates are: at prevalence 0 half of them
are 0, and the root mean square error is 0.7 of this.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

PREVALENCE = 0.1
"""Where the error is looked at unless told. Below it is smaller, up to the middle larger."""

MOST = 0.03
"""Error above which an estimate tells little: three points."""

SMOOTHING = 0.5
"""Rows added to each bin of a reference before probabilities are taken from it."""

ENOUGH = 1e6
"""If so many times as many rows are too few, any number is."""

DOUBLINGS = 40


def expected_error(
    judged: float,
    human: Floats,
    llm: Floats,
    prevalence: float = PREVALENCE,
    human_times: float = 1.0,
    llm_times: float = 1.0,
) -> float:
    """Standard error of the estimate from ``judged`` rows and counts of both references (bins,).

    ``human_times`` and ``llm_times`` make them references of so many times as many rows. Infinite
    where the bins do not tell the references apart. Raises ValueError for a sample without rows,
    for different bins, and for a prevalence outside of 0 to 1.
    """
    sizes = judged, human_times * float(human.sum()), llm_times * float(llm.sum())
    if len(human) != len(llm) or min(sizes) <= 0 or not 0 <= prevalence <= 1:
        raise ValueError(f"no three samples: {sizes} rows, prevalence {prevalence}")
    p, q = ((own + SMOOTHING) / (own + SMOOTHING).sum() for own in (human, llm))
    mixture = (1 - prevalence) * p + prevalence * q
    spread = (
        _covariance(mixture) / sizes[0]
        + (1 - prevalence) ** 2 * _covariance(p) / sizes[1]
        + prevalence**2 * _covariance(q) / sizes[2]
    )
    gap = (p - q)[:-1]
    information = float(gap @ np.linalg.solve(spread, gap)) if len(gap) else 0.0
    return 1 / math.sqrt(information) if information > 0 else math.inf


def times_needed(error: Callable[[float], float], most: float) -> float | None:
    """How many times as many rows make an error that falls with them at most ``most``.

    1 if it is already; None if no number of rows does.
    """
    if error(1.0) <= most:
        return 1.0
    if error(ENOUGH) > most:
        return None
    low, high = 1.0, ENOUGH
    for _ in range(DOUBLINGS):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if error(middle) > most else (low, middle)
    return high


def _covariance(probabilities: Floats) -> Floats:
    """Of one row's counts in all bins but the last, which the others determine."""
    own = probabilities[:-1]
    return np.asarray(np.diag(own) - np.outer(own, own))
