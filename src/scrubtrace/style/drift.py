"""Are a source's judged rows of the kind that calibrated it, as a whole.

A source under another's name, or one that has changed, is not comparable: thresholds of one flag
up to two thirds of another's human rows. Single rows do not show it. All rows together do: the
greatest distance between the distribution of a measure and that of the calibration rows is at most
the share of rows of another kind. So rows by models cannot exceed a limit that is above their
share, however much they differ (`docs/accuracy.md`).
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.kinds import SHARES
from scrubtrace.schemas.style import KindCount

LEAST_JUDGED = 100
"""Of fewer rows chance alone makes large distances."""

Places = npt.NDArray[np.int64]


class Drift(NamedTuple):
    """The measure that differs most; at least a share ``shift`` of the rows is of another kind."""

    shift: float
    measure: str


def drifts(counts: Mapping[str, int]) -> dict[str, Drift]:
    """Of each source, by ``language/source``, that has enough rows in the counts of receipts."""
    size = len(SHARES) + 1
    found: dict[str, dict[str, Places]] = defaultdict(dict)
    for name, rows in counts.items():
        if kind := KindCount.read(name):
            places = found[kind.group].setdefault(kind.measure, np.zeros((size, size), np.int64))
            places[kind.below, kind.up_to] += rows
    return {
        group: max(Drift(shift_of(places), name) for name, places in sorted(measures.items()))
        for group, measures in found.items()
        if min(int(places.sum()) for places in measures.values()) >= LEAST_JUDGED
    }


def shift_of(places: Places) -> float:
    """Greatest distance of the distribution function from the quantiles' shares.

    ``places`` (20, 20) counts rows by `KindCount.below` and `KindCount.up_to`.
    """
    rows = places.sum()
    shares = np.array(SHARES) / 100
    at_most = np.cumsum(places.sum(axis=1))[:-1] / rows
    less = np.cumsum(places.sum(axis=0))[:-1] / rows
    return float(max(0.0, (shares - at_most).max(), (less - shares).max()))
