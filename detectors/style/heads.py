"""Linear models over hashed n-grams, small enough to ship: a byte a bucket and table."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, get_args

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.ngrams import Counts, Distinct, Family, distinct

Floats = npt.NDArray[np.float64]
Bytes = npt.NDArray[np.uint8]

CLIPPED = 0.9999
"""Share of the weights, by size, that a byte holds without clipping."""

_TOGETHER = 4
"""Most heads whose tables are read together: two bytes each, eight in all."""


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

    @property
    def columns(self) -> list[Bytes]:
        """The tables as bytes."""
        table = self.table.view(np.uint8)
        return [table] if self.idf is None else [table, self.idf]

    @cached_property
    def idf_of_byte(self) -> Floats:
        """What each byte of ``idf`` stands for, float64 (256,), rounded as in fitting."""
        return (np.arange(256, dtype=np.uint8) * np.float32(self.idf_step)).astype(np.float64)

    def of_columns(self, found: Distinct, columns: Sequence[Bytes]) -> Floats:
        """Logits of all texts from the entries of the tables for each of their n-grams."""
        weights = columns[0].view(np.int8).astype(np.float64)
        if self.counts == "share":
            return self._scaled(found.sums(weights * found.counts), found.occurrences)
        values = found.logarithms if self.counts == "sublinear" else None
        if self.idf is not None:
            idf = self.idf_of_byte[columns[1]]
            values = idf if values is None else values * idf
        if values is None:
            return self._scaled(found.sums(weights), np.sqrt(found.types))
        norm = np.sqrt(found.sums(values * values))
        return self._scaled(found.sums(values * weights), norm)

    def _scaled(self, dot: Floats, norm: Floats) -> Floats:
        found: Floats = np.zeros(len(dot))
        np.divide(dot * self.step, norm, out=found, where=norm > 0)
        return found


class _SideBySide(NamedTuple):
    """Tables of heads of one family, so that all entries of a bucket are read at once.

    ``entries`` (buckets,) are as many bytes each as there are columns, or more; ``members`` are the
    heads with their places among all heads and their first columns.
    """

    entries: npt.NDArray[np.unsignedinteger]
    members: Sequence[tuple[int, Head, int]]

    @classmethod
    def of(cls, heads: Sequence[tuple[int, Head]]) -> "_SideBySide":
        members: list[tuple[int, Head, int]] = []
        columns: list[Bytes] = []
        for place, head in heads:
            members.append((place, head, len(columns)))
            columns += head.columns
        width = 1 << (len(columns) - 1).bit_length()
        entries = np.zeros((len(columns[0]), width), np.uint8)
        for number, column in enumerate(columns):
            entries[:, number] = column
        return cls(entries.view(f"u{width}")[:, 0], members)

    def add_logits(self, found: Distinct, logits: Floats) -> None:
        """Writes the logits of the members into their columns of ``logits`` (texts, heads)."""
        read = self.entries[found.buckets].view(np.uint8).reshape(-1, self.entries.itemsize)
        for place, head, first in self.members:
            columns = [read[:, first + number] for number in range(len(head.columns))]
            logits[:, place] = head.of_columns(found, columns)


@dataclass(frozen=True, eq=False)
class Heads:
    """Several heads at once: n-grams of a family are found once, its tables lie side by side."""

    heads: tuple[Head, ...]

    def logits(self, frame: Frame) -> Floats:
        """Logits of all heads, without intercepts: float64 (texts, heads)."""
        logits = np.zeros((len(frame), len(self.heads)))
        for family, tables in self._tables.items():
            found = distinct(frame, family)
            for one in tables:
                one.add_logits(found, logits)
        return logits

    @cached_property
    def _tables(self) -> dict[Family, list[_SideBySide]]:
        """The tables of each family, those of at most `_TOGETHER` heads side by side."""
        of_family: dict[Family, list[tuple[int, Head]]] = {}
        for place, head in enumerate(self.heads):
            of_family.setdefault(head.family, []).append((place, head))
        return {
            family: [
                _SideBySide.of(members[at : at + _TOGETHER])
                for at in range(0, len(members), _TOGETHER)
            ]
            for family, members in of_family.items()
        }


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
