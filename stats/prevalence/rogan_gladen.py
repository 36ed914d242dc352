"""Prevalence from flags, with the detector's error rates measured on references of both kinds.

(r - f) / (s - f), r the flag rate, f that of human and s that of LLM reference rows (Rogan and
Gladen, 1978). It holds as far as the references are like what is in the data. Unseen generators
and paraphrases are found less often than the reference says, and make the estimate too low; human
rows of another kind make it wrong in any direction. So there is none without references.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import lower_bound, upper_bound
from scrubtrace.stats.prevalence.clusters import Clusters
from scrubtrace.stats.prevalence.result import (
    CONFIDENCE,
    Figure,
    Reason,
    checked,
    missing,
    refused,
)

Floats = npt.NDArray[np.float64]

LANG_REICZIGEL = "Rogan-Gladen, interval of Lang and Reiczigel"
BOOTSTRAP = "Rogan-Gladen, bootstrap interval"
CLUSTERS = "Rogan-Gladen, bootstrap interval over clusters"
LEAST_HUMAN, LEAST_LLM = 100, 50
DRAWS = 2_000
LEAST_BEYOND = 5
"""Draws that must lie beyond each end of a percentile interval; else it is too short."""

NEAR_ZERO = 0.1
"""Up to this estimate the interval of Lang and Reiczigel is used, above it resampling."""

LEAST_GAP = 0.1
"""How much more often LLM than human reference rows must be flagged, at the limits of both."""


@dataclass(frozen=True)
class Flags:
    """How many of so many rows are flagged: of those judged, and of both references.

    Numbers need not be whole where rows in clusters are worth fewer.
    """

    flagged: float
    rows: float
    human_flagged: float
    human_rows: float
    llm_flagged: float
    llm_rows: float

    def refusal(self, confidence: float) -> tuple[Reason, str] | None:
        """Why these give no estimate, or None. Raises ValueError for impossible counts."""
        checked(self.flagged, self.rows, confidence)
        checked(self.human_flagged, self.human_rows, confidence)
        checked(self.llm_flagged, self.llm_rows, confidence)
        sizes = (self.rows, self.human_rows, self.llm_rows)
        if reason := missing(*sizes, LEAST_HUMAN, LEAST_LLM):
            return reason
        highest = upper_bound(self.human_flagged, self.human_rows)
        lowest = lower_bound(self.llm_flagged, self.llm_rows)
        if lowest - highest < LEAST_GAP:
            return Reason.NOT_SEPARATED, (
                f"flagged of LLM reference rows at least {lowest:.1%}, of human ones at most "
                f"{highest:.1%}"
            )
        return None

    @property
    def references(self) -> tuple[Floats, Floats]:
        """Both references as counts of rows that are not flagged and flagged."""
        human = (self.human_rows - self.human_flagged, self.human_flagged)
        llm = (self.llm_rows - self.llm_flagged, self.llm_flagged)
        return np.array(human, np.float64), np.array(llm, np.float64)

    @property
    def estimate(self) -> float:
        """Rogan and Gladen's, cut to 0 to 1."""
        false = self.human_flagged / self.human_rows
        found = self.llm_flagged / self.llm_rows
        return min(1.0, max(0.0, (self.flagged / self.rows - false) / (found - false)))


def rogan_gladen(flags: Flags, confidence: float = CONFIDENCE) -> Figure:
    """Estimate with the interval of Lang and Reiczigel (2014), which also holds near 0.

    Their equations 6, 7, 16 and 17, with (1 - p)^2 in the variance. Raises ValueError for
    impossible counts.
    """
    from scipy.stats import norm

    if reason := flags.refusal(confidence):
        return refused(LANG_REICZIGEL, confidence, int(flags.rows), *reason)
    z = float(norm.ppf((1 + confidence) / 2))
    size, human, llm = flags.rows + z * z, flags.human_rows + 2, flags.llm_rows + 2
    rate = (flags.flagged + z * z / 2) / size
    false, found = (flags.human_flagged + 1) / human, (flags.llm_flagged + 1) / llm
    gap = found - false
    centre = (rate - false) / gap
    of_found, of_false = found * (1 - found) / llm, false * (1 - false) / human
    shift = 2 * z * z * (centre * of_found - (1 - centre) * of_false)
    variance = rate * (1 - rate) / size + centre**2 * of_found + (1 - centre) ** 2 * of_false
    reach = z * math.sqrt(variance) / gap
    low, high = (min(1.0, max(0.0, centre + shift + side * reach)) for side in (-1, 1))
    return Figure(LANG_REICZIGEL, flags.estimate, low, high, confidence, int(flags.rows))


