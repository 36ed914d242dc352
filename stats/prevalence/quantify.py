"""Prevalence from scores, with references of both kinds: no threshold, so more precise.

The scores of the judged rows are a mixture of those of human and of LLM rows. Scores are counted in
bins with equal shares of both references together, so any increasing function of a score gives the
same. Two estimates, both with percentile intervals over resampled documents and references:

- maximum likelihood over the bins, the document-level form of Liang et al. (2024), with smoothed
  references;
- PACC (Bella et al., 2010): the mean probability of LLM among the judged rows, placed between the
  means of both references.

Both assume that only the share of LLM rows differs between references and judged rows, as
`rogan_gladen` does: see there. Where no mixture of the references looks like the judged scores,
that is wrong, and there is no estimate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.prevalence.result import (
    CONFIDENCE,
    Figure,
    Reason,
    missing,
    refused,
)
from scrubtrace.stats.ranking import auroc

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Estimator = Callable[[Floats, Floats, Floats], Floats]

MAXIMUM_LIKELIHOOD = "maximum likelihood over score bins"
PACC = "PACC over score bins"
LEAST_HUMAN, LEAST_LLM = 100, 50
DRAWS = 1_000
BINS = 10
SMOOTHING = 0.5
"""Rows added to each bin of a reference."""

LEAST_AUROC = 0.6
"""References that the scores tell apart less surely give no estimate (lower limit of AUROC)."""

UNLIKE = 0.001
"""Level at which the judged scores are no mixture of the references."""

HALVINGS = 30


@dataclass(frozen=True)
class Sample:
    """Scores (n,) without NaN, and for each the number of its document.

    Rows of one document, or of one author, are resampled together. Without ``documents`` each row
    stands alone.
    """

    scores: Floats
    documents: Numbers | None = None


def maximum_likelihood(
    judged: Sample,
    human: Sample,
    llm: Sample,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
) -> Figure:
    """The share that makes the judged scores most likely, with a bootstrap interval."""
    method = MAXIMUM_LIKELIHOOD
    return _estimated(method, _most_likely, (judged, human, llm), rng, confidence, draws)


def pacc(
    judged: Sample,
    human: Sample,
    llm: Sample,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
) -> Figure:
    """The share that gives the judged rows their mean probability, with a bootstrap interval."""
    return _estimated(PACC, _pacc, (judged, human, llm), rng, confidence, draws)


def _estimated(
    method: str,
    estimator: Estimator,
    samples: tuple[Sample, Sample, Sample],
    rng: np.random.Generator,
    confidence: float,
    draws: int,
) -> Figure:
    judged, human, llm = (sample.scores for sample in samples)
    n = len(judged)
    reason = missing(n, len(human), len(llm), LEAST_HUMAN, LEAST_LLM) or _inseparable(human, llm)
    if reason:
        return refused(method, confidence, n, *reason)
    edges = _edges(human, llm)
    counts = [_counts(sample, edges) for sample in samples]
    totals = [np.asarray(own.sum(axis=0)[None], np.float64) for own in counts]
    p_value = _mixture_p_value(*totals)
    if p_value < UNLIKE:
        told = f"the scores are no mixture of those of the references (p = {p_value:.2g})"
        return refused(method, confidence, n, Reason.NOT_A_MIXTURE, told)
    estimate = estimator(*totals)[0]
    found = estimator(*(_resampled(own, rng, draws) for own in counts))
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = min(low, estimate), max(high, estimate)
    cut = [float(np.clip(value, 0, 1)) for value in (estimate, low, high)]
    return Figure(method, *cut, confidence, n)


def _inseparable(human: Floats, llm: Floats) -> tuple[Reason, str] | None:
    area = auroc(human, llm)
    if area.low >= LEAST_AUROC:
        return None
    told = f"AUROC of the references {area.value:.2f}, its lower limit below {LEAST_AUROC:g}"
    return Reason.NOT_SEPARATED, told


def _edges(human: Floats, llm: Floats) -> Floats:
    """Inner edges of the bins: quantiles of both references, each with half of the weight."""
    values = np.concatenate([human, llm])
    weights = np.concatenate([np.full(len(own), 0.5 / len(own)) for own in (human, llm)])
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weights[order])
    places = np.searchsorted(reached, np.arange(1, BINS) / BINS)
    return np.unique(values[order][places])


def _counts(sample: Sample, edges: Floats) -> Numbers:
    """Rows of each document in each bin (documents, bins); one document a row without them."""
    bins = np.searchsorted(edges, sample.scores, side="left")
    if sample.documents is None:
        return np.bincount(bins, minlength=len(edges) + 1)[None].astype(np.int64)
    _, place = np.unique(sample.documents, return_inverse=True)
    counts = np.zeros((int(place.max()) + 1, len(edges) + 1), np.int64)
    np.add.at(counts, (place, bins), 1)
    return counts


def _resampled(counts: Numbers, rng: np.random.Generator, draws: int) -> Floats:
    """Counts by bin of so many resamples (draws, bins)."""
    if len(counts) == 1:
        total = int(counts.sum())
        return rng.multinomial(total, counts[0] / total, draws).astype(np.float64)
    chosen = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), draws)
    return np.asarray(chosen @ counts, np.float64)


def _mixture_p_value(judged: Floats, human: Floats, llm: Floats) -> float:
    """Chi-squared test of the judged counts (1, bins) against the most likely mixture.

    The variance of each bin includes that of the references.
    """
    from scipy.stats import chi2

    share = _most_likely(judged, human, llm)[0]
    p, q = _shares(human)[0], _shares(llm)[0]
    expected = (1 - share) * p + share * q
    rows, own, other = (float(counts.sum()) for counts in (judged, human, llm))
    variance = expected / rows + (1 - share) ** 2 * p / own + share**2 * q / other
    gaps = judged[0] / rows - expected
    return float(chi2.sf((gaps**2 / variance).sum(), max(1, len(p) - 2)))


def _shares(counts: Floats) -> Floats:
    smooth = counts + SMOOTHING
    return np.asarray(smooth / smooth.sum(axis=1, keepdims=True))


def _most_likely(judged: Floats, human: Floats, llm: Floats) -> Floats:
    """For each row of counts the share in 0 to 1: the derivative falls, and its root is halved."""
    p, q = _shares(human), _shares(llm)
    low, high = np.zeros(len(judged)), np.ones(len(judged))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        mixed = p + middle[:, None] * (q - p)
        rising = (judged * (q - p) / mixed).sum(axis=1) > 0
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    at_zero = (judged * (q - p) / p).sum(axis=1) <= 0
    at_one = (judged * (q - p) / q).sum(axis=1) >= 0
    return np.asarray(np.where(at_zero, 0.0, np.where(at_one, 1.0, (low + high) / 2)))


def _pacc(judged: Floats, human: Floats, llm: Floats) -> Floats:
    """For each row of counts the share, not cut to 0 to 1."""
    p, q = _shares(human), _shares(llm)
    chance = q / (p + q)
    mean, low, high = (
        (chance * counts).sum(axis=1) / counts.sum(axis=1) for counts in (judged, human, llm)
    )
    return np.asarray((mean - low) / np.maximum(high - low, 1e-9))
