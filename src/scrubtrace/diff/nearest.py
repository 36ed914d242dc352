"""Rows without an id whose content changed: the nearest row of the other version.

Each row has a sketch: the 64 smallest hashes of its long words and of its runs of three and six
words. Rows that share rare ones are candidates; the pair that shares most comes first, and of equal
ones the pair that stands at about the same place. Sorted arrays only: no table of all pairs.
"""

import re
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SKETCH = 64
SKETCH_CHARS = 20_000
LONG_WORD = 5
MOST_POSTINGS = 64
"""Old rows x new rows that share a hash; a hash of more is common and says nothing."""

LEAST_SHARED = 3
LEAST_SHARE = 0.1
"""Of the smaller sketch; a paraphrase keeps long words, and hardly a run of words."""

PASS_ENTRIES = 1 << 25
"""Hashes that are joined at a time; more are joined in several passes over ranges of hashes."""

_WORD = re.compile(
    r"[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[^\W_\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]+"
)

Hashes = NDArray[np.uint64]
Numbers = NDArray[np.int64]


def sketch(texts: list[str]) -> Hashes:
    """The sketch of a row: up to `SKETCH` hashes, ascending, each once."""
    words = _WORD.findall(" ".join(texts)[:SKETCH_CHARS].casefold())
    codes = np.array([zlib.crc32(word.encode()) for word in words], np.uint64)
    is_long = np.array([len(word) >= LONG_WORD for word in words], np.bool_)
    with np.errstate(over="ignore"):
        pairs = codes[:-1] * np.uint64(0x9E3779B97F4A7C15) + codes[1:]
        triples = pairs[:-1] * np.uint64(0xC2B2AE3D27D4EB4F) + codes[2:]
        sixes = triples[:-3] * np.uint64(0x165667B19E3779F9) + triples[3:]
        hashes = _mixed(np.concatenate([codes[is_long], triples, sixes]))
    return np.unique(hashes)[:SKETCH]


def _mixed(values: Hashes) -> Hashes:
    """The finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Hashes = values ^ (values >> np.uint64(31))
    return mixed


def similarity(a: Hashes, b: Hashes) -> float:
    """Shared hashes over those of the smaller sketch; 0 if one is empty."""
    smaller = min(len(a), len(b))
    return len(np.intersect1d(a, b, assume_unique=True)) / smaller if smaller else 0.0


@dataclass(frozen=True)
class Sketches:
    """Sketches of many rows: all hashes, the row of each, and the size of each row's sketch."""

    hashes: Hashes
    rows: Numbers
    sizes: Numbers

    @classmethod
    def of(cls, sketches: list[Hashes]) -> "Sketches":
        """From one sketch a row."""
        sizes = np.array([len(s) for s in sketches], np.int64)
        hashes = np.concatenate([np.empty(0, np.uint64), *sketches])
        return cls(hashes, np.repeat(np.arange(len(sketches)), sizes), sizes)


def nearest_pairs(old: Sketches, new: Sketches) -> list[tuple[int, int]]:
    """Pairs of rows, each row at most once, in the order of the old rows."""
    pairs, shared = _candidates(old, new)
    a, b = pairs // max(len(new.sizes), 1), pairs % max(len(new.sizes), 1)
    share = shared / np.maximum(np.minimum(old.sizes[a], new.sizes[b]), 1)
    fit = (shared >= np.minimum(LEAST_SHARED, np.minimum(old.sizes[a], new.sizes[b]))) & (
        share >= LEAST_SHARE
    )
    a, b, share = a[fit], b[fit], share[fit]
    distance = np.abs(a / max(len(old.sizes), 1) - b / max(len(new.sizes), 1))
    order = np.lexsort((b, a, distance, -share))
    found: dict[int, int] = {}
    taken: set[int] = set()
    for x, y in zip(a[order].tolist(), b[order].tolist(), strict=True):
        if x not in found and y not in taken:
            found[x] = y
            taken.add(y)
    return sorted(found.items())


def _candidates(old: Sketches, new: Sketches) -> tuple[Numbers, Numbers]:
    """Pairs that share a rare hash, as old row x new rows + new row, and how many they share."""
    passes = max(1, -(-(len(old.hashes) + len(new.hashes)) // PASS_ENTRIES))
    found = [_pass(old, new, number, passes) for number in range(passes)]
    pairs, inverse = np.unique(np.concatenate([p for p, _ in found]), return_inverse=True)
    counts = np.bincount(inverse, np.concatenate([c for _, c in found]), len(pairs))
    return pairs, counts.astype(np.int64)


def _pass(old: Sketches, new: Sketches, number: int, passes: int) -> tuple[Numbers, Numbers]:
    (a, a_rows), (b, b_rows) = (_sorted_share(side, number, passes) for side in (old, new))
    low, high = np.searchsorted(b, a, "left"), np.searchsorted(b, a, "right")
    mine = np.searchsorted(a, a, "right") - np.searchsorted(a, a, "left")
    theirs = high - low
    rare = (theirs > 0) & (mine * theirs <= MOST_POSTINGS)
    low, theirs, rows = low[rare], theirs[rare], a_rows[rare]
    offsets = np.arange(theirs.sum()) - np.repeat(np.cumsum(theirs) - theirs, theirs)
    partners = b_rows[np.repeat(low, theirs) + offsets]
    return np.unique(
        np.repeat(rows, theirs) * max(len(new.sizes), 1) + partners, return_counts=True
    )


def _sorted_share(side: Sketches, number: int, passes: int) -> tuple[Hashes, Numbers]:
    share = side.hashes % np.uint64(passes) == number
    hashes, rows = side.hashes[share], side.rows[share]
    order = np.argsort(hashes, kind="stable")
    return hashes[order], rows[order]
