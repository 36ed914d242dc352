"""Shingles: pairs of neighbouring words, or three neighbouring characters of Han and kana.

Pairs, because paraphrasers keep them: of some 40 scores tried on paraphrased essays, those of pairs
found more above a strict threshold than the best of single words or of triples. ``python
benchmarks/reference_lane.py`` measures the shipped form. Shingles are what the index holds.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.tokens import (
    HASHED_CHARS,
    MAX_CHARS,
    Numbers,
    Tokens,
    Words,
    mixed,
    tokenise,
)

PAIR, TRIPLE = 2, 3

LEAST_WORDS = 12
"""Shorter texts are neither kept nor judged: others say the same without a source."""

_ORDER = np.uint64(0x9E3779B185EBCA87)


@dataclass(frozen=True)
class Shingles:
    """Distinct shingles of several texts, sorted by text and hash.

    ``bounds`` has one entry more than there are texts: those of text t are
    ``hashes[bounds[t]:bounds[t + 1]]``.
    """

    hashes: Words
    bounds: Numbers

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def of(self, text: int) -> Words:
        """The sorted distinct shingles of one text."""
        return self.hashes[self.bounds[text] : self.bounds[text + 1]]

    @property
    def text(self) -> Numbers:
        """Which text each shingle is of."""
        return np.repeat(np.arange(len(self)), np.diff(self.bounds))

    def sampled(self, scale: int) -> "Shingles":
        """Those with a hash below 2^64 / scale, the same ones of every text (FracMinHash)."""
        if scale == 1:
            return self
        kept = self.hashes < np.uint64((1 << 64) // scale)
        before = np.concatenate([[0], np.cumsum(kept)])
        return Shingles(self.hashes[kept], before[self.bounds])


@dataclass(frozen=True)
class Analysed:
    """What is compared of several texts: one entry a text in each array.

    ``digests`` are equal where the words are the same in the same order. ``words`` counts words,
    and characters of scripts without spaces; ``masks`` masked tags.
    """

    shingles: Shingles
    digests: Words
    words: Numbers
    masks: Numbers


def analyse(batch: TextBatch) -> Analysed:
    """What is compared of each text of a batch, from its shared normalised windows."""
    hashes: list[Words] = [np.zeros(0, np.uint64)]
    rows: list[Numbers] = [np.zeros(0, np.int64)]
    digests = [hashlib.blake2b(digest_size=8) for _ in range(len(batch))]
    words, masks = np.zeros(len(batch), np.int64), np.zeros(len(batch), np.int64)
    for numbers, texts in pieces(batch):
        tokens = tokenise(texts)
        found, first = hashed(tokens)
        hashes.append(found)
        rows.append(np.array(numbers)[tokens.text[first]])
        bounds = np.searchsorted(tokens.text, np.arange(len(texts) + 1))
        np.add.at(words, numbers, np.diff(bounds))
        np.add.at(masks, numbers, tokens.masks)
        for place, row in enumerate(numbers):
            digests[row].update(tokens.hashes[bounds[place] : bounds[place + 1]].tobytes())
    shingles = distinct(np.concatenate(hashes), np.concatenate(rows), len(batch))
    exact = np.frombuffer(b"".join(digest.digest() for digest in digests), np.uint64)
    return Analysed(shingles, exact, words, masks)


def hashed(tokens: Tokens) -> tuple[Words, Numbers]:
    """All shingles, in order, and the number of the word that each begins with."""
    pairs = _at(tokens, PAIR) & ~tokens.single
    triples = _at(tokens, TRIPLE) & tokens.single
    words = tokens.hashes
    firsts = np.flatnonzero(pairs | triples)
    is_triple = triples[firsts]
    values = words[firsts] * _ORDER + words[firsts + 1]
    last = firsts[is_triple]
    values[is_triple] = values[is_triple] * _ORDER + words[last + 2]
    return mixed(values), firsts


def length(tokens: Tokens, first: Numbers) -> Numbers:
    """How many words the shingles have that begin with these words."""
    return np.where(tokens.single[first], TRIPLE, PAIR)


def distinct(hashes: Words, rows: Numbers, texts: int) -> Shingles:
    """Shingles of rows in any order, as distinct ones of each of so many texts."""
    order = np.lexsort((hashes, rows))
    hashes, rows = hashes[order], rows[order]
    new = np.ones(len(hashes), np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])
    hashes, rows = hashes[new], rows[new]
    return Shingles(hashes, np.searchsorted(rows, np.arange(texts + 1)))


def _at(tokens: Tokens, words: int) -> "np.typing.NDArray[np.bool_]":
    """Where so many words follow each other in one text with no masked tag between them."""
    together = np.zeros(len(tokens.run), np.bool_)
    if len(tokens.run) >= words:
        together[: len(tokens.run) - words + 1] = (
            tokens.run[words - 1 :] == tokens.run[: len(tokens.run) - words + 1]
        )
    return together


def pieces(batch: TextBatch) -> Iterator[tuple[list[int], list[str]]]:
    """Rows and normalised windows of a batch, as many at a time as are hashed at once."""
    numbers: list[int] = []
    texts: list[str] = []
    chars = 0
    for row in range(len(batch)):
        for window in batch.windows(row):
            for text in _cut(window.normalised.text):
                if texts and chars + len(text) + 1 > HASHED_CHARS:
                    yield numbers, texts
                    numbers, texts, chars = [], [], 0
                numbers.append(row)
                texts.append(text)
                chars += len(text) + 1
    if texts:
        yield numbers, texts


def _cut(text: str) -> Iterator[str]:
    """A normalised window, in pieces if normalising has made it longer than can be hashed."""
    step = MAX_CHARS - 1
    yield from (text[first : first + step] for first in range(0, max(len(text), 1), step))
