"""Prevalence from scores, with references of both kinds: no threshold, so more precise.

The scores of the judged rows are a mixture of those of human and of LLM rows. Scores are counted in
bins with equal shares of both references together, so any increasing function of a score gives the
same. Two estimates:

- maximum likelihood over the bins, a document-level form of what Liang et al. (2024) do with words.
  The interval is that of the profile likelihood, in which the references are random as well.
- PACC (Bella et al., 2010): the mean probability of LLM among the judged rows, placed between the
  means of both references, with a percentile interval over resampled documents and references.

Both assume that only the share of LLM rows differs between references and judged rows, as
`rogan_gladen` does: see there. Where no mixture of the references looks like the judged scores,
that is wrong, and there is no estimate.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.prevalence.profile import most_likely
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

MAXIMUM_LIKELIHOOD = "maximum likelihood over score bins"
PACC = "PACC over score bins"
LEAST_HUMAN, LEAST_LLM = 100, 50
DRAWS = 1_000
BINS = 10
SMOOTHING = 0.5
"""Rows added to each bin of a reference before probabilities are taken from it."""

LEAST_AUROC = 0.75
"""References that the scores tell apart less surely give no estimate (lower limit of AUROC)."""

UNLIKE = 0.001
"""Level at which the judged scores are no mixture of the references."""


@dataclass(frozen=True)
class Sample:
    """Scores (n,) without NaN, and for each the number of its document.

    Rows of one document, or of one author, count together: they are no independent witnesses.
    Without ``documents`` each row stands alone.
    """

    scores: Floats
    documents: Numbers | None = None


def mixture_p_value(judged: Sample, human: Sample, llm: Sample) -> float | None:
    """How well the most likely mixture of the references fits the judged scores (likelihood ratio).

    Small where the human reference is of another kind than the judged rows: then no figure that
    rests on it holds, the lower bound included. A large one proves nothing. None where references
    are missing, too small or not told apart. Raises ValueError for NaN.
    """
    if _refusal(judged, human, llm):
        return None
    return _fitted(judged, human, llm, CONFIDENCE)[3]


def maximum_likelihood(
    judged: Sample, human: Sample, llm: Sample, confidence: float = CONFIDENCE
) -> Figure:
    """The share that makes the scores of all three samples most likely.

    Counts of documents with several rows are divided by their design effect (Rao and Scott, 1981).
    Raises ValueError for NaN.
    """
    n = len(judged.scores)
    if reason := _refusal(judged, human, llm):
        return refused(MAXIMUM_LIKELIHOOD, confidence, n, *reason)
    best, low, high, p_value = _fitted(judged, human, llm, confidence)
    if p_value < UNLIKE:
        told = f"the scores are no mixture of those of the references (p = {p_value:.2g})"
        return refused(MAXIMUM_LIKELIHOOD, confidence, n, Reason.NOT_A_MIXTURE, told)
    return Figure(MAXIMUM_LIKELIHOOD, best, low, high, confidence, n)


def pacc(
    judged: Sample,
    human: Sample,
    llm: Sample,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
) -> Figure:
    """The share that gives the judged rows their mean probability, with a bootstrap interval.

    Raises ValueError for NaN.
    """
    n = len(judged.scores)
    if reason := _refusal(judged, human, llm):
        return refused(PACC, confidence, n, *reason)
    edges = _edges(human.scores, llm.scores)
    counts = [_counts(sample, edges) for sample in (judged, human, llm)]
    estimate = _pacc(*(own.sum(axis=0)[None].astype(np.float64) for own in counts))[0]
    found = _pacc(*(_resampled(own, rng, draws) for own in counts))
    ends = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    values = np.clip([estimate, min(ends[0], estimate), max(ends[1], estimate)], 0, 1)
    return Figure(PACC, float(values[0]), float(values[1]), float(values[2]), confidence, n)


def reference_bins(human: Sample, llm: Sample) -> tuple[Floats, Floats]:
    """Counts of both references in the bins of `maximum_likelihood`, for `expected_error`.

    Those of documents with several rows are divided by their design effect.
    """
    edges = _edges(human.scores, llm.scores)
    return _effective(_counts(human, edges)), _effective(_counts(llm, edges))


def _fitted(
    judged: Sample, human: Sample, llm: Sample, confidence: float
) -> tuple[float, float, float, float]:
    """The most likely share, its interval, and the p-value of the fit."""
    from scipy.stats import chi2

    edges = _edges(human.scores, llm.scores)
    of_judged, of_human, of_llm = (
        _effective(_counts(sample, edges)) for sample in (judged, human, llm)
    )
    drop = float(chi2.ppf(confidence, 1)) / 2
    best, low, high, gap = most_likely(of_judged, of_human, of_llm, drop)
    return best, low, high, float(chi2.sf(2 * gap, max(1, len(edges) - 1)))


def _refusal(judged: Sample, human: Sample, llm: Sample) -> tuple[Reason, str] | None:
    if any(np.isnan(sample.scores).any() for sample in (judged, human, llm)):
        raise ValueError("a row without a score cannot be counted: leave it out")
    rows, own, other = (len(sample.scores) for sample in (judged, human, llm))
    if reason := missing(rows, own, other, LEAST_HUMAN, LEAST_LLM):
        return reason
    area = auroc(human.scores, llm.scores)
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
    """Rows of each document in each bin (documents, bins); all rows in one line without them."""
    bins = np.searchsorted(edges, sample.scores, side="left")
    if sample.documents is None:
        return np.bincount(bins, minlength=len(edges) + 1)[None].astype(np.int64)
    _, place = np.unique(sample.documents, return_inverse=True)
    counts = np.zeros((int(place.max()) + 1, len(edges) + 1), np.int64)
    np.add.at(counts, (place, bins), 1)
    return counts


def _effective(counts: Numbers) -> Floats:
    """Counts by bin, divided by how much documents make their variance larger."""
    total = np.asarray(counts.sum(axis=0), np.float64)
    documents, n = len(counts), total.sum()
    if documents == 1:
        return total
    share = total / n
    rest = counts - counts.sum(axis=1, keepdims=True) * share
    variance = documents / (documents - 1) * (rest**2).sum() / n**2
    effect = variance / max((share * (1 - share)).sum() / n, 1e-300)
    return np.asarray(total / max(1.0, effect))


def _resampled(counts: Numbers, rng: np.random.Generator, draws: int) -> Floats:
    """Counts by bin of so many resamples (draws, bins)."""
    if len(counts) == 1:
        total = int(counts.sum())
        return rng.multinomial(total, counts[0] / total, draws).astype(np.float64)
    chosen = rng.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), draws)
    return np.asarray(chosen @ counts, np.float64)


def _pacc(judged: Floats, human: Floats, llm: Floats) -> Floats:
    """For each row of counts (draws, bins) the share, not cut to 0 to 1."""
    p, q = (
        (counts + SMOOTHING) / (counts + SMOOTHING).sum(axis=1, keepdims=True)
        for counts in (human, llm)
    )
    chance = q / (p + q)
    mean, low, high = (
        (chance * counts).sum(axis=1) / counts.sum(axis=1) for counts in (judged, human, llm)
    )
    return np.asarray((mean - low) / np.maximum(high - low, 1e-9))
