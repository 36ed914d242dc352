"""Passages that two texts share word for word, with their offsets on both sides."""

from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.shingles import hashed, length
from scrubtrace.detectors.reference.tokens import MAX_CHARS, Words, tokenise

LEAST_WORDS = 4
"""Shorter runs are left out; two characters of Han or kana count as a word."""

PLACES = 16
"""Places of a shingle in the reference at which a passage may begin."""


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
    """The words of one text in order: shingles, the word each begins with, offsets of words.

    ``unspaced``: most words are characters of a script without spaces, of which two count as one.
    """

    shingles: Words
    firsts: list[int]
    lengths: list[int]
    spans: list[tuple[int, int]]
    unspaced: bool


@dataclass(frozen=True)
class Shared:
    """What two texts share: passages by place, and the share of either's words in them.

    ``longest`` counts the words of the longest passage, two characters of Han or kana as one.
    """

    passages: tuple[Passage, ...]
    text_covered: float
    reference_covered: float
    longest: int


class _Run(NamedTuple):
    """Equal words of two texts, half open: of the text, then where they begin in the reference."""

    first: int
    last: int
    reference: int


def located(text: str) -> Located:
    """The words of one text with their places in the original, over all its windows."""
    shingles: list[Words] = [np.zeros(0, np.uint64)]
    firsts: list[int] = []
    lengths: list[int] = []
    spans: list[tuple[int, int]] = []
    single = 0
    for window in TextBatch([text]).windows(0):
        tokens = tokenise([window.normalised.text[: MAX_CHARS - 1]])
        found, first = hashed(tokens)
        places = zip(tokens.start.tolist(), tokens.end.tolist(), strict=True)
        owned = [number for number, place in enumerate(places) if window.owns(*place)]
        if not owned:
            continue
        begin, end = owned[0], owned[-1] + 1
        inside = (first >= begin) & (first + length(tokens, first) <= end)
        firsts += (first[inside] - begin + len(spans)).tolist()
        lengths += length(tokens, first[inside]).tolist()
        shingles.append(found[inside])
        own = zip(tokens.start[begin:end].tolist(), tokens.end[begin:end].tolist(), strict=True)
        spans += [window.span(start, stop) for start, stop in own]
        single += int(tokens.single[begin:end].sum())
    return Located(np.concatenate(shingles), firsts, lengths, spans, 2 * single > len(spans))


def shared(text: Located, reference: Located) -> Shared:
    """The passages that two texts share, the longest first chosen, each with words of its own.

    A passage goes on as long as the next words are the same on both sides. Of shingles that the
    reference has more than `PLACES` times, further places count only where a passage goes on.
    """
    scale = 2 if text.unspaced else 1
    runs = [run for run in _runs(text, reference) if run.last - run.first >= LEAST_WORDS * scale]
    runs.sort(key=lambda run: (run.first - run.last, run.first, run.reference))
    covered = np.zeros(len(text.spans), np.bool_)
    covered_there = np.zeros(len(reference.spans), np.bool_)
    kept: list[_Run] = []
    for run in runs:
        words = run.last - run.first
        if words - int(covered[run.first : run.last].sum()) >= LEAST_WORDS * scale:
            covered[run.first : run.last] = True
            covered_there[run.reference : run.reference + words] = True
            kept.append(run)
    longest = kept[0].last - kept[0].first if kept else 0
    return Shared(
        tuple(_passage(run, text, reference) for run in sorted(kept)),
        float(covered.mean()) if len(covered) else 0.0,
        float(covered_there.mean()) if len(covered_there) else 0.0,
        longest // scale,
    )


def _runs(text: Located, reference: Located) -> list[_Run]:
    """Longest runs of equal words: for each that cannot go on, where it began on either side."""
    places: dict[int, list[int]] = defaultdict(list)
    for number, shingle in enumerate(reference.shingles.tolist()):
        places[shingle].append(number)
    sets: dict[int, set[int]] = {}
    runs: list[_Run] = []
    active: dict[int, int] = {}
    for number, shingle in enumerate(text.shingles.tolist()):
        here = places.get(shingle, [])
        if len(here) > PLACES:
            known = sets.setdefault(shingle, set(here))
            going_on = [place + 1 for place in active if place + 1 in known]
            here = sorted({*here[: PLACES - len(going_on)], *going_on})
        step = text.firsts[number] - text.firsts[number - 1] if number else 0
        going: dict[int, int] = {}
        for place in here:
            begun = active.pop(place - 1, None)
            if begun is not None and step == reference.firsts[place] - reference.firsts[place - 1]:
                going[place] = begun
            else:
                going[place] = number
        runs += [_run(text, reference, begun, number - 1, at) for at, begun in active.items()]
        active = going
    last = len(text.shingles) - 1
    return runs + [_run(text, reference, begun, last, at) for at, begun in active.items()]


def _run(text: Located, reference: Located, begun: int, ended: int, at: int) -> _Run:
    """The words of shingles ``begun`` to ``ended``, the last of which stands at ``at``."""
    first, last = text.firsts[begun], text.firsts[ended] + text.lengths[ended]
    return _Run(first, last, reference.firsts[at] + text.lengths[ended] - (last - first))


def _passage(run: _Run, text: Located, reference: Located) -> Passage:
    words = run.last - run.first
    return Passage(
        text.spans[run.first][0],
        text.spans[run.last - 1][1],
        reference.spans[run.reference][0],
        reference.spans[run.reference + words - 1][1],
        words,
    )
