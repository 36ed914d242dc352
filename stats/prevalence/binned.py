"""Prevalence from scores that were only kept as counts in fixed bins.

`maximum_likelihood` and `mixture_p_value` for such counts: a bin's number is the score, and bins
are put together until there are at most ten with about equal shares of both references. Coarse bins
lose precision and nothing else: the same mixture holds in any bins.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.prevalence.profile import most_likely
from scrubtrace.stats.prevalence.quantify import (
    BINS,
    LEAST_AUROC,
    LEAST_HUMAN,
    LEAST_LLM,
    MAXIMUM_LIKELIHOOD,
    UNLIKE,
)
from scrubtrace.stats.prevalence.result import CONFIDENCE, Figure, Reason, missing, refused
from scrubtrace.stats.ranking import auroc_of_counts

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Bins = Sequence[float]
"""Rows in each bin, not whole if divided by a design effect; the scores of LLM rows are higher."""


def binned_mixture_p_value(judged: Bins, human: Bins, llm: Bins) -> float | None:
    """`mixture_p_value` of rows counted in the same bins. Raises ValueError for other bins."""
    if _refusal(judged, human, llm):
        return None
    return _fitted(judged, human, llm, CONFIDENCE)[3]


def binned_likelihood(
    judged: Bins, human: Bins, llm: Bins, confidence: float = CONFIDENCE
) -> Figure:
    """`maximum_likelihood` of rows counted in the same bins. Raises ValueError for other bins."""
    n = int(sum(judged))
    if reason := _refusal(judged, human, llm):
        return refused(MAXIMUM_LIKELIHOOD, confidence, n, *reason)
    best, low, high, p_value = _fitted(judged, human, llm, confidence)
    if p_value < UNLIKE:
        told = f"the scores are no mixture of those of the references (p = {p_value:.2g})"
        return refused(MAXIMUM_LIKELIHOOD, confidence, n, Reason.NOT_A_MIXTURE, told)
    return Figure(MAXIMUM_LIKELIHOOD, best, low, high, confidence, n)


def reference_bins(human: Bins, llm: Bins) -> tuple[Floats, Floats]:
    """Counts of both references in the wider bins of `binned_likelihood`, for `expected_error`."""
    groups = _groups(human, llm)
    return _widened(human, groups), _widened(llm, groups)


def _refusal(judged: Bins, human: Bins, llm: Bins) -> tuple[Reason, str] | None:
    if not len(judged) == len(human) == len(llm):
        raise ValueError(f"counts in {len(judged)}, {len(human)} and {len(llm)} bins")
    rows, own, other = (sum(counts) for counts in (judged, human, llm))
    if reason := missing(rows, own, other, LEAST_HUMAN, LEAST_LLM):
        return reason
    area = auroc_of_counts(human, llm)
    if area.low >= LEAST_AUROC:
        return None
    told = f"AUROC of the references {area.value:.2f}, its lower limit below {LEAST_AUROC:g}"
    return Reason.NOT_SEPARATED, told


def _fitted(
    judged: Bins, human: Bins, llm: Bins, confidence: float
) -> tuple[float, float, float, float]:
    """The most likely share, its interval, and the p-value of the fit."""
    from scipy.stats import chi2

    groups = _groups(human, llm)
    of_judged, of_human, of_llm = (_widened(own, groups) for own in (judged, human, llm))
    drop = float(chi2.ppf(confidence, 1)) / 2
    best, low, high, gap = most_likely(of_judged, of_human, of_llm, drop)
    return best, low, high, float(chi2.sf(2 * gap, max(1, len(of_human) - 2)))


def _widened(counts: Bins, groups: Numbers) -> Floats:
    return np.asarray(np.bincount(groups, np.asarray(counts, np.float64)), np.float64)


def _groups(human: Bins, llm: Bins) -> Numbers:
    """The number of the wider bin that each bin becomes part of: by the middle of its share.

    So a bin with much of one reference stands alone, and is not diluted by its neighbours.
    """
    own, other = np.asarray(human, np.float64), np.asarray(llm, np.float64)
    shares = (own / own.sum() + other / other.sum()) / 2
    middle = np.cumsum(shares) - shares / 2
    _, groups = np.unique(np.floor(BINS * middle).clip(max=BINS - 1), return_inverse=True)
    return groups.astype(np.int64)
