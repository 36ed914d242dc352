"""Words of many texts as 64-bit hashes, in a few array operations.

A word is a run of letters, digits and combining marks, compared without case; of scripts written
without spaces (Han, kana) every character is one, traditional forms as simplified ones. Everything
else separates words. A masked tag
such as ``[NAME]`` or ``XXXX`` is no word, and what stands around it is not adjacent: tags are what
scrubbing puts in, so that they must neither match nor dilute.

The hash of a word is a polynomial over its characters modulo 2^64, finished by the mixing function
of MurmurHash3 (Austin Appleby, public domain): prefix sums give it for all words at once.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.han import folds, folds_digest

Words: TypeAlias = npt.NDArray[np.uint64]
Numbers: TypeAlias = npt.NDArray[np.int64]

MAX_CHARS = 1 << 19
"""Most characters that are hashed at once, texts and one separator each."""

HASHED_CHARS = 1 << 16
"""How many are hashed at once where texts are short: the arrays stay in the processor's cache."""

_VERSION = 2
_KNOWN = 0x30000
_DOTTED_I, _DOT_ABOVE = 0x130, 0x307
_LETTER, _CHARACTER = 1, 2
_OPENS, _REPEATS = 1, 2
_UNSPACED = ((0x3040, 0x30FF), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2FFFF))
_BASE = 0x9E3779B97F4A7C15
_MASK = re.compile(
    r"\[[A-Z][A-Z0-9_ /-]{1,40}\]|<[A-Z][A-Z0-9_ /-]{1,40}>|\{{1,2}[A-Z][A-Z0-9_ ]{1,40}\}{1,2}"
    r"|\[[A-Za-z]{2,20}_?\d{0,3}\](?!\()|【[^】\n]{1,12}】|[Xx]{3,}\b|[*＊]{3,}|_{3,}|[█■▇]{2,}|×{2,}"
)
_OPENING = "[<{【"
_REPEATED = "*＊_█■▇×Xx"


@dataclass(frozen=True)
class Tokens:
    """Words of several texts in order.

    ``hashes``: one a word; ``text``: which text it is of; ``run``: equal for words with no masked
    tag between them; ``start``, ``end``: code points within its text; ``single``: whether it is a
    character of a script without spaces. ``masks``: number of masked tags in each text.
    """

    hashes: Words
    text: Numbers
    run: Numbers
    start: Numbers
    end: Numbers
    single: npt.NDArray[np.bool_]
    masks: Numbers


def tokenise(texts: Sequence[str]) -> Tokens:
    """The words of the texts, which together have fewer than `MAX_CHARS` characters.

    Texts are taken as normalised (`detectors.normalise`). Raises ValueError if they are too long.
    """
    joined = "\n".join([*texts, ""])
    if len(joined) > MAX_CHARS:
        raise ValueError(f"{len(joined)} characters at once, more than {MAX_CHARS}")
    kinds, folded = _tables()
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    points = np.minimum(points, _KNOWN - 1)
    kind, breaks = kinds[points], np.zeros(len(points) + 1, np.int64)
    begins = np.cumsum([0, *(len(text) + 1 for text in texts)])
    masks = np.zeros(len(texts), np.int64)
    for first, last in _masked(joined, points):
        kind[first:last] = 0
        breaks[first] += 1
        masks[np.searchsorted(begins, first, "right") - 1] += 1
    starts, ends = _bounds(kind)
    hashes = _hashes(folded[points], starts, ends)
    text = np.searchsorted(begins, starts, "right") - 1
    run = text + np.cumsum(breaks)[starts]
    offset = begins[text]
    return Tokens(
        hashes, text, run, starts - offset, ends - offset, kind[starts] == _CHARACTER, masks
    )


def mixed(values: Words) -> Words:
    """Well-distributed hashes of any 64-bit values: the finaliser of MurmurHash3."""
    mixing = values ^ (values >> np.uint64(33))
    mixing *= np.uint64(0xFF51AFD7ED558CCD)
    mixing ^= mixing >> np.uint64(33)
    mixing *= np.uint64(0xC4CEB9FE1A85EC53)
    mixing ^= mixing >> np.uint64(33)
    return mixing


