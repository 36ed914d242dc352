"""N-grams of a frame, hashed into buckets: counted for training, or weighed at once for scoring.

Characters are hashed by 32-bit and tokens by 64-bit multiplication that wraps, so that an n-gram
has one bucket in every process and on every machine. Counts are exact, and
every sum runs over one text's buckets in an order that depends on that text alone: its result has
the same bits in any batch.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Numbers, mixed
from scrubtrace.detectors.style.frame import NEXT_WORD, Frame
from scrubtrace.detectors.style.masking import MASKED_LANGUAGES, masked_hashes

Keys: TypeAlias = npt.NDArray[np.uint32]
Counts: TypeAlias = Literal["presence", "sublinear", "share"]
Places: TypeAlias = npt.NDArray[np.intp]
Steps: TypeAlias = npt.NDArray[np.signedinteger]
Floats: TypeAlias = npt.NDArray[np.float64]
Table: TypeAlias = npt.NDArray[np.float32] | npt.NDArray[np.float16] | npt.NDArray[np.int8]

MAX_BITS = 24
"""Most bits of a bucket."""

_COUNT_BITS = np.uint64(32)
_CHAR, _NEXT_CHAR, _CHAR_MIX = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
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
    keys = [np.zeros(0, np.uint64)]
    for bucket, count in _distinct(frame, family, True):
        keys.append(bucket.astype(np.uint64) << _COUNT_BITS | count.astype(np.uint64))
        keys[-1].sort()
    document = np.repeat(np.arange(len(frame), dtype=np.int32), [len(part) for part in keys[1:]])
    joined = np.concatenate(keys)
    counts = (joined & np.uint64((1 << 32) - 1)).astype(np.float32)
    return Grams(document, (joined >> _COUNT_BITS).astype(np.int32), counts)


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


@dataclass(frozen=True, eq=False)
class Weighing:
    """A linear model over one family: ``table`` and, if given, ``idf`` are one entry a bucket.

    A bucket's value is 1 (``presence``), 1 + log(count) (``sublinear``), times ``idf[bucket]``, or
    its count over that of all buckets of the text (``share``).
    """

    table: Table
    idf: npt.NDArray[np.float32] | None = None
    counts: Counts = "presence"

    def sums(self, buckets: Places, counts: Places) -> tuple[float, float]:
        """Sum of ``value * table[bucket]`` and of ``value ** 2`` over the buckets of a text.

        Of ``share`` the sum over counts and the square of their total: the first over the root of
        the second is the mean of the table over all n-grams.
        """
        weights = self.table[buckets].astype(np.float64)
        if self.counts == "share":
            return float(np.add.reduce(counts * weights)), float(np.add.reduce(counts)) ** 2
        is_present = self.counts == "presence"
        if is_present and self.idf is None:
            return float(np.add.reduce(weights)), float(len(buckets))
        values = np.ones(len(buckets)) if is_present else _sublinear(counts)
        if self.idf is not None:
            values *= self.idf[buckets]
        return float(np.add.reduce(values * weights)), float(np.add.reduce(values * values))


def weighed(frame: Frame, family: Family, weighings: Sequence[Weighing]) -> Floats:
    """`Weighing.sums` of each weighing and text: float64 (weighings, texts, 2).

    The first sum over the root of the second is the score of a linear model with L2-normalised
    rows; both are 0 for a text without n-grams. N-grams are found once for all weighings.

    Raises ValueError if a table has not one entry a bucket.
    """
    for one in weighings:
        for name, given in (("table", one.table), ("idf", one.idf)):
            if given is not None and given.shape != (family.buckets,):
                raise ValueError(f"{name} needs shape ({family.buckets},), but has {given.shape}")
    with_counts = any(one.counts != "presence" for one in weighings)
    found = np.zeros((len(weighings), len(frame), 2))
    for row, (buckets, counts) in enumerate(_distinct(frame, family, with_counts)):
        for place, one in enumerate(weighings):
            found[place, row] = one.sums(buckets, counts)
    return found


def _sublinear(counts: Places) -> Floats:
    """1 + log(count), counts above the last entry of the table as that."""
    return _logarithms().take(counts, mode="clip")


@cache
def _logarithms() -> Floats:
    return np.array([0.0, *(1 + math.log(count) for count in range(1, _TALLIES))])


def _distinct(frame: Frame, family: Family, with_counts: bool) -> Iterator[tuple[Places, Places]]:
    """Distinct buckets of each text, by their last place in it, and how often each occurs.

    Every window writes its place into a table at its bucket and reads there which place stayed: all
    windows of one bucket read the same. That needs no sorting, which takes three times as long.
    Without counts, none are returned.
    """
    is_char = family.unit == "char"
    buckets = _char_buckets(frame, family) if is_char else _token_buckets(frame, family)
    starts = (frame.starts if is_char else frame.token_bounds).tolist()
    reach = [order if is_char else order - 1 for order in family.orders]  # a text ends with NUL
    for low, high in pairwise(starts):
        parts = zip(buckets, reach, strict=True)
        windows = np.concatenate([bucket[low : max(low, high - less)] for bucket, less in parts])
        places = windows.astype(np.intp)
        table, own = _scratch(family.bits, len(places))
        table[places] = own
        stayed = table[places]
        last = np.flatnonzero(stayed == own)
        yield places[last], np.bincount(stayed)[last] if with_counts else last


class _Scratch(threading.local):
    """Tables that a thread uses again and again; what they hold between uses means nothing."""

    def __init__(self) -> None:
        self.small: dict[int, Steps] = {}
        self.large: dict[int, Steps] = {}


_SCRATCH = _Scratch()
_SMALL = np.arange(1 << 15, dtype=np.int16)  # a table of these stays in the cache


def _scratch(bits: int, windows: int) -> tuple[Steps, Steps]:
    """A table with an entry a bucket, and the numbers from 0 of so many windows."""
    if windows <= len(_SMALL):
        tables, own = _SCRATCH.small, _SMALL[:windows]
    else:
        tables, own = _SCRATCH.large, np.arange(windows, dtype=np.int32)
    if bits not in tables:
        tables[bits] = np.zeros(1 << bits, own.dtype)
    return tables[bits], own


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


def _token_buckets(frame: Frame, family: Family) -> list[Keys]:
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
            window = window[:-1] * NEXT_WORD + single[order:]
    return [buckets[order] for order in family.orders]
