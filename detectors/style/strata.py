"""From scores of human rows to strata: language x source x length, merged until they are enough.

Buckets of length merge with neighbours of the same language and source only. Sources never merge:
a threshold of one says nothing about another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.scorer import HumanMeasures, Measured
from scrubtrace.schemas.style import Stratum
from scrubtrace.stats.typicality import Floats, Typical, typical

EDGES = (0, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1_200)
"""Words at which a bucket begins; the last has no end."""

LEAST_ROWS = 20
"""Fewer rows make no stratum: no p-value could be under 0.05."""

QUANTILES = np.linspace(0, 1, 101)
"""Shares for which the quantiles of the covariates are kept, to say where rows lie."""


@dataclass(frozen=True)
class HumanRows:
    """Scored human rows of one language and source; arrays of n rows, covariates (n, k).

    ``measured`` (n, measures) is all that the model measures, if it explains its scores.
    """

    language: str
    source: str
    scores: Floats
    words: npt.NDArray[np.int64]
    covariates: Floats
    measured: Measured | None = None


@dataclass(frozen=True)
class Calibrated:
    """One stratum: ``scores`` sorted, rising (n,), what its rows are like, quantiles (101, k).

    ``human`` are quantiles of all that is measured of its rows, to say what is rare among them.
    """

    stratum: Stratum
    scores: Floats
    typical: Typical
    quantiles: Floats
    human: HumanMeasures | None = None

    @property
    def n(self) -> int:
        """Number of calibration rows."""
        return len(self.scores)


def measures(covariates: npt.NDArray[np.floating[Any]], words: npt.NDArray[np.int64]) -> Floats:
    """What rows are compared by: covariates (m, k) and the logarithm of the words; (m, k + 1)."""
    length = np.log(np.maximum(words, 1).astype(np.float64))
    return np.column_stack([covariates.astype(np.float64), length])


def calibrated(rows: HumanRows, least: int) -> list[Calibrated]:
    """The strata of one language and source, by length; none with fewer than `LEAST_ROWS` rows.

    Buckets merge until each has ``least`` rows, or all are one.
    """
    bounds, measured = merged_edges(rows.words, least), rows.measured
    found = []
    for low, high in zip(bounds, [*bounds[1:], None], strict=True):
        inside = rows.words >= low
        if high is not None:
            inside &= rows.words < high
        if int(inside.sum()) < LEAST_ROWS:
            continue
        covariates = rows.covariates[inside].astype(np.float64)
        found.append(
            Calibrated(
                Stratum(rows.language, rows.source, low, high),
                np.sort(rows.scores[inside]),
                typical(measures(covariates, rows.words[inside])),
                np.quantile(covariates, QUANTILES, axis=0),
                None if measured is None else HumanMeasures.of_user(measured[inside]),
            )
        )
    return found


def merged_edges(words: npt.NDArray[np.int64], least: int) -> list[int]:
    """Where merged buckets begin, rising from 0: the smallest merges with its smaller neighbour."""
    edges = list(EDGES)
    places = np.searchsorted(EDGES, words, side="right") - 1
    counts = np.bincount(places, minlength=len(EDGES)).tolist()
    while len(edges) > 1 and min(counts) < least:
        smallest = counts.index(min(counts))
        other = _neighbour(counts, smallest)
        first = min(smallest, other)
        counts[first : first + 2] = [counts[first] + counts[first + 1]]
        del edges[first + 1]
    return edges


def _neighbour(counts: Sequence[int], place: int) -> int:
    """The neighbour with fewer rows; of two equal ones the shorter."""
    sides = [side for side in (place - 1, place + 1) if 0 <= side < len(counts)]
    return min(sides, key=lambda side: (counts[side], side))
