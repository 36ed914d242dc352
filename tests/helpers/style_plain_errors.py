"""Plain definitions of the measures of errors, one English text at a time."""

import re
from functools import cache
from itertools import groupby

import numpy as np
from style_plain import is_ideograph, is_letter, lower, token_spans
from style_plain_predictability import zipf_of

from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.spelling import bits_of, placed, spelling
from scrubtrace.detectors.style.word_lists import word_lists

LETTERS = "abcdefghijklmnopqrstuvwxyz"
Span = tuple[int, int]


@cache
def _is_in(table: str, word: str, place: int | None = None) -> bool:
    hashes = Frame.of([word]).hashes[:1]
    if place is not None:
        hashes = placed(hashes, np.array([place]))
    return bool(getattr(spelling("en"), table).find(hashes)[0] == bits_of(hashes)[0])


@cache
def is_known(word: str) -> bool:
    """Whether a word is in a dictionary, or the plural in ``s`` of one that is."""
    singular = [word[:-1]] if word.endswith("s") and len(word) > 1 and word[-2] != "y" else []
    return any(zipf_of(one) is not None or _is_in("accepted", one) for one in (word, *singular))


@cache
def is_misspelled(word: str) -> bool:
    """Whether a word of the letters a to z is in no dictionary and one edit from a common word."""
    if is_known(word):
        return False
    shorter = [(word[:place] + word[place + 1 :], place) for place in range(len(word))]
    return _is_in("shortened", word) or any(
        (len(less) >= 4 and (zipf_of(less) or 0) >= 3.7)
        or (len(word) >= 5 and _is_in("shortened", less, place))
        or any(_is_in("shortened", less, near) for near in (place - 1, place + 1))
        for less, place in shorter
    )


def plain_errors(text: str) -> dict[str, float]:
    """The measures of a folded English text by name."""
    spans = token_spans(text)
    tokens = [text[begin:end] for begin, end in spans]
    words = sum(is_letter(lower(token[0])) or is_ideograph(lower(token[0])) for token in tokens)
    strange = [_is_strange(token) for token in tokens]
    alone = [False] * len(tokens)
    for is_one, run in groupby(range(len(tokens)), key=strange.__getitem__):
        places = list(run)
        for place in places:
            alone[place] = is_one and len(places) <= 2
    wrong = [_counts(text, span) for span, is_one in zip(spans, alone, strict=True) if is_one]
    found = {"misspelled_words": sum(wrong)}
    found |= _listed(tokens)
    found["missing_capitals"] = sum(
        token in word_lists("en").capitals and _around(text, span) == (" ", " ")
        for token, span in zip(tokens, spans, strict=True)
    )
    found["small_sentence_starts"] = _small_starts(text, spans)
    found["missing_spaces"] = _missing_spaces(lower(text), spans)
    found["errors"] = sum(found.values())
    return {name: 100 * count / words if words else 0.0 for name, count in found.items()}


def _is_strange(token: str) -> bool:
    """Whether a token is a word that no dictionary has."""
    word = lower(token)
    stem = word[:-2] if word.endswith("'s") and len(word) > 2 else word
    is_word = is_letter(word[0]) and word[0] not in "0123456789"
    is_word = is_word and token[0] == word[0]
    return is_word and zipf_of(stem) is None and not is_known(word)


def _counts(text: str, span: Span) -> bool:
    """Whether this is a misspelled word that no name, number or divided word explains."""
    word, (before, after) = text[span[0] : span[1]], _around(text, span)
    is_plain = all(char in LETTERS for char in word) and 4 <= len(word) <= 20
    is_free = before in " \"'(" and after in " \"').,;:!?"
    is_divided = re.fullmatch("[a-z]-", _part(text, span[0] - 3, span[0] - 1)) is not None
    return is_plain and is_free and not is_divided and is_misspelled(word)


def _listed(tokens: list[str]) -> dict[str, int]:
    found = {}
    for group in word_lists("en").errors:
        entries = [tuple(entry.split()) for entry in group.entries]
        found[group.name] = sum(
            tuple(tokens[place : place + len(entry)]) == entry
            for entry in entries
            for place in range(len(tokens))
        )
    return found


def _small_starts(text: str, spans: list[Span]) -> int:
    """Words in lower case after a whole word in lower case, a full stop, and a space."""
    found = 0
    for last, mark, first in zip(spans, spans[1:], spans[2:], strict=False):
        stop = last[1] == mark[0] and text[mark[0] : mark[1]] == "." and text[mark[1]] == " "
        is_small = text[last[0]] in LETTERS and text[first[0]] in LETTERS
        is_whole = lower(text[last[0] : last[1]]) not in word_lists("en").abbreviations
        is_word = first[1] - first[0] > 1 and _around(text, first) == (" ", " ")
        is_next = mark[1] + 1 == first[0] and last[1] - last[0] >= 4
        found += stop and is_small and is_whole and is_word and is_next
    return found


def _missing_spaces(text: str, spans: list[Span]) -> int:
    """Commas between two words that begin with letters and have letters beside the comma."""
    found = 0
    for before, mark, after in zip(spans, spans[1:], spans[2:], strict=False):
        is_comma = text[mark[0]] == "," and before[1] == mark[0] and after[0] == mark[1]
        around = (_around(text, before)[0], _around(text, after)[1]) == (" ", " ")
        letters = text[before[0]] + text[before[1] - 2 : before[1]] + text[after[0] : after[0] + 2]
        is_long = min(before[1] - before[0], after[1] - after[0]) > 1
        found += is_comma and around and is_long and all(char in LETTERS for char in letters)
    return found


def _around(text: str, span: Span) -> tuple[str, str]:
    """The characters before and after; a space beyond the text."""
    return _part(text, span[0] - 1, span[0]) or " ", _part(text, span[1], span[1] + 1) or " "


def _part(text: str, begin: int, end: int) -> str:
    return text[max(begin, 0) : max(end, 0)]
