"""N-grams of a frame, hashed into buckets: sorted for training, by place in the text for scoring.

Characters are hashed by 32-bit and tokens by 64-bit multiplication that wraps, so that an n-gram
has one bucket in every process and on every machine. Counts are exact, and
every sum runs over one text's buckets in an order that depends on that text alone: its result has
the same bits in any batch.
"""

import math
import threading
from dataclasses import dataclass
from functools import cache, cached_property
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

MAX_BITS = 24
"""Most bits of a bucket."""

_COUNT_BITS = np.uint64(32)
_CHAR, _NEXT_CHAR, _CHAR_MIX = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)
_TALLIES = 1 << 12
_BLANK = np.zeros(1, np.uint32)


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
    found = distinct(frame, family)
    keys = found.buckets.astype(np.uint64) << _COUNT_BITS | found.counts.astype(np.uint64)
    bounds = [*found.begins.tolist(), len(keys)]
    parts = [keys[first + 1 : last] for first, last in pairwise(bounds)]
    for part in parts:
        part.sort()
    document = np.repeat(np.arange(len(frame), dtype=np.int32), [len(part) for part in parts])
    joined = np.concatenate([np.zeros(0, np.uint64), *parts])
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
class Distinct:
    """Distinct buckets of each text, by their last place in it, and how often each occurs.

    Before the buckets of each text stands a blank entry (bucket 0, once), at ``begins``: a text
    without n-grams has a place, and every sum begins with 0.
    """

    begins: Places
    buckets: Places
    counts: Places

    def sums(self, values: Floats) -> Floats:
        """Sum of the values (entries,) of each text, which are changed: those of blanks become 0.

        The same bits as ``numpy.add.reduce`` of the text's values alone.
        """
        values[self.begins] = 0.0
        found: Floats = np.add.reduceat(values, self.begins)
        return found

    @cached_property
    def logarithms(self) -> Floats:
        """1 + log(count), counts above the last entry of the table as that."""
        return _logarithms().take(self.counts, mode="clip")

    @cached_property
    def occurrences(self) -> Floats:
        """How many n-grams each text has."""
        return self.sums(self.counts.astype(np.float64))

    @cached_property
    def types(self) -> Floats:
        """How many different n-grams each text has."""
        return np.diff(self.begins, append=len(self.buckets)) - 1.0


@cache
def _logarithms() -> Floats:
    return np.array([0.0, *(1 + math.log(count) for count in range(1, _TALLIES))])


def distinct(frame: Frame, family: Family) -> Distinct:
    """The distinct n-grams of all texts of a frame.

    Every window writes its place into a table at its bucket and reads there which place stayed: all
    windows of one bucket read the same. That needs no sorting, which takes three times as long.
    """
    windows, begins = _windows(frame, family)
    stayed = np.empty(len(windows), np.intp)
    stayed[begins] = begins
    for blank, end in pairwise([*begins.tolist(), len(windows)]):
        first = blank + 1
        places = windows[first:end]
        table, own = _scratch(family.bits, len(places))
        table[places] = own
        np.add(table[places], first, out=stayed[first:end], dtype=np.intp)
    counts = np.bincount(stayed, minlength=len(windows))
    last = np.flatnonzero(counts)
    return Distinct(np.searchsorted(last, begins), windows[last], counts[last])


def _windows(frame: Frame, family: Family) -> tuple[Places, Places]:
    """Buckets of the windows of each text after a blank entry, and where that of each text is."""
    is_char = family.unit == "char"
    buckets = _char_buckets(frame, family) if is_char else _token_buckets(frame, family)
    starts = frame.starts if is_char else frame.token_bounds
    reach = [order if is_char else order - 1 for order in family.orders]  # a text ends with NUL
    parts = [np.zeros(0, np.uint32)]
    for low, high in pairwise(starts.tolist()):
        orders = zip(buckets, reach, strict=True)
        parts += [_BLANK, *(bucket[low : max(low, high - less)] for bucket, less in orders)]
    sizes = np.ones(len(frame), np.intp)
    for less in reach:
        sizes += np.maximum(np.diff(starts) - less, 0)
    return np.concatenate(parts).astype(np.intp), np.cumsum(sizes) - sizes


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
