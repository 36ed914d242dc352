"""Function words and word endings: how often those of each group of a language occur."""

from functools import cache

import numpy as np

from scrubtrace.detectors.style.features.measures import (
    Column,
    Counts,
    Measure,
    count_of,
    rate,
    share,
    total_of,
)
from scrubtrace.detectors.style.frame import WORD, Frame
from scrubtrace.detectors.style.word_lists import Group, word_lists

LEAST_STEM = 3
"""How many letters a word has at least before its ending, or after its prefix."""

_MOSTELLER = "Mosteller and Wallace 1964 (function words); groups after Biber 1988"
_AFFIXES = "Biber 1988 (nominalisations, adverbs, participles)"
_UNKNOWN = 0xFF


@cache
def groups(language: str) -> tuple[Measure, ...]:
    """The measures of this module for a language."""
    lists = word_lists(language)
    words = [rate(group.name, group.meaning, _MOSTELLER) for group in lists.groups]
    affixes = [
        rate(f"{kind}_{group.name}", group.meaning, _AFFIXES)
        for kind, part in (("ending", lists.suffixes), ("prefix", lists.prefixes))
        for group in part
    ]
    if language == "en":
        affixes.append(rate("contractions", "contractions (don't, it's)", _AFFIXES))
    return (*words, *affixes)


def group_rates(frame: Frame, language: str, words: Counts, found: Counts) -> list[Column]:
    """Values of `groups`, given each text's number of words and of entries of each group."""
    lists, texts = word_lists(language), len(frame)
    rows = [*found.T, *_affixes(frame, lists.suffixes, True)]
    rows += _affixes(frame, lists.prefixes, False)
    if language == "en":
        rows.append(count_of(_contracted(frame), texts))
    return list(100 * share(np.stack(rows), words[None]))


def _affixes(frame: Frame, parts: tuple[Group, ...], at_end: bool) -> list[Column]:
    """How many words of each text end, or begin, with an entry of each group."""
    if not parts:
        return []
    words = np.flatnonzero(frame.token_kinds == WORD)
    starts, ends = frame.token_starts[words], frame.token_ends[words]
    lengths, documents = ends - starts, frame.token_documents[words]
    longest = max(len(entry) for group in parts for entry in group.entries)
    letters = frame.lowered if longest <= 4 else frame.lowered.astype(np.uint64)
    letters = np.minimum(letters, _UNKNOWN)  # a byte a letter
    key = np.zeros(len(words), letters.dtype)
    hits = [np.zeros(len(words), np.bool_) for _ in parts]
    for size in range(1, longest + 1):
        place = (
            np.maximum(ends - size, 0) if at_end else np.minimum(starts + size, len(letters)) - 1
        )
        code = letters[place]
        key = key | code << (8 * (size - 1)) if at_end else key << 8 | code
        fitting = np.where(lengths >= size + LEAST_STEM, key, 0)
        for hit, group in zip(hits, parts, strict=True):
            for entry in group.entries:
                if len(entry) == size:
                    hit |= fitting == _packed(entry)
    return [total_of(documents, hit, len(frame)) for hit in hits]


def _packed(letters: str) -> int:
    """Letters of Latin-1 as one number, the last in the lowest byte."""
    return int.from_bytes(letters.encode("latin-1"), "big")


def _contracted(frame: Frame) -> Counts:
    """Texts of the words with an apostrophe inside, one entry each."""
    quotes = np.flatnonzero(frame.codes == ord("'"))
    token = np.searchsorted(frame.token_starts, quotes, "right") - 1
    inside = frame.token_starts[token] < quotes
    inside &= frame.token_ends[token] > quotes
    return frame.token_documents[token[inside]]
