"""Tokens with content words masked: what is left of a text when its topic is taken out.

Words of the language's list stay, and so do marks; of every other word its shape (lower case,
capitalised, upper case, with a digit) and its last letters stay, which is where English, German and
Indonesian carry grammar (after text distortion: Stamatatos 2017, "Authorship Attribution Using Text
Distortion"). Chinese and Japanese are not offered: their characters have no such endings.
"""

from functools import cache

import numpy as np

from scrubtrace.detectors.reference.tokens import Words
from scrubtrace.detectors.style.frame import IDEOGRAPH, WORD, Frame
from scrubtrace.detectors.style.word_lists import HashLookup, word_lists

MASKED_LANGUAGES = ("en", "de", "id")
"""Languages whose content words can be masked."""

SUFFIX_CHARS = 3
"""How many last letters of a masked word stay."""

_SHAPES = np.array(
    [0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], np.uint64
)
_LOWER, _CAPITALISED, _UPPER, _DIGITS = range(4)


def masked_hashes(frame: Frame, language: str) -> Words:
    """Hash of each token after masking, for a language of `MASKED_LANGUAGES`."""
    hashes = frame.hashes.copy()
    others = (frame.token_kinds == WORD) & ~_kept(language).contains(hashes)
    hidden = np.flatnonzero(others)
    starts, ends = frame.token_starts[hidden], frame.token_ends[hidden]
    begins = np.maximum(starts, ends - SUFFIX_CHARS)
    has_digit = _is_digit(frame)[hidden]
    shapes = np.where(has_digit, _DIGITS, _cases(frame)[hidden])
    endings = frame.span_hashes(begins, ends)
    hashes[hidden] = np.where(has_digit, _SHAPES[_DIGITS], endings ^ _SHAPES[shapes])
    hashes[frame.token_kinds == IDEOGRAPH] = _SHAPES[_LOWER]
    return hashes


@cache
def _kept(language: str) -> HashLookup:
    lists = word_lists(language)
    entries = [*lists.frequent, *(entry for group in lists.groups for entry in group.entries)]
    words = sorted({word for entry in entries for word in entry.split()})
    return HashLookup(np.unique(Frame.of(words).hashes))


def _is_digit(frame: Frame) -> "np.typing.NDArray[np.bool_]":
    """Whether each token has an ASCII digit."""
    digits = (frame.codes >= ord("0")) & (frame.codes <= ord("9"))
    before = np.concatenate([[0], np.cumsum(digits)])
    flags: np.typing.NDArray[np.bool_] = before[frame.token_ends] > before[frame.token_starts]
    return flags


def _cases(frame: Frame) -> "np.typing.NDArray[np.int64]":
    """Shape of each token by its case: a word in upper case has at least two letters."""
    upper = frame.codes != frame.lowered
    starts, ends = frame.token_starts, frame.token_ends
    second = np.minimum(starts + 1, ends - 1)
    is_upper = upper[starts] & upper[second] & (ends - starts > 1)
    return np.where(is_upper, _UPPER, np.where(upper[starts], _CAPITALISED, _LOWER))
