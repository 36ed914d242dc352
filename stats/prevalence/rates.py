"""Shares as they were counted, and what a reviewed sample says about what was not flagged."""

import math

from scrubtrace.stats.intervals import interval, lower_bound, upper_bound, wilson
from scrubtrace.stats.prevalence.result import (
    CONFIDENCE,
    Figure,
    Reason,
    checked,
    missing,
    refused,
)

EXACT = "raw rate, exact interval"
WILSON = "raw rate, Wilson interval"
REVIEWED = "upper bound from a reviewed sample"
LEAST_CONTROLS = 20


def raw_rate(hits: int, rows: int, confidence: float = CONFIDENCE, exact: bool = True) -> Figure:
    """Share of rows that are flagged: nothing is corrected.

    ``exact`` gives the interval of Clopper and Pearson, for certificates; else Wilson's, which is
    shorter and holds on average. Raises ValueError for impossible counts.
    """
    checked(hits, rows, confidence)
    method = EXACT if exact else WILSON
    if reason := missing(rows, None, None, 0, 0):
        return refused(method, confidence, rows, *reason)
    low, high = (interval if exact else wilson)(hits, rows, confidence)
    return Figure(method, hits / rows, low, high, confidence, rows)


def reviewed_upper_bound(
    hits: int, rows: int, controls_found: int, controls: int, confidence: float = CONFIDENCE
) -> Figure:
    """Upper confidence bound on prevalence from ``hits`` in a reviewed random sample of ``rows``.

    Reviewers overlook some. Of ``controls``, rows by models hidden among the others, they found
    ``controls_found``. The bound is the exact upper bound of the rate of hits divided by the exact
    lower bound of that sensitivity, with half of the error each, so it holds by the union bound.
    What reviewers take wrongly for a hit makes it higher. It says nothing about texts that are
    harder to recognise than the controls. Raises ValueError for impossible counts.
    """
    checked(hits, rows, confidence)
    checked(controls_found, controls, confidence)
    if reason := missing(rows, None, None, 0, 0):
        return refused(REVIEWED, confidence, rows, *reason)
    if not controls:
        return refused(REVIEWED, confidence, rows, Reason.NO_CONTROLS, "no controls")
    if controls < LEAST_CONTROLS:
        told = f"{controls} of {LEAST_CONTROLS} controls"
        return refused(REVIEWED, confidence, rows, Reason.FEW_CONTROLS, told)
    each = (1 + confidence) / 2
    found = lower_bound(controls_found, controls, each)
    upper = min(1.0, upper_bound(hits, rows, each) / found) if found > 0 else 1.0
    return Figure(REVIEWED, None, None, upper, confidence, rows)


def zero_defect_rows(
    prevalence: float, confidence: float = CONFIDENCE, sensitivity: float = 1.0
) -> int:
    """Reviewed rows without a hit that exclude a prevalence: ln(1 - confidence) / ln(1 - p s).

    ``sensitivity`` is the lower limit of what reviewers find. Raises ValueError unless all are
    between 0 and 1.
    """
    _inside(prevalence=prevalence, confidence=confidence)
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity is above 0 and at most 1, not {sensitivity}")
    return math.ceil(math.log(1 - confidence) / math.log1p(-prevalence * sensitivity) - 1e-9)


def rows_for_precision(rate: float, half_width: float, confidence: float = CONFIDENCE) -> int:
    """Rows after which the interval of a rate reaches so far to either side: z^2 r (1 - r) / h^2.

    Raises ValueError unless all are between 0 and 1.
    """
    from scipy.stats import norm

    _inside(rate=rate, half_width=half_width, confidence=confidence)
    z = float(norm.ppf((1 + confidence) / 2))
    return math.ceil(z * z * rate * (1 - rate) / half_width**2 - 1e-9)


def _inside(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name} is between 0 and 1, not {value}")
