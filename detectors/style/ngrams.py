"""N-grams of a frame, hashed into buckets: counted for training, or weighed at once for scoring.

Characters are hashed by 32-bit and tokens by 64-bit multiplication that wraps, so that an n-gram
has one bucket in every process and on every machine. What shares a text and a bucket is found by
sorting, so that counts are exact, and every sum runs over one text's buckets in ascending order: a
text's result has the same bits in any batch.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Numbers, mixed
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.masking import MASKED_LANGUAGES, masked_hashes

Keys: TypeAlias = npt.NDArray[np.uint32]
Counts: TypeAlias = Literal["presence", "sublinear"]
Floats: TypeAlias = npt.NDArray[np.float64]
Table: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.int8]

MAX_BITS = 24
"""Most bits of a bucket."""

_KEY_BITS = 31
_NO_KEY = np.uint32(0xFFFFFFFF)
_CHAR, _NEXT_CHAR, _CHAR_MIX = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_NEXT_WORD = np.uint64(0x9E3779B185EBCA87)
_TALLIES = 1 << 12


@dataclass(frozen=True)
class Family:
    """N-grams of one kind, and how many buckets (2 to the power of ``bits``) they are hashed into.

    Parameters
    ----------
    unit : ``char``, characters of the text between two spaces; ``word``, tokens of the frame, marks
        included; or ``masked``, tokens of which only those of the language's list stay, and others
        are their shape and last letters (`detectors.style.masking`).
    orders : numbers of characters or tokens.
    bits : 1 to `MAX_BITS`.
    cased : whether upper and lower case differ; of ``masked`` only the shape tells case.
    language : whose list of words ``masked`` keeps; ignored otherwise.

    Raises ValueError for values outside of these.
    """

    unit: Literal["char", "word", "masked"]
    orders: tuple[int, ...]
    bits: int
    cased: bool = False
    language: str = "en"

    def __post_init__(self) -> None:
        if self.unit not in ("char", "word", "masked"):
            raise ValueError(f"unit must be char, word or masked, but is {self.unit!r}")
        if not self.orders or min(self.orders) < 1:
            raise ValueError(f"orders must be positive numbers, but are {self.orders!r}")
        if self.unit == "masked" and self.language not in MASKED_LANGUAGES:
            offered = ", ".join(MASKED_LANGUAGES)
            raise ValueError(f"masked words need a language of {offered}, not {self.language!r}")
        if not 1 <= self.bits <= MAX_BITS:
            raise ValueError(f"bits must be 1 to {MAX_BITS}, but are {self.bits!r}")

    @property
    def buckets(self) -> int:
        """Number of buckets."""
        return 1 << self.bits


@dataclass(frozen=True, eq=False)
class Grams:
    """Distinct buckets of each text, sorted by text and bucket, with how often each occurs."""

    document: npt.NDArray[np.int32]
    bucket: npt.NDArray[np.int32]
    count: npt.NDArray[np.float32]


def grams(frame: Frame, family: Family) -> Grams:
    """The n-grams of all texts of a frame."""
    document, bucket = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    count = [np.zeros(0, np.int64)]
    for first, _, keys, tally in _parts(frame, family):
        document.append((keys >> np.uint32(family.bits)).astype(np.int32) + np.int32(first))
        bucket.append((keys & np.uint32(family.buckets - 1)).astype(np.int32))
        count.append(tally)
    counts = np.concatenate(count).astype(np.float32)
    return Grams(np.concatenate(document), np.concatenate(bucket), counts)


def matrix(
    grams: Grams, documents: int, family: Family
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int32], Numbers]:
    """Data, indices and index pointer of a CSR matrix of so many texts by ``family.buckets``.

    ``scipy.sparse.csr_matrix((data, indices, indptr), shape=(documents, family.buckets))``.
    Raises ValueError if the n-grams are of more texts or buckets.
    """
    last = int(grams.document[-1]) if len(grams.document) else -1
    if last >= documents or (len(grams.bucket) and int(grams.bucket.max()) >= family.buckets):
        raise ValueError(f"n-grams are not of {documents} texts and {family.buckets} buckets")
    indptr = np.searchsorted(grams.document, np.arange(documents + 1))
    return grams.count, grams.bucket, indptr


def weighted(
    frame: Frame,
    family: Family,
    table: Table,
    *,
    idf: npt.NDArray[np.float32] | None = None,
    counts: Counts = "presence",
) -> tuple[Floats, Floats]:
    """Each text's sum of ``value * table[bucket]`` and sum of ``value ** 2``, over its buckets.

    A bucket's value is 1 (``presence``) or 1 + log(count) (``sublinear``), times ``idf[bucket]`` if
    that is given: the first sum over the root of the second is the score of a linear model with
    L2-normalised rows. Both are float64, one a text, and 0 for a text without n-grams.

    Raises ValueError if a table has not one entry a bucket.
    """
    for name, given in (("table", table), ("idf", idf)):
        if given is not None and given.shape != (family.buckets,):
            raise ValueError(f"{name} needs shape ({family.buckets},), but has {given.shape}")
    mask = np.uint32(family.buckets - 1)
    sums = [np.zeros((2, 0))]
    for first, last, keys, tally in _parts(frame, family):
        bucket = (keys & mask).astype(np.intp)
        bounds = np.searchsorted(keys >> np.uint32(family.bits), np.arange(last - first + 1))
        weights = table[bucket].astype(np.float64)
        if counts == "presence" and idf is None:
            dot, norm2 = _sums(weights, bounds), np.diff(bounds).astype(np.float64)
        else:
            values = _values(tally, counts)
            if idf is not None:
                values = values * idf[bucket].astype(np.float64)
            dot, norm2 = _sums(values * weights, bounds), _sums(values * values, bounds)
        sums.append(np.stack([dot, norm2]))
    dot, norm2 = np.concatenate(sums, axis=1)
    return dot, norm2


def _values(tally: Numbers, counts: Counts) -> Floats:
    if counts == "presence":
        return np.ones(len(tally))
    return _sublinear()[np.minimum(tally, _TALLIES - 1)]


@cache
def _sublinear() -> Floats:
    """1 + log(count), counts above the last entry as that."""
    return np.array([0.0, *(1 + math.log(count) for count in range(1, _TALLIES))])


def _sums(values: Floats, bounds: Numbers) -> Floats:
    """Sums between neighbouring bounds, each added up in the same way wherever it stands."""
    sums: Floats = np.add.reduceat(np.append(values, 0.0), bounds)[:-1]
    sums[bounds[:-1] == bounds[1:]] = 0  # there reduceat returns the next value
    return sums


def _parts(frame: Frame, family: Family) -> Iterator[tuple[int, int, Keys, Numbers]]:
    """First and last text, sorted distinct keys (text number from the first, bucket) and counts.

    As many texts at a time as have room in a key that is smaller than `_NO_KEY`.
    """
    bounds = frame.starts if family.unit == "char" else frame.token_bounds
    buckets = _char_buckets(frame, family) if family.unit == "char" else _buckets(frame, family)
    step = 1 << (_KEY_BITS - family.bits)
    for first in range(0, len(frame), step):
        last = min(first + step, len(frame))
        keys = _keys(bounds[first : last + 1], buckets, family)
        is_new = np.ones(len(keys) + 1, np.bool_)
        np.not_equal(keys[1:], keys[:-1], out=is_new[1:-1])
        begins = np.flatnonzero(is_new)
        yield first, last, keys[begins[:-1]], np.diff(begins)


def _keys(bounds: Numbers, buckets: list[Keys], family: Family) -> Keys:
    """Sorted keys of all windows that lie within one text; of each order one bucket a position."""
    low, high = int(bounds[0]), int(bounds[-1])
    numbers = np.arange(len(bounds) - 1, dtype=np.uint32) << np.uint32(family.bits)
    owners = np.repeat(numbers, np.diff(bounds))
    keys = np.empty((len(buckets), high - low), np.uint32)
    crossing = 0
    for row, order, bucket in zip(keys, family.orders, buckets, strict=True):
        part = bucket[low:high]
        np.bitwise_or(owners[: len(part)], part, out=row[: len(part)])
        reach = order if family.unit == "char" else order - 1  # a text's last character is NUL
        outside = bounds[1:, None] - np.arange(1, reach + 1)
        outside = outside[outside >= bounds[:-1, None]]
        row[outside - low] = _NO_KEY
        crossing += len(outside)
    joined = keys.reshape(-1)
    joined.sort()
    return joined[: len(joined) - crossing]


def _char_buckets(frame: Frame, family: Family) -> list[Keys]:
    """For each order the bucket of the window that begins at each character."""
    codes = frame.codes if family.cased else frame.lowered
    single = (codes + np.uint32(1)) * _CHAR
    window, buckets, longest = single, {}, max(family.orders)
    for order in range(1, longest + 1):
        if order in family.orders:
            mixing = window ^ (window >> np.uint32(15))
            mixing *= _CHAR_MIX
            buckets[order] = mixing >> np.uint32(32 - family.bits)
        if order < longest:
            window = window[:-1] * _NEXT_CHAR
            window ^= single[order:]
    return [buckets[order] for order in family.orders]


def _buckets(frame: Frame, family: Family) -> list[Keys]:
    """For each order the bucket of the window that begins at each token."""
    if family.unit == "masked":
        single = masked_hashes(frame, family.language)
    else:
        single = frame.cased_hashes if family.cased else frame.hashes
    window, buckets, longest = single, {}, max(family.orders)
    for order in range(1, longest + 1):
        if order in family.orders:
            buckets[order] = (mixed(window) >> np.uint64(64 - family.bits)).astype(np.uint32)
        if order < longest:
            window = window[:-1] * _NEXT_WORD + single[order:]
    return [buckets[order] for order in family.orders]
