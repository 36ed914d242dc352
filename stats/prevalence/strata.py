"""The share of hits in a whole from a sample in which rows had unequal chances."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import effective_interval
from scrubtrace.stats.prevalence.result import CONFIDENCE, Figure, Reason, refused

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

TOTAL = "stratified Hajek estimate"
STRATUM = "Hajek estimate of a stratum"


@dataclass(frozen=True)
class Stratified:
    """The whole, and each stratum by its number."""

    total: Figure
    strata: Mapping[int, Figure]


@dataclass(frozen=True)
class _Part:
    """One stratum: rate, its variance, sampled rows, and how many equal rows they are worth."""

    rate: float
    variance: float
    rows: int
    worth: float


def stratified_rate(
    hits: Flags,
    inclusion: Floats,
    strata: Numbers,
    sizes: Mapping[int, float],
    confidence: float = CONFIDENCE,
) -> Stratified:
    """Share of hits from sampled rows.

    Parameters
    ----------
    hits, inclusion, strata : one entry for each sampled row: whether it is a hit, the chance with
        which it was drawn (above 0, at most 1), the number of its stratum.
    sizes : rows of the whole in each stratum, sampled or not.

    In each stratum the mean is weighted by 1 / ``inclusion`` (Hajek, 1971), with its linearised
    variance. Intervals are exact binomial ones for as many rows as that variance is worth (Korn and
    Graubard, 1998). Strata without a hit have no variance; what may be in them is bounded jointly,
    see `zero_hits_bound`, and added to the upper end of the others. Each has half of the error
    then. Strata in which every row is a hit lower the lower end likewise. A stratum with rows of
    which none was sampled refuses the whole.

    Raises ValueError for chances outside of 0 to 1 and rows of a stratum without a size.
    """
    if len(inclusion) and not ((inclusion > 0) & (inclusion <= 1)).all():
        raise ValueError("the chance to be drawn is above 0 and at most 1")
    if unknown := set(strata.tolist()) - {n for n, size in sizes.items() if size > 0}:
        raise ValueError(f"strata without a size: {sorted(unknown)}")
    parts = {
        number: _part(hits[strata == number], inclusion[strata == number])
        for number, size in sorted(sizes.items())
        if size > 0
    }
    each = {number: _of_stratum(part, confidence) for number, part in parts.items()}
    rows = len(hits)
    empty = [number for number, part in parts.items() if part is None]
    if empty or not parts:
        told = f"no sampled row in strata {empty}" if parts else "no strata"
        reason = Reason.STRATUM_NOT_SAMPLED if parts else Reason.NO_ROWS
        return Stratified(refused(TOTAL, confidence, rows, reason, told), each)
    whole = sum(sizes[number] for number in parts)
    known = [(sizes[number] / whole, part) for number, part in parts.items() if part is not None]
    return Stratified(_total(known, rows, confidence), each)


def zero_hits_bound(shares: Floats, rows: Floats, error: float) -> float:
    """Greatest sum of ``shares`` x rate for which no hit in any stratum has a chance of ``error``.

    ``rows`` were looked at in each stratum, without a hit. The product of (1 - rate)^rows is at
    least ``error``; at the maximum 1 - rate is min(1, c rows / share) for one c, which is halved.
    """
    low, high = 0.0, float((shares / rows).max())
    for _ in range(200):
        middle = (low + high) / 2
        clear = np.minimum(1.0, middle * rows / shares)
        possible = middle > 0 and float((rows * np.log(clear)).sum()) >= np.log(error)
        low, high = (low, middle) if possible else (middle, high)
    return float((shares * (1 - np.minimum(1.0, high * rows / shares))).sum())


def _part(hits: Flags, inclusion: Floats) -> _Part | None:
    n = len(hits)
    if not n:
        return None
    weights = 1 / inclusion
    total = float(weights.sum())
    rate = float((weights * hits).sum()) / total
    rest = weights * (hits - rate) / total
    variance = n / (n - 1) * float((rest**2).sum()) if n > 1 else rate * (1 - rate)
    return _Part(rate, variance, n, total**2 / float((weights**2).sum()))


def _of_stratum(part: _Part | None, confidence: float) -> Figure:
    if part is None:
        return refused(
            STRATUM, confidence, 0, Reason.STRATUM_NOT_SAMPLED, "no sampled row of the stratum"
        )
    low, high = _interval(part.rate, part.variance, part.rows, part.worth, confidence)
    return Figure(STRATUM, part.rate, low, high, confidence, part.rows)


def _total(parts: list[tuple[float, _Part]], rows: int, confidence: float) -> Figure:
    rate = sum(share * part.rate for share, part in parts)
    seen = [(share, part) for share, part in parts if 0 < part.rate < 1]
    none = [(share, part) for share, part in parts if part.rate == 0]
    every = [(share, part) for share, part in parts if part.rate == 1]
    mixed = len([group for group in (seen, none, every) if group]) > 1
    level = (1 + confidence) / 2 if mixed else confidence
    low, high = _seen(seen, level)
    high += sum(share for share, _ in every) + _hidden(none, level)
    low += sum(share for share, _ in every) - _hidden(every, level)
    return Figure(TOTAL, rate, max(0.0, low), min(1.0, high), confidence, rows)


def _seen(parts: list[tuple[float, _Part]], level: float) -> tuple[float, float]:
    """Interval of the part of the whole that is in strata with some hits, as a share of it all."""
    covered = sum(share for share, _ in parts)
    if not covered:
        return 0.0, 0.0
    rate = sum(share * part.rate for share, part in parts) / covered
    variance = sum(share**2 * part.variance for share, part in parts) / covered**2
    rows = sum(part.rows for _, part in parts)
    low, high = _interval(rate, variance, rows, rows, level)
    return covered * low, covered * high


def _hidden(parts: list[tuple[float, _Part]], level: float) -> float:
    """How much may be otherwise in strata whose sampled rows are all alike."""
    if not parts:
        return 0.0
    shares = np.array([share for share, _ in parts])
    worth = np.array([part.worth for _, part in parts])
    return zero_hits_bound(shares, worth, (1 - level) / 2)


def _interval(
    rate: float, variance: float, rows: int, worth: float, confidence: float
) -> tuple[float, float]:
    """Exact interval for as many equal rows as the variance is worth, at most ``rows``."""
    size = rate * (1 - rate) / variance if variance > 0 else worth
    return effective_interval(rate, max(1.0, min(size, rows)), confidence)
