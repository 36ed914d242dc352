"""Texts of one batch that are nearly the same, without any log of a model.

Shingles are sorted, those that few texts have give candidate pairs, and pairs that share enough of
their shingles are joined (single linkage by union-find). Memory is bounded: whenever more than
`MOST_ENTRIES` shingles are held, half of them are dropped, those with the higher hashes, of all
texts alike (FracMinHash). Texts with the same words are held once.
"""

from dataclasses import dataclass, field

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.shingles import analyse
from scrubtrace.detectors.reference.tokens import Numbers, Words

MOST_ENTRIES = 4_000_000
"""Shingles held at once, 12 bytes each; finding pairs takes five times as much for a while."""

RARE_TEXTS = 1_000
"""A shingle that more texts have makes no pair."""

LEAST_SHARED = 3
LEAST_WORDS = 12
SIMILAR = 0.5
"""Share of the shingles of two texts that they share (Jaccard) from which on they are joined."""


@dataclass(frozen=True)
class Member:
    """A text of a cluster: its number in the order of adding, and Jaccard with the first."""

    number: int
    similarity: float


@dataclass
class Clusters:
    """Takes texts in order and finds those that are nearly the same.

    ``scale`` says that one of so many shingles was kept; ``short`` counts texts of less than
    `LEAST_WORDS` words, which are in no cluster.
    """

    most_entries: int = MOST_ENTRIES
    similar: float = SIMILAR
    scale: int = 1
    short: int = 0
    texts: int = 0
    _numbers: list[list[int]] = field(default_factory=list)
    _first: dict[int, int] = field(default_factory=dict)
    _hashes: list[Words] = field(default_factory=list)
    _rows: list["np.typing.NDArray[np.uint32]"] = field(default_factory=list)
    _entries: int = 0

    def add(self, batch: TextBatch) -> None:
        """Takes the texts of a batch."""
        found = analyse(batch)
        sampled = found.shingles.sampled(self.scale)
        fresh = np.full(len(batch), -1)
        for place, digest in enumerate(found.digests.tolist()):
            number = self.texts + place
            if found.words[place] < LEAST_WORDS:
                self.short += 1
            elif digest in self._first:
                self._numbers[self._first[digest]].append(number)
            else:
                fresh[place] = self._first[digest] = len(self._numbers)
                self._numbers.append([number])
        rows = fresh[sampled.text]
        self._hashes.append(sampled.hashes[rows >= 0])
        self._rows.append(rows[rows >= 0].astype(np.uint32))
        self._entries += len(self._rows[-1])
        self.texts += len(batch)
        while self._entries > self.most_entries:
            self._halve()

    def found(self) -> list[list[Member]]:
        """Clusters of two texts or more, by their first text; members by number."""
        hashes, rows = self._joined()
        bounds = np.searchsorted(rows, np.arange(len(self._numbers) + 1))
        parents = np.arange(len(self._numbers))
        for one, other in _candidates(hashes, rows):
            if _jaccard(hashes, bounds, one, other) >= self.similar:
                _unite(parents, one, other)
        members: dict[int, list[Member]] = {}
        for row, numbers in enumerate(self._numbers):
            root = _root(parents, row)
            similarity = _jaccard(hashes, bounds, root, row) if root != row else 1.0
            own = [Member(number, similarity) for number in numbers]
            members.setdefault(root, []).extend(own)
        several = [cluster for cluster in members.values() if len(cluster) > 1]
        return [sorted(cluster, key=lambda member: member.number) for cluster in several]

    def _joined(self) -> "tuple[Words, np.typing.NDArray[np.uint32]]":
        """All shingles, sorted by text and hash, in one piece."""
        hashes = np.concatenate([np.zeros(0, np.uint64), *self._hashes])
        rows = np.concatenate([np.zeros(0, np.uint32), *self._rows])
        self._hashes, self._rows = [hashes], [rows]
        return hashes, rows

    def _halve(self) -> None:
        hashes, rows = self._joined()
        self.scale *= 2
        kept = hashes < np.uint64((1 << 64) // self.scale)
        self._hashes, self._rows = [hashes[kept]], [rows[kept]]
        self._entries = int(kept.sum())


def _candidates(hashes: Words, rows: "np.typing.NDArray[np.uint32]") -> list[tuple[int, int]]:
    """Pairs of texts that share several rare shingles: neighbours of a posting, and its first.

    So a shingle of n texts makes 2n pairs, not n^2, and texts of one cluster are still connected.
    """
    order = np.argsort(hashes, kind="stable")
    sorted_hashes, texts = hashes[order], rows[order].astype(np.int64)
    del order
    new = np.ones(len(texts), np.bool_)
    new[1:] = sorted_hashes[1:] != sorted_hashes[:-1]
    firsts = np.flatnonzero(new)
    sizes = np.diff(np.append(firsts, len(texts)))
    rare = np.repeat(sizes <= RARE_TEXTS, sizes)
    follows = np.flatnonzero(~new & rare)
    leading = texts[np.repeat(firsts, sizes)[follows]]
    width = np.int64(int(rows.max()) + 1 if len(rows) else 1)
    neighbours = texts[follows - 1] * width + texts[follows]
    others = (leading != texts[follows - 1]).nonzero()[0]
    leads = leading[others] * width + texts[follows[others]]
    keys, counts = np.unique(np.concatenate([neighbours, leads]), return_counts=True)
    chosen = keys[counts >= LEAST_SHARED]
    return list(zip((chosen // width).tolist(), (chosen % width).tolist(), strict=True))


def _jaccard(hashes: Words, bounds: Numbers, one: int, other: int) -> float:
    first, second = (hashes[bounds[text] : bounds[text + 1]] for text in (one, other))
    if not len(first) or not len(second):
        return 0.0
    at = np.searchsorted(second, first)
    at[at == len(second)] = 0
    shared = int((second[at] == first).sum())
    return shared / (len(first) + len(second) - shared)


def _root(parents: Numbers, text: int) -> int:
    while parents[text] != text:
        parents[text] = parents[parents[text]]
        text = int(parents[text])
    return text


def _unite(parents: Numbers, one: int, other: int) -> None:
    """The lower number becomes the root, so that a cluster is named by its first text."""
    first, second = sorted((_root(parents, one), _root(parents, other)))
    parents[second] = first
