"""Scores that trusted human rows reach: from which score on a match counts, and how often it errs.

Rows that match the reference although they are trusted set the thresholds too high, and are worth
a look themselves: `index info` names the highest ones.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.stats import beta

from scrubtrace.schemas.references import Stratum

LOOSE_RATE = 0.01
STRICT_RATE = 0.001
CONFIDENCE = 0.95
LEAST_NEGATIVES = 100
"""Fewer give no loose threshold: 1% of them would be a single row or none."""
TAIL = 0.02
"""Share of the highest scores that a stratum keeps."""
LEAST_TAIL = 200


def calibrate(scores: "np.typing.NDArray[np.float64]", languages: Sequence[str]) -> list[Stratum]:
    """One stratum for all negatives, and one for each language with `LEAST_NEGATIVES` of them.

    ``scores`` and ``languages`` have one entry a negative. Texts are judged by the stratum of their
    language only: thresholds of another language do not hold for them.
    """
    if len(scores) < LEAST_NEGATIVES:
        return []
    names = np.array(languages)
    of_languages = [(language, scores[names == language]) for language in sorted(set(languages))]
    return [stratum(None, scores)] + [
        stratum(language, own) for language, own in of_languages if len(own) >= LEAST_NEGATIVES
    ]


def calibrate_same_task(
    scores: "np.typing.NDArray[np.float64]", languages: Sequence[str]
) -> list[Stratum]:
    """Strata of negatives whose task is in the index: one for each language with enough."""
    strata = calibrate(scores, languages)
    return [replace(found, same_task=True) for found in strata if found.language is not None]


def stratum(language: str | None, scores: "np.typing.NDArray[np.float64]") -> Stratum:
    """Thresholds from the scores of negatives, at least `LEAST_NEGATIVES` of them."""
    falling = np.sort(scores)[::-1]
    count = len(falling)
    loose = float(falling[int(LOOSE_RATE * count)])
    false = allowed(count)
    kept = max(LEAST_TAIL, int(TAIL * count))
    return Stratum(
        language,
        count,
        _up(loose),
        _up(float(falling[false])) if false >= 0 else None,
        upper_bound(false, count) if false >= 0 else None,
        tuple(_up(float(score)) for score in falling[:kept]),
    )


def allowed(negatives: int) -> int:
    """Most false matches whose upper bound is still `STRICT_RATE`; -1 if even none is too many.

    None among 2,995 negatives is the least that bounds the rate by 0.1%.
    """
    false = -1
    while upper_bound(false + 1, negatives) <= STRICT_RATE:
        false += 1
    return false


def upper_bound(false: int, negatives: int) -> float:
    """One-sided 95% upper bound on a rate (Clopper and Pearson, 1934)."""
    if false >= negatives:
        return 1.0
    return float(beta.ppf(CONFIDENCE, false + 1, negatives - false))


def false_match_bound(found: Stratum, score: float) -> float:
    """95% upper bound on the share of trusted rows that reach a score."""
    reached = int((np.array(found.tail) >= score).sum())
    return _up(upper_bound(reached, found.negatives))


def _up(score: float) -> float:
    """Rounded so that a negative of this very score does not exceed it."""
    return float(np.ceil(score * 1e4) / 1e4)
