"""Lower bound on prevalence from flags, with no assumption on what the flags miss.

Of m rows x are flagged, of n human rows of the same kind k. If a share p of the rows are by models,
the flag rate is at most r = p + (1 - p) f, f the false-positive rate, as no more than all of them
are flagged. So p >= (r - f) / (1 - f) = 1 - (1 - r) / (1 - f), whatever the sensitivity is: unseen
generators and paraphrases make the bound lower, never too high. It needs human rows that are like
the human rows that are judged, and that took no part in choosing the threshold.
"""

import math
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.intervals import lower_bound as exact_lower
from scrubtrace.stats.intervals import upper_bound as exact_upper
from scrubtrace.stats.prevalence.clusters import Clusters
from scrubtrace.stats.prevalence.result import (
    CONFIDENCE,
    Figure,
    checked,
    missing,
    refused,
)

Floats = npt.NDArray[np.float64]

METHOD = "lower bound by test inversion"
LEAST_HUMAN = 50

NUISANCE = 0.001
"""Share of the error that pays for looking only at plausible false-positive rates."""

RATES = 25
"""False-positive rates at which the probability is looked at."""

STEPS = 10
"""Prevalences that are looked at from 0 to the estimate before the crossing is bisected."""

HALVINGS = 16

REACH = 8.0
"""Standard deviations of flagged human rows that are added up."""


def prevalence_lower_bound(
    flagged: int, rows: int, human_flagged: int, human_rows: int, confidence: float = CONFIDENCE
) -> Figure:
    """Lower confidence bound on the share of rows by models.

    Test inversion for the ratio of two binomial proportions (1 - r and 1 - f): a prevalence p is
    excluded if at no plausible f so large a studentised difference has a probability above 1 -
    ``confidence``. Plausible is the exact interval of f at error `NUISANCE`, which is added to that
    probability (Berger and Boos, 1994). Raises ValueError for impossible counts.
    """
    checked(flagged, rows, confidence)
    checked(human_flagged, human_rows, confidence)
    if reason := missing(rows, human_rows, None, LEAST_HUMAN, 0):
        return refused(METHOD, confidence, rows, *reason)
    lower = _inverted(flagged, rows, human_flagged, human_rows, 1 - confidence)
    estimate = max(0.0, _excess(flagged / rows, human_flagged / human_rows))
    return Figure(METHOD, estimate, lower, None, confidence, rows)


def clustered_lower_bound(
    judged: Clusters, human: Clusters, confidence: float = CONFIDENCE
) -> Figure:
    """`prevalence_lower_bound` of rows in clusters, by the whole rows that they are worth.

    What is not whole is rounded so that the bound becomes lower: flags of judged rows down and
    their number up, flags of human rows up and their number down.
    """
    n = int(judged.rows.sum())
    (flagged, rows), (human_flagged, human_rows) = (
        one.effective(confidence) for one in (judged, human)
    )
    if reason := missing(rows, human_rows, None, LEAST_HUMAN, 0):
        return refused(METHOD, confidence, n, *reason)
    own, other = math.ceil(rows), math.floor(human_rows)
    most = min(other, math.ceil(human_flagged))
    found = prevalence_lower_bound(math.floor(flagged), own, most, other, confidence)
    return replace(found, n=n)


def two_bounds(
    flagged: int, rows: int, human_flagged: int, human_rows: int, confidence: float = CONFIDENCE
) -> float:
    """The same from an exact lower bound of r and an exact upper bound of f, half the error each.

    Holds by the union bound, and is lower than need be: for comparison.
    """
    each = (1 + confidence) / 2
    rate = exact_lower(flagged, rows, each)
    return max(0.0, _excess(rate, exact_upper(human_flagged, human_rows, each)))


def _excess(rate: float, false: float) -> float:
    return (rate - false) / (1 - false) if false < 1 else 0.0


@lru_cache(65536)
def _inverted(x: int, m: int, k: int, n: int, error: float) -> float:
    """The smallest prevalence that is not excluded: looked for from 0 upwards."""
    low, high = interval(k, n, 1 - NUISANCE)
    rates = np.linspace(low, high, RATES)
    allowed = error - NUISANCE
    estimate = max(0.0, _excess(x / m, k / n))

    def excluded(p: float) -> bool:
        return _probability(p, x, m, k, n, rates) <= allowed

    below = 0.0
    for above in np.linspace(0.0, estimate, STEPS).tolist():
        if not excluded(above):
            break
        below = above
    else:
        return estimate
    for _ in range(HALVINGS):
        middle = (below + above) / 2
        below, above = (middle, above) if excluded(middle) else (below, middle)
    return below


def _probability(p: float, x: int, m: int, k: int, n: int, rates: Floats) -> float:
    """The greatest probability, over ``rates``, of so large a difference at prevalence p."""
    from scipy.stats import binom

    limit = _statistic(np.array([k]), x, p, m, n)[0]
    spread = REACH * np.sqrt(n * rates * (1 - rates)) + REACH
    counts = np.arange(
        max(0, int((n * rates - spread).min())), min(n, int((n * rates + spread).max())) + 1
    )
    least = _least_flagged(counts, float(limit), p, m, n)
    chance = binom.pmf(counts[None, :], n, rates[:, None])
    tail = binom.sf(least[None, :] - 1, m, p + (1 - p) * rates[:, None])
    return float((chance * tail).sum(axis=1).max())


def _statistic(counts: npt.NDArray[np.int64], x: int, p: float, m: int, n: int) -> Floats:
    """Studentised difference between the flag rate and that which prevalence p explains."""
    rate, false = (x + 0.5) / (m + 1), (counts + 0.5) / (n + 1)
    own, other = rate * (1 - rate) / m, (1 - p) ** 2 * false * (1 - false) / n
    return np.asarray((rate - p - (1 - p) * false) / np.sqrt(own + other))


def _least_flagged(
    counts: npt.NDArray[np.int64], limit: float, p: float, m: int, n: int
) -> npt.NDArray[np.int64]:
    """For each count of flagged human rows, the fewest flagged rows that reach the limit.

    `_statistic` rises with the flagged rows, and equals the limit at a root of a quadratic.
    """
    false = (counts + 0.5) / (n + 1)
    explained = p + (1 - p) * false
    other = (1 - p) ** 2 * false * (1 - false) / n
    square = limit * limit / m
    half = explained + square / 2
    inner = half**2 - (1 + square) * (explained**2 - limit * limit * other)
    root = (half + np.sign(limit) * np.sqrt(np.maximum(inner, 0))) / (1 + square)
    least = np.ceil(root * (m + 1) - 0.5 - 1e-9 * (m + 1))
    return np.asarray(np.clip(least, 0, m + 1), np.int64)
