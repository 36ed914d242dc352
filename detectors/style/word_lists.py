"""Closed-class and frequent words of each language, and finding them among token hashes."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Numbers, Words

LANGUAGES = ("en", "de", "id", "zh", "ja")
"""Languages with lists, by ISO 639-1 code."""

_SHIFT = np.uint64(48)


@dataclass(frozen=True)
class Group:
    """Words or word parts of one kind: ``meaning`` is how reviewers read it."""

    name: str
    meaning: str
    entries: tuple[str, ...]


@dataclass(frozen=True)
class WordLists:
    """The lists of one language. Entries of ``groups`` and ``errors`` may have several words.

    ``capitals`` are words that are wrong in lower case, ``newer`` such that older lists lack,
    ``abbreviations`` such that end with a full stop within a sentence.
    """

    language: str
    frequent: tuple[str, ...]
    groups: tuple[Group, ...]
    suffixes: tuple[Group, ...]
    prefixes: tuple[Group, ...]
    errors: tuple[Group, ...]
    capitals: tuple[str, ...]
    newer: tuple[str, ...]
    abbreviations: tuple[str, ...]


@cache
def word_lists(language: str) -> WordLists:
    """The lists of a language of `LANGUAGES`; raises ValueError for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"no word lists for {language!r}: languages are {', '.join(LANGUAGES)}")
    path = files("scrubtrace.detectors.style").joinpath(f"words/{language}.toml")
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    groups, suffixes, prefixes, errors = (
        _groups(table.get(kind, {})) for kind in ("groups", "suffixes", "prefixes", "errors")
    )
    frequent, *others = (
        _entries(table.get(kind, "")) for kind in ("frequent", "capitals", "newer", "abbreviations")
    )
    return WordLists(language, frequent, groups, suffixes, prefixes, errors, *others)


def _groups(table: dict[str, Any]) -> tuple[Group, ...]:
    return tuple(
        Group(name, group["meaning"], _entries(group["entries"])) for name, group in table.items()
    )


def _entries(text: str) -> tuple[str, ...]:
    """Entries between commas, each once."""
    return tuple(
        dict.fromkeys(" ".join(entry.split()) for entry in text.split(",") if entry.strip())
    )


class HashLookup:
    """Finds 64-bit hashes among a few thousand known ones, in a few array operations.

    Hashes are compared in full; their first 16 bits say where to look.
    """

    def __init__(self, known: Words) -> None:
        self._order = np.argsort(known, kind="stable")
        self._known = known[self._order]
        first_bits = (self._known >> _SHIFT).astype(np.int64)
        self._first = np.full(1 << 16, -1, np.int32)
        self._first[first_bits[::-1]] = np.arange(len(known), dtype=np.int32)[::-1]
        self._longest = int(np.bincount(first_bits, minlength=1).max())

    def find(self, hashes: Words) -> Numbers:
        """Index of each hash among the known ones, or -1."""
        found = np.full(len(hashes), -1, np.int64)
        first = self._first[(hashes >> _SHIFT).astype(np.intp)]
        likely = np.flatnonzero(first >= 0)
        first, wanted = first[likely], hashes[likely]
        for step in range(self._longest):
            candidate = np.minimum(first + step, len(self._known) - 1)
            hit = np.flatnonzero(self._known[candidate] == wanted)
            found[likely[hit]] = self._order[candidate[hit]]
        return found

    def contains(self, hashes: Words) -> npt.NDArray[np.bool_]:
        """Whether each hash is a known one."""
        return self.find(hashes) >= 0
