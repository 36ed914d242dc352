"""Passages that two texts share word for word, with their offsets on both sides."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.shingles import hashed, length
from scrubtrace.detectors.reference.tokens import MAX_CHARS, Words, tokenise

LEAST_WORDS = 4
"""Shorter runs are left out; two characters of Han or kana count as a word."""


@dataclass(frozen=True)
class Passage:
    """A run of equal words: code points of either original text, half open, and its length."""

    start: int
    end: int
    reference_start: int
    reference_end: int
    words: int


@dataclass(frozen=True)
class Located:
    """The words of one text in order: shingles, the word each begins with, offsets of words."""

    shingles: Words
    firsts: list[int]
    lengths: list[int]
    spans: list[tuple[int, int]]
    unspaced: bool


@dataclass(frozen=True)
class Shared:
    """What two texts share: passages by place, and the share of either's words in them."""

    passages: tuple[Passage, ...]
    text_covered: float
    reference_covered: float

    @property
    def longest(self) -> int:
        """Words of the longest passage."""
        return max((passage.words for passage in self.passages), default=0)


def located(text: str) -> Located:
    """The words of one text with their places in the original."""
    window = next(iter(TextBatch([text]).windows(0)))
    tokens = tokenise([window.normalised.text[: MAX_CHARS - 1]])
    shingles, firsts = hashed(tokens)
    places = zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)
    return Located(
        shingles,
        firsts.tolist(),
        length(tokens, firsts).tolist(),
        [window.span(start, end) for start, end in places],
        bool(tokens.single.mean() > 0.5) if len(tokens.single) else False,
    )


def shared(text: Located, reference: Located) -> Shared:
    """The passages that two texts share, each word of the first in one passage at most.

    A passage goes on as long as the next words are the same on both sides; where a shingle occurs
    several times in the reference, the place that goes on counts, else the first.
    """
    places: dict[int, list[int]] = defaultdict(list)
    for number, shingle in enumerate(reference.shingles.tolist()):
        places[shingle].append(number)
    runs: list[tuple[int, int, int, int]] = []
    for number, shingle in enumerate(text.shingles.tolist()):
        if shingle in places:
            _extend(runs, text, reference, number, places[shingle])
    least = LEAST_WORDS * 2 if text.unspaced else LEAST_WORDS
    kept = [run for run in runs if run[1] - run[0] >= least]
    passages = [_passage(run, text, reference) for run in kept]
    return Shared(
        tuple(passages),
        _covered([(first, last) for first, last, _, _ in kept], len(text.spans)),
        _covered([(first, last) for _, _, first, last in kept], len(reference.spans)),
    )


def _extend(
    runs: list[tuple[int, int, int, int]],
    text: Located,
    reference: Located,
    number: int,
    places: Sequence[int],
) -> None:
    """Adds a shared shingle: to the last run if it goes on there, else as a run of its own."""
    first, words = text.firsts[number], text.lengths[number]
    if runs:
        begin, end, other, other_end = runs[-1]
        if first < end:
            goes_on = other + first - begin
            if any(reference.firsts[place] == goes_on for place in places):
                runs[-1] = (begin, max(end, first + words), other, max(other_end, goes_on + words))
                return
            if first + words <= end:
                return
            words, first = words - (end - first), end
    place = reference.firsts[places[0]] + text.lengths[number] - words
    runs.append((first, first + words, place, place + words))


def _passage(run: tuple[int, int, int, int], text: Located, reference: Located) -> Passage:
    first, last, other, other_last = run
    return Passage(
        text.spans[first][0],
        text.spans[last - 1][1],
        reference.spans[other][0],
        reference.spans[other_last - 1][1],
        last - first,
    )


def _covered(runs: Sequence[tuple[int, int]], words: int) -> float:
    """Share of words that are in any of the runs."""
    inside = np.zeros(words, np.bool_)
    for first, last in runs:
        inside[first:last] = True
    return float(inside.mean()) if words else 0.0
