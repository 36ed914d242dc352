"""Do reviewers agree with each other, and with what is known."""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import interval

Floats = npt.NDArray[np.float64]

LEAST_UNITS = 10
DRAWS = 1_000
_NO_WIDTH = 1e-6
"""Half an interval that is narrower comes of rounding."""


@dataclass(frozen=True)
class Agreement:
    """A coefficient with its interval; ``value`` and interval are None where there is none.

    A value without an interval is one of answers that always agree, or never do: nothing in them
    tells how far another sample could differ.
    ``units`` is the number of rows that it rests on. ``refusal`` says why there is no value:
    ``few_units`` or ``one_answer`` (everybody always gave the same one, so that chance would agree
    as well).
    """

    method: str
    value: float | None
    low: float | None
    high: float | None
    confidence: float
    units: int
    refusal: str | None = None


def percent_agreement(
    first: Sequence[Hashable], second: Sequence[Hashable], confidence: float = 0.95
) -> Agreement:
    """Share of rows on which two reviewers agree, with its exact interval."""
    n = _paired(first, second)
    if n < LEAST_UNITS:
        return Agreement("percent agreement", None, None, None, confidence, n, "few_units")
    same = sum(one == other for one, other in zip(first, second, strict=True))
    low, high = interval(same, n, confidence)
    return Agreement("percent agreement", same / n, low, high, confidence, n)


def cohens_kappa(
    first: Sequence[Hashable], second: Sequence[Hashable], confidence: float = 0.95
) -> Agreement:
    """Agreement of two reviewers beyond chance (Cohen, 1960).

    The interval is normal, with the standard error of Fleiss, Cohen and Everitt (1969); it is rough
    for few rows or a rare answer. Raises ValueError for sequences of different length.
    """
    n = _paired(first, second)
    if n < LEAST_UNITS:
        return Agreement("Cohen's kappa", None, None, None, confidence, n, "few_units")
    answers = sorted({*first, *second}, key=repr)
    place = {answer: number for number, answer in enumerate(answers)}
    table = np.zeros((len(answers), len(answers)))
    for one, other in zip(first, second, strict=True):
        table[place[one], place[other]] += 1
    return kappa_of_table(table, confidence)


def kappa_of_table(table: Floats, confidence: float = 0.95) -> Agreement:
    """`cohens_kappa` from counts (k, k): rows for answers of the first, columns of the second."""
    from scipy.stats import norm

    n = round(float(table.sum()))
    if n < LEAST_UNITS:
        return Agreement("Cohen's kappa", None, None, None, confidence, n, "few_units")
    shares = np.asarray(table, np.float64) / n
    own, other = shares.sum(axis=1), shares.sum(axis=0)
    same, chance = float(np.trace(shares)), float(own @ other)
    if chance >= 1 - 1e-12:
        return Agreement("Cohen's kappa", None, None, None, confidence, n, "one_answer")
    kappa = (same - chance) / (1 - chance)
    sums = own[None, :] + other[:, None]
    left = np.diag(shares) * (1 - np.diag(sums) * (1 - kappa)) ** 2
    apart = (shares * sums**2).sum() - (np.diag(shares) * np.diag(sums) ** 2).sum()
    square = left.sum() + (1 - kappa) ** 2 * apart - (kappa - chance * (1 - kappa)) ** 2
    error = math.sqrt(max(0.0, float(square)) / n) / (1 - chance)
    reach = float(norm.ppf((1 + confidence) / 2)) * error
    if reach < _NO_WIDTH:
        return Agreement("Cohen's kappa", kappa, None, None, confidence, n)
    low, high = max(-1.0, kappa - reach), min(1.0, kappa + reach)
    return Agreement("Cohen's kappa", kappa, low, high, confidence, n)


def krippendorffs_alpha(
    ratings: Sequence[Sequence[Hashable | None]],
    rng: np.random.Generator | None = None,
    confidence: float = 0.95,
) -> Agreement:
    """Agreement of any number of reviewers beyond chance, nominal answers (Krippendorff, 2004).

    ``ratings`` holds, for each row, the answer of each reviewer, None where there is none. Rows
    with fewer than two answers do not count. With ``rng`` the interval is that of resampled rows,
    else there is none.
    """
    counts = _answers(ratings)
    n = len(counts)
    if n < LEAST_UNITS:
        return Agreement("Krippendorff's alpha", None, None, None, confidence, n, "few_units")
    alpha = _alpha(counts.sum(axis=0), *_disagreement(counts))
    if alpha is None:
        return Agreement("Krippendorff's alpha", None, None, None, confidence, n, "one_answer")
    low = high = None
    if rng is not None:
        drawn = rng.multinomial(n, np.full(n, 1 / n), DRAWS)
        apart, pairs = _by_unit(counts)
        found = [
            value
            for total, one, two in zip(drawn @ counts, drawn @ apart, drawn @ pairs, strict=True)
            if (value := _alpha(total, float(one), float(two))) is not None
        ]
        ends = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
        low, high = (float(end) for end in ends)
        if high - low < _NO_WIDTH:
            low = high = None
    return Agreement("Krippendorff's alpha", alpha, low, high, confidence, n)


def rate_with_interval(hits: int, trials: int, confidence: float = 0.95) -> Agreement:
    """Sensitivity, specificity or precision from counts, with its exact interval.

    Sensitivity: found of the controls. Specificity: dismissed of the human ones. Precision:
    confirmed of those that were decided.
    """
    if not trials:
        return Agreement("proportion", None, None, None, confidence, 0, "few_units")
    low, high = interval(hits, trials, confidence)
    return Agreement("proportion", hits / trials, low, high, confidence, trials)


def _paired(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    if len(first) != len(second):
        raise ValueError(f"{len(first)} answers of the first reviewer, {len(second)} of the second")
    return len(first)


def _answers(ratings: Sequence[Sequence[Hashable | None]]) -> Floats:
    """How often each answer was given (rows with two or more answers, answers)."""
    answers = sorted({a for row in ratings for a in row if a is not None}, key=repr)
    place = {answer: number for number, answer in enumerate(answers)}
    counts = np.zeros((len(ratings), len(answers)))
    for number, row in enumerate(ratings):
        for answer in row:
            if answer is not None:
                counts[number, place[answer]] += 1
    return np.asarray(counts[counts.sum(axis=1) >= 2])


def _by_unit(counts: Floats) -> tuple[Floats, Floats]:
    """Of each row, the answers that differ from another of it, and its answers."""
    sizes = counts.sum(axis=1)
    return (sizes**2 - (counts**2).sum(axis=1)) / (sizes - 1), sizes


def _disagreement(counts: Floats) -> tuple[float, float]:
    apart, sizes = _by_unit(counts)
    return float(apart.sum()), float(sizes.sum())


def _alpha(total: Floats, apart: float, answers: float) -> float | None:
    expected = (answers**2 - float((total**2).sum())) / (answers - 1)
    return 1 - apart / expected if expected > 1e-12 else None