def rogan_gladen_either(
    flags: Flags, rng: np.random.Generator, confidence: float = CONFIDENCE
) -> Figure:
    """`rogan_gladen` near zero, where resampling says too little, else the bootstrap.

    So it is at a confidence so high that too few draws lie beyond the interval.
    """
    near = rogan_gladen(flags, confidence)
    if near.estimate is None or near.estimate <= NEAR_ZERO or near.lower == 0:
        return near
    return rogan_gladen_bootstrap(flags, rng, confidence)


def rogan_gladen_bootstrap(
    flags: Flags, rng: np.random.Generator, confidence: float = CONFIDENCE, draws: int = DRAWS
) -> Figure:
    """Estimate with the percentile interval over resampled rows and references.

    Rows are independent here: resampling them is drawing binomial counts. Draws in which the
    detector does not separate count as any prevalence. Where fewer than `LEAST_BEYOND` of the
    ``draws`` lie beyond each end, it is that of `rogan_gladen`.
    """
    if (1 - confidence) / 2 * draws < LEAST_BEYOND:
        return rogan_gladen(flags, confidence)
    if reason := flags.refusal(confidence):
        return refused(BOOTSTRAP, confidence, int(flags.rows), *reason)
    sizes = (flags.rows, flags.human_rows, flags.llm_rows)
    hits = (flags.flagged, flags.human_flagged, flags.llm_flagged)
    rates = [
        np.asarray(rng.binomial(int(size), (found + 0.5) / (size + 1), draws) / int(size))
        for found, size in zip(hits, sizes, strict=True)
    ]
    low, high = _percentiles(rates, (1 - confidence) / 2)
    return Figure(BOOTSTRAP, flags.estimate, low, high, confidence, int(flags.rows))


def rogan_gladen_clusters(
    judged: Clusters,
    human: Clusters,
    llm: Clusters,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> Figure:
    """`rogan_gladen_either` of rows in clusters.

    Near zero, and where too few draws would lie beyond the interval, that of the rows that they are
    worth; else over resampled clusters, with percentiles as far out as Student's t is from the
    normal distribution (Hesterberg, 2015).
    """
    samples = (judged, human, llm)
    n = int(judged.rows.sum())
    flags = Flags(*(number for one in samples for number in one.effective(confidence)))
    near = replace(rogan_gladen(flags, confidence), n=n)
    if near.estimate is None or near.estimate <= NEAR_ZERO or near.lower == 0:
        return near
    tail = _expanded(samples, flags.estimate, (1 - confidence) / 2)
    if tail * DRAWS < LEAST_BEYOND:
        return near
    rates = [one.resampled(rng, DRAWS) for one in samples]
    low, high = _percentiles(rates, tail)
    return Figure(CLUSTERS, flags.estimate, low, high, confidence, n)


def _expanded(samples: Sequence[Clusters], estimate: float, tail: float) -> float:
    """The tail of the normal distribution that is as far out as ``tail`` of Student's t.

    Degrees of freedom are those of the sum of the variances (Satterthwaite, 1946).
    """
    from scipy.stats import norm, t

    weights = (1.0, (1 - estimate) ** 2, estimate**2)
    parts = [
        weight * one.design_effect * one.rate * (1 - one.rate) / float(one.rows.sum())
        for weight, one in zip(weights, samples, strict=True)
    ]
    squares = sum(part**2 / one.freedom for part, one in zip(parts, samples, strict=True))
    freedom = sum(parts) ** 2 / squares if squares else np.inf
    return float(norm.cdf(t.ppf(tail, freedom)))


def _percentiles(samples: Sequence[Floats], tail: float) -> tuple[float, float]:
    """Ends of the estimates of draws with ``tail`` of them beyond each, cut to 0 to 1.

    ``samples`` are rates of flags (draws,) of the judged rows, human and LLM ones.
    """
    rates, false, found = samples
    separated = found > false
    estimates: Floats = (rates - false) / np.where(separated, found - false, np.nan)
    low = np.quantile(np.where(separated, estimates, -np.inf), tail)
    high = np.quantile(np.where(separated, estimates, np.inf), 1 - tail)
    return float(np.clip(low, 0, 1)), float(np.clip(high, 0, 1))
