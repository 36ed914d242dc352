"""Where judged rows lie among their calibration rows, counted so that counts add up over batches.

Each measure is compared with 19 quantiles of the row's own stratum. If rows are like those that
calibrated, a twentieth lies between any two. Equal values make a row lie at several quantiles at
once, so a count has both ends.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.strata import Calibrated
from scrubtrace.schemas.style import KindCount

SHARES = tuple(range(5, 100, 5))
"""Which of the stratum's 101 quantiles are looked at."""

LEAST_ROWS = 100
"""Quantiles of a stratum of fewer calibration rows say too little."""


def kind_counts(
    found: Calibrated, covariates: npt.NDArray[np.floating[Any]], names: Sequence[str]
) -> Counter[str]:
    """Rows by measure and place, by names of `KindCount`; covariates (rows, k) of one stratum."""
    counts: Counter[str] = Counter()
    if found.n < LEAST_ROWS:
        return counts
    quantiles = found.quantiles[list(SHARES)]
    for column, name in enumerate(names):
        values = covariates[:, column].astype(np.float64)
        below = np.searchsorted(quantiles[:, column], values, side="left")
        up_to = np.searchsorted(quantiles[:, column], values, side="right")
        places = zip(below.tolist(), up_to.tolist(), strict=True)
        for (first, second), rows in Counter(places).items():
            counts[KindCount(found.stratum.group, name, first, second).name] += rows
    return counts