def _masked(joined: str, points: npt.NDArray[np.uint32]) -> list[tuple[int, int]]:
    """Where masked tags stand: looked for where a bracket opens or a mark is repeated."""
    marks = _marks()[points]
    again = np.zeros(len(points), np.bool_)
    again[1:] = points[1:] == points[:-1]
    begins = (marks == _OPENS) | (marks == _REPEATS) & ~again & np.append(again[1:], False)
    spans: list[tuple[int, int]] = []
    for place in np.flatnonzero(begins).tolist():
        inside = spans and place < spans[-1][1]
        found = None if inside else _MASK.match(joined, place)
        if found and not (joined[place] in "Xx" and joined[place - 1 : place].isalnum()):
            spans.append(found.span())
    return spans


@cache
def _marks() -> npt.NDArray[np.uint8]:
    """Of every code point whether a masked tag may open with it (1), or be made of it (2)."""
    marks = np.zeros(_KNOWN, np.uint8)
    marks[[ord(char) for char in _OPENING]] = _OPENS
    marks[[ord(char) for char in _REPEATED]] = _REPEATS
    return marks


def _bounds(kind: npt.NDArray[np.uint8]) -> tuple[Numbers, Numbers]:
    """First and one past the last position of every word."""
    is_letter = kind == _LETTER
    is_character = kind == _CHARACTER
    before = np.concatenate([[False], is_letter[:-1]])
    after = np.concatenate([is_letter[1:], [False]])
    starts = np.flatnonzero(is_letter & ~before | is_character)
    ends = np.flatnonzero(is_letter & ~after | is_character) + 1
    return starts, ends


def _hashes(points: npt.NDArray[np.uint32], starts: Numbers, ends: Numbers) -> Words:
    """Polynomial hashes of words from prefix sums: sum of (c + 1) B^i, divided by B^start."""
    powers, inverses = _powers()
    sums = np.zeros(len(points) + 1, np.uint64)
    terms = points.astype(np.uint64)
    terms += np.uint64(1)
    at = starts
    if (dots := _dots_on_i(points)).any():
        terms[dots] = 0
        places: Numbers = np.cumsum(~dots) - ~dots
        powers, at = powers[places], places[starts]
    terms *= powers[: len(points)]
    np.cumsum(terms, out=sums[1:])
    return mixed((sums[ends] - sums[starts]) * inverses[at])


def _dots_on_i(points: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Where a dot above follows an i: as in the lower case of İ, which is compared as i."""
    dots: npt.NDArray[np.bool_] = points == _DOT_ABOVE
    dots[1:] &= points[:-1] == ord("i")
    dots[:1] = False
    return dots


@cache
def _powers() -> tuple[Words, Words]:
    """Powers of the base and of its inverse, modulo 2^64."""
    both = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        powers = np.full(MAX_CHARS, base, np.uint64)
        powers[0] = 1
        both.append(np.cumprod(powers, dtype=np.uint64))
    return both[0], both[1]


@cache
def _tables() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint32]]:
    """Of every code point what it is in a word, and what it is compared as."""
    kinds = np.zeros(_KNOWN, np.uint8)
    folded = np.arange(_KNOWN, dtype=np.uint32)
    for code in range(_KNOWN):
        char = chr(code)
        if unicodedata.category(char)[0] in "LNM":
            kinds[code] = _LETTER
            lower = char.lower()
            if len(lower) == 1 or code == _DOTTED_I:
                folded[code] = ord(lower[0])
    for first, last in _UNSPACED:
        block = kinds[first : last + 1]
        block[block == _LETTER] = _CHARACTER
    for code, same in folds().items():
        folded[code] = same
    return kinds, folded


def tokens_version() -> str:
    """Version of words and shingles; an index of another one is refused."""
    return f"{_VERSION}.{folds_digest()}"
