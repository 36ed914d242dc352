"""How well scores rank positives above negatives: AUROC, and the share found at a given rate."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, norm, rankdata

from scrubtrace.stats.intervals import interval

Floats = npt.NDArray[np.float64]

_MISS_THRESHOLD, _MISS_SHARE = 0.04, 0.01
"""Chances that the interval of the threshold, which is the wider, and of the share miss."""


class Estimate(NamedTuple):
    """A value with its 95% interval."""

    value: float
    low: float
    high: float


def auroc(negatives: Floats, positives: Floats) -> Estimate:
    """Area under the ROC curve: the chance that a positive scores higher; ties count half.

    The interval is DeLong's (DeLong, DeLong and Clarke-Pearson, 1988, by the midranks of Sun and
    Xu, 2014), cut to 0 to 1. Where no pair is in the wrong order, or all are, that has no width:
    then it is Clopper-Pearson's of as many disjoint pairs as there are. NaN where a class is empty.
    """
    n, m = len(negatives), len(positives)
    if not n or not m:
        return Estimate(np.nan, np.nan, np.nan)
    ranks = rankdata(np.concatenate([positives, negatives]))
    of_positives = (ranks[:m] - rankdata(positives)) / n
    of_negatives = 1 - (ranks[m:] - rankdata(negatives)) / m
    value = float(of_positives.mean())
    return _with_interval(value, _variance(of_positives) / m + _variance(of_negatives) / n, n, m)


def auroc_of_counts(negatives: Sequence[float], positives: Sequence[float]) -> Estimate:
    """`auroc` of scores that are whole numbers: how many rows have the score 0, 1, 2 and so on."""
    own, other = np.asarray(positives, np.float64), np.asarray(negatives, np.float64)
    n, m = float(other.sum()), float(own.sum())
    if not n or not m:
        return Estimate(np.nan, np.nan, np.nan)
    of_positives = (np.cumsum(other) - other / 2) / n
    of_negatives = 1 - (np.cumsum(own) - own / 2) / m
    value = float((own * of_positives).sum() / m)
    variance = _spread(own, of_positives) / m + _spread(other, of_negatives) / n
    return _with_interval(value, variance, int(n), int(m))


def _with_interval(value: float, variance: float, n: int, m: int) -> Estimate:
    if value in (0.0, 1.0):
        pairs = min(n, m)
        return Estimate(value, *interval(pairs if value else 0, pairs))
    reach = float(norm.ppf(0.975) * np.sqrt(variance))
    return Estimate(value, max(0.0, value - reach), min(1.0, value + reach))


def share_found(negatives: Floats, positives: Floats, rate: float) -> Estimate:
    """Share of positives above the threshold that at most ``rate`` of the negatives exceed.

    The threshold is a score of the negatives, and only what is higher counts. The interval is of
    the share above the score that a share ``rate`` of all such negatives exceed, so it counts that
    the threshold is known from these negatives only: order statistics that enclose that score with
    a confidence of 96%, and Clopper-Pearson's bounds with 99% at them; together at least 95%
    (Bonferroni). Few negatives make it wide: below 390 a rate of 1% has no upper order statistic,
    and the lower bound is 0. NaN where a class is empty.
    """
    n, m = len(negatives), len(positives)
    if not n or not m:
        return Estimate(np.nan, np.nan, np.nan)
    threshold = np.quantile(negatives, 1 - rate, method="higher")
    found = int((positives > threshold).sum())
    few, many = (
        binom.ppf([_MISS_THRESHOLD / 2, 1 - _MISS_THRESHOLD / 2], n, rate).astype(int).tolist()
    )
    ordered = np.concatenate([[-np.inf], np.sort(negatives), [np.inf]])
    least, most = (int((positives > ordered[n + place]).sum()) for place in (1 - few, -many))
    low, high = (interval(count, m, 1 - _MISS_SHARE) for count in (least, most))
    return Estimate(found / m, low[0], high[1])


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.0


def _spread(counts: Floats, values: Floats) -> float:
    """The variance of values that occur so often."""
    n = float(counts.sum())
    mean = float((counts * values).sum()) / n
    return float((counts * (values - mean) ** 2).sum()) / (n - 1) if n > 1 else 0.0
