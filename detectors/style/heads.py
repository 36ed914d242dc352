"""Linear models over hashed n-grams, small enough to ship: a byte a bucket and table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.ngrams import Counts, Family, Weighing, weighed

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.float32]

CLIPPED = 0.9999
"""Share of the weights, by size, that a byte holds without clipping."""


@dataclass(frozen=True, eq=False)
class Head:
    """A linear model over one family of n-grams, rows L2-normalised.

    Parameters
    ----------
    family : the n-grams.
    counts : how often an n-gram occurs, as its logarithm (``sublinear``), not at all
        (``presence``), or as its share of the text's n-grams (``share``), rows not L2-normalised.
    table : int8 (buckets,), weights in units of ``step``.
    idf : uint8 (buckets,), inverse document frequencies in units of ``idf_step``; 0 for n-grams
        that training did not meet, which count for nothing. None where all count alike.

    Raises ValueError if a table has not one byte a bucket, for other ``counts``, and for a unit
    that is no positive number.
    """

    family: Family
    counts: Counts
    table: npt.NDArray[np.int8]
    step: float
    idf: npt.NDArray[np.uint8] | None = None
    idf_step: float = 1.0

    def __post_init__(self) -> None:
        tables = [self.table] if self.idf is None else [self.table, self.idf]
        if any(table.shape != (self.family.buckets,) for table in tables):
            raise ValueError(f"a table has not {self.family.buckets:,} entries, one a bucket")
        if self.table.dtype != np.int8 or (self.idf is not None and self.idf.dtype != np.uint8):
            raise ValueError("a table is not of bytes, one a bucket")
        if self.counts not in get_args(Counts):
            raise ValueError(f"counts are {self.counts!r}, not one of {get_args(Counts)}")
        for unit in (self.step, self.idf_step):
            if not isinstance(unit, float | int) or not 0 < unit < math.inf:
                raise ValueError(f"the unit of a table is {unit!r}, no positive number")

    @cached_property
    def _idf(self) -> Weights | None:
        return None if self.idf is None else self.idf * np.float32(self.idf_step)

    @cached_property
    def weighing(self) -> Weighing:
        """The tables as `weighed` takes them."""
        return Weighing(self.table, self._idf, self.counts)

    def logits(self, frame: Frame) -> Floats:
        """The model's logit of every text, without intercept; 0 for a text without n-grams."""
        return logits_of([self], frame)[:, 0]


def logits_of(heads: Sequence[Head], frame: Frame) -> Floats:
    """Logits of several heads: float64 (texts, heads). Heads of one family share its n-grams."""
    found = np.zeros((len(frame), len(heads)))
    for family in dict.fromkeys(head.family for head in heads):
        places = [place for place, head in enumerate(heads) if head.family == family]
        sums = weighed(frame, family, [heads[place].weighing for place in places])
        for place, (dot, norm2) in zip(places, sums.transpose(0, 2, 1), strict=True):
            norm = np.sqrt(norm2)
            step = heads[place].step
            np.divide(dot * step, norm, out=found[:, place], where=norm > 0)
    return found


def quantised(weights: Floats) -> tuple[npt.NDArray[np.int8], float]:
    """Weights as bytes and their unit; the largest few are clipped."""
    sizes = np.abs(weights[weights != 0])
    step = (float(np.quantile(sizes, CLIPPED)) if len(sizes) else 1.0) / 127
    return np.clip(np.rint(weights / step), -127, 127).astype(np.int8), step


def quantised_idf(idf: Floats) -> tuple[npt.NDArray[np.uint8], float]:
    """Inverse document frequencies as bytes and their unit; what is more than 0 stays so."""
    step = float(idf.max(initial=1.0)) / 255
    found = np.clip(np.rint(idf / step), np.where(idf > 0, 1, 0), 255)
    return found.astype(np.uint8), step
