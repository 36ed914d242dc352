"""Marks, digits and letters: how often each stands, and how evenly letters are used."""

from functools import cache

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.features.measures import Column, Counts, Measure, rate, share
from scrubtrace.detectors.style.features.vocabulary import logarithms
from scrubtrace.detectors.style.frame import MARK, Frame

_KNOWN = 0x30000
_SOURCE = "Grieve 2007, punctuation as marks of authorship"

_SHARED = {
    "commas": (",", "commas"),
    "full_stops": (".。", "full stops"),
    "semicolons": (";", "semicolons"),
    "colons": (":", "colons"),
    "question_marks": ("?", "question marks"),
    "exclamation_marks": ("!", "exclamation marks"),
    "double_quotes": ('"', "double quotes"),
    "single_quotes": ("'", "single quotes"),
    "dashes": ("-", "hyphens and dashes"),
    "parentheses": ("(", "parentheses"),
    "brackets": ("[{", "square brackets and braces"),
    "slashes": ("/", "slashes"),
    "percent_signs": ("%", "percent signs"),
    "currency_signs": ("$€£¥", "currency signs"),
    "symbols": ("+=<>&@#_^~|\\", "symbols (+, =, &, @)"),
}
_EAST_ASIAN = {
    "enumeration_commas": ("、", "enumeration commas (、)"),
    "corner_brackets": ("「『", "corner brackets (「」)"),
    "book_title_marks": ("《〈", "book title marks (《》)"),
}
_UNSPACED = ("zh", "ja")


@cache
def marks(language: str) -> tuple[Measure, ...]:
    """The measures of this module for a language."""
    kinds = _kinds(language)
    measures = [rate(name, what, _SOURCE) for name, (_, what) in kinds.items()]
    measures += [
        rate("commas_per_sentence", "commas", _SOURCE, "per sentence"),
        rate("other_marks", "rare marks and emoji", _SOURCE),
        Measure(
            "kinds_of_marks", "kinds", "more kinds of marks", "fewer kinds of marks", _SOURCE, True
        ),
        rate("digits", "digits", _SOURCE, "per 100 characters"),
        rate("upper_case", "upper-case letters", _SOURCE, "per 100 characters"),
        rate("not_ascii", "characters beyond ASCII", _SOURCE, "per 100 characters"),
    ]
    if language not in _UNSPACED:
        more, less = "letters are used more evenly", "letters are used less evenly"
        measures.append(Measure("letter_entropy", "nats", more, less, "Shannon 1948"))
    else:
        measures += [
            rate("han", "Han characters", _SOURCE, "per 100 characters"),
            rate("hiragana", "hiragana", _SOURCE, "per 100 characters"),
            rate("katakana", "katakana", _SOURCE, "per 100 characters"),
            rate("latin", "Latin letters", _SOURCE, "per 100 characters"),
        ]
    return tuple(measures)


def mark_rates(frame: Frame, language: str, words: Counts, sentences: Counts) -> list[Column]:
    """Values of `marks`, given each text's number of words and of sentences."""
    texts, kinds = len(frame), _kinds(language)
    tokens = np.flatnonzero(frame.token_kinds == MARK)
    documents = frame.token_documents[tokens]
    slots = _mark_slots(language)[frame.places[frame.token_starts[tokens]]]
    width = len(kinds) + 1
    found = np.bincount(documents * width + slots, minlength=texts * width).reshape(texts, width)
    chars = frame.char_counts
    columns = list(100 * share(found[:, 1:].T, words[None]))
    columns += [
        share(found[:, 1], sentences),
        100 * share(found[:, 0], words),
        (found[:, 1:] > 0).sum(axis=1).astype(np.float64),
    ]
    digits = (frame.codes >= ord("0")) & (frame.codes <= ord("9"))
    for flags in (digits, frame.codes != frame.lowered, frame.codes > 127):
        columns.append(100 * share(_count(frame, flags), chars))
    return columns + (_scripts(frame, chars) if language in _UNSPACED else [_entropy(frame)])


def _count(frame: Frame, flags: npt.NDArray[np.bool_]) -> Counts:
    """How many characters of each text are flagged."""
    return np.diff(np.searchsorted(np.flatnonzero(flags), frame.starts))


def _scripts(frame: Frame, chars: Counts) -> list[Column]:
    codes = frame.codes
    han = (codes >= 0x3400) & (codes <= 0x9FFF) | (codes >= 0x20000) & (codes <= 0x3FFFF)
    hiragana = (codes >= 0x3041) & (codes <= 0x309F)
    katakana = (codes >= 0x30A1) & (codes <= 0x30FF)
    latin = (frame.lowered >= ord("a")) & (frame.lowered <= ord("z"))
    return [100 * share(_count(frame, flags), chars) for flags in (han, hiragana, katakana, latin)]


def _entropy(frame: Frame) -> Column:
    """Entropy of letters, with all but the 26 of ASCII and the usual umlauts taken as one."""
    slots = _letter_slots()
    width = int(slots.max()) + 1
    keys = frame.char_document * width
    keys += slots[frame.places]
    found = np.bincount(keys, minlength=len(frame) * width).reshape(len(frame), width)[:, 1:]
    total = found.sum(axis=1)
    logs, weighted = logarithms(int(total.max(initial=1)))
    sums = np.zeros(len(frame))
    for column in weighted[found].T:  # in a fixed order
        sums += column
    entropy: Column = logs[total] - share(sums, total)
    return entropy


@cache
def _kinds(language: str) -> dict[str, tuple[str, str]]:
    return _SHARED | _EAST_ASIAN if language in _UNSPACED else _SHARED


@cache
def _mark_slots(language: str) -> npt.NDArray[np.int64]:
    """Of every code point the number of its kind of mark from 1, or 0."""
    slots = np.zeros(_KNOWN, np.int64)
    for slot, (chars, _) in enumerate(_kinds(language).values(), 1):
        slots[[ord(char) for char in chars]] = slot
    return slots


@cache
def _letter_slots() -> npt.NDArray[np.uint8]:
    """Of every lower-case code point the number of its letter from 1, 0 for what is none."""
    slots = np.zeros(_KNOWN, np.uint8)
    for slot, char in enumerate("abcdefghijklmnopqrstuvwxyzäöüß", 1):
        slots[ord(char)] = slot
    return slots
