"""Slips of the pen: misspelled words, missing capitals, words in another's place.

Language models hardly make any unless they are asked to; people do, some in every line (Koppel and
Schler 2003 told authors apart by them). A text with many of them is more likely a person's; one
without says little.
"""

from functools import cache

import numpy as np

from scrubtrace.detectors.style.features.known import KnownWords
from scrubtrace.detectors.style.features.measures import (
    Column,
    Counts,
    Measure,
    share,
    total_of,
)
from scrubtrace.detectors.style.frame import Codes, Flags, Frame
from scrubtrace.detectors.style.spelling import misspelled
from scrubtrace.detectors.style.word_lists import HashLookup, word_lists

LEAST_BEFORE = 4
"""Letters of the word before a full stop that ends a sentence; shorter ones may be abbreviated."""

_KOPPEL = "Koppel and Schler 2003 (idiosyncratic errors)"
_DAMERAU = "Damerau 1964"
_SPACE = ord(" ")


@cache
def errors(language: str) -> tuple[Measure, ...]:
    """The measures of this module for a language with a dictionary."""
    return (
        _errors("misspelled_words", "misspelled words", _DAMERAU),
        *(_errors(group.name, group.meaning) for group in word_lists(language).errors),
        _errors("missing_capitals", "words that lack their capital (i'm, monday)"),
        _errors("small_sentence_starts", "sentences that begin in lower case"),
        _errors("missing_spaces", "commas without a space after them"),
        _errors("errors", "errors of spelling and grammar"),
    )


def _errors(name: str, what: str, source: str = _KOPPEL) -> Measure:
    return Measure(name, "per 100 words", f"{what} are more frequent", f"{what} are rarer", source)


def error_rates(
    frame: Frame, language: str, words: Counts, listed: Counts, known: KnownWords
) -> list[Column]:
    """Values of `errors`, given each text's number of words and of listed errors of each group."""
    texts, documents = len(frame), frame.token_documents
    strange = known.tokens[known.zipf < 0]
    wrong = [
        misspelled(frame, strange, language),
        _small(frame, language),
        _small_starts(frame, language),
        _missing_spaces(frame),
    ]
    of_tokens = [total_of(documents[t], np.ones(len(t), np.bool_), texts) for t in wrong]
    rows = np.stack([of_tokens[0], *listed.T, *of_tokens[1:]])
    rates = 100 * share(np.vstack([rows, rows.sum(axis=0)]), words[None])
    return list(rates)


@cache
def _capitals(language: str) -> HashLookup:
    return HashLookup(Frame.of([" ".join(word_lists(language).capitals)]).hashes)


def _small(frame: Frame, language: str) -> Counts:
    """Numbers of the tokens that lack their capital, between spaces."""
    tokens = np.flatnonzero(_capitals(language).contains(frame.hashes))
    tokens = tokens[frame.is_small(tokens, tokens)]
    before, after = frame.token_starts[tokens] - 1, frame.token_ends[tokens]
    is_free = (frame.codes[before] == _SPACE) & (frame.codes[after] == _SPACE)
    found: Counts = tokens[is_free]
    return found


def _small_starts(frame: Frame, language: str) -> Counts:
    """Numbers of the words in lower case that follow a full stop within a text.

    Before it stands a whole word in lower case that is no abbreviation.
    """
    starts, ends, codes = frame.token_starts, frame.token_ends, frame.codes
    marks = np.flatnonzero(frame.ends_sentence[:-1])
    marks = marks[(marks > 0) & (codes[starts[marks]] == ord("."))]
    last, first = marks - 1, marks + 1
    is_start = frame.token_documents[last] == frame.token_documents[first]
    is_start &= (ends[last] == starts[marks]) & (codes[starts[first] - 1] == _SPACE)
    is_start &= _is_letter(codes[starts[last]]) & _is_letter(codes[starts[first]])
    is_start &= (ends - starts)[last] >= LEAST_BEFORE
    is_start &= ~_abbreviations(language).contains(frame.hashes[last])
    is_start &= (codes[ends[first]] == _SPACE) & ((ends - starts)[first] > 1)
    found: Counts = first[is_start]
    return found


def _missing_spaces(frame: Frame) -> Counts:
    """Numbers of the commas between two words of letters, with spaces around them."""
    commas = np.flatnonzero(frame.codes == ord(","))
    tokens = np.searchsorted(frame.token_starts, commas)
    inside = (tokens > 0) & (tokens < len(frame.token_starts) - 1)
    commas, tokens = commas[inside], tokens[inside]
    starts, ends, codes = frame.token_starts, frame.token_ends, frame.codes
    is_wrong = (ends[tokens - 1] == commas) & (starts[tokens + 1] == commas + 1)
    is_wrong &= (codes[starts[tokens - 1] - 1] == _SPACE) & (codes[ends[tokens + 1]] == _SPACE)
    is_wrong &= _is_letter(frame.lowered[starts[tokens - 1]])
    is_wrong &= _is_letter(frame.lowered[starts[tokens + 1]])
    for step in (-2, -1, 2):
        is_wrong &= _is_letter(frame.lowered[commas + step])
    found: Counts = tokens[is_wrong]
    return found


@cache
def _abbreviations(language: str) -> HashLookup:
    return HashLookup(Frame.of([" ".join(word_lists(language).abbreviations)]).hashes)


def _is_letter(codes: Codes) -> Flags:
    """Whether they are the letters a to z."""
    return (codes >= ord("a")) & (codes <= ord("z"))
