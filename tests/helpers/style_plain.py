"""Plain definitions of tokens, sentences and n-grams of the style lane, one text at a time."""

import unicodedata
from collections import Counter
from functools import cache

from scrubtrace.detectors.style.ngrams import Family
from scrubtrace.detectors.style.word_lists import word_lists

_BITS = (1 << 64) - 1
_BASE = 0x9E3779B97F4A7C15
_SHAPES = (0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5)


def lower(text: str) -> str:
    """Lower case of the same length."""
    return text.replace("İ", "i").lower().replace("ς", "σ")


def is_ideograph(char: str) -> bool:
    """Whether a character is Han or kana."""
    code = ord(char)
    blocks = ((0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
              (0xF900, 0xFAFF), (0x20000, 0x2FFFF))  # fmt: skip
    return is_letter(char, False) and any(first <= code <= last for first, last in blocks)


def is_letter(char: str, spaced: bool = True) -> bool:
    """Whether a character is a letter, digit or combining mark (of a script with spaces)."""
    if spaced and is_ideograph(char):
        return False
    return ord(char) < 0x2FFFF and unicodedata.category(char)[0] in "LNM"


def plain_tokens(text: str) -> list[str]:
    """The tokens of a folded text."""
    tokens: list[str] = []
    for begin, end in token_spans(text):
        tokens.append(text[begin:end])
    return tokens


def token_spans(text: str) -> list[tuple[int, int]]:
    """Where the tokens of a folded text are."""
    spans: list[tuple[int, int]] = []
    place = 0
    while place < len(text):
        end = place + 1
        if is_letter(lower(text[place])):
            while end < len(text) and (
                is_letter(lower(text[end]))
                or (text[end] == "'" and is_letter(lower(text[end + 1 : end + 2] or " ")))
            ):
                end += 1
        if not text[place].isspace():
            spans.append((place, end))
        place = end
    return spans


def plain_sentences(text: str) -> list[list[str]]:
    """The tokens of each sentence of a folded text."""
    sentences: list[list[str]] = [[]]
    for begin, end in token_spans(text):
        token, after = text[begin:end], text[end : end + 1] or " "
        sentences[-1].append(token)
        closed = after in " \"')]」』】》"
        if (
            token == "。"
            or (token in (".", "!", "?") and closed)
            or (token in ("!", "?") and is_ideograph(after))
        ):
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def plain_grams(text: str, family: Family) -> dict[int, int]:
    """Buckets of a folded text with their counts."""
    counts: Counter[int] = Counter()
    if family.unit == "char":
        units = [ord(char) for char in f" {text} "] if text else []
        units = units if family.cased else [ord(char) for char in lower("".join(map(chr, units)))]
    elif family.unit == "word":
        units = [token_hash(t if family.cased else lower(t)) for t in plain_tokens(text)]
    else:
        units = [masked_hash(token, family.language) for token in plain_tokens(text)]
    for order in family.orders:
        for begin in range(len(units) - order + 1):
            counts[_bucket(units[begin : begin + order], family)] += 1
    return dict(counts)


def _bucket(units: list[int], family: Family) -> int:
    if family.unit != "char":
        window = units[0]
        for unit in units[1:]:
            window = window * 0x9E3779B185EBCA87 + unit & _BITS
        return mixed(window) >> 64 - family.bits
    bits = (1 << 32) - 1
    singles = [(unit + 1) * 0x9E3779B1 & bits for unit in units]
    window = singles[0]
    for single in singles[1:]:
        window = window * 0x85EBCA6B & bits ^ single
    return ((window ^ window >> 15) * 0xC2B2AE35 & bits) >> 32 - family.bits


def token_hash(token: str) -> int:
    """Hash of a token."""
    return mixed(sum((ord(char) + 1) * _BASE**at for at, char in enumerate(token)) & _BITS)


def mixed(value: int) -> int:
    """The finaliser of MurmurHash3."""
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        value = (value ^ value >> 33) * factor & _BITS
    return value ^ value >> 33


def masked_hash(token: str, language: str) -> int:
    """Hash of a token after masking."""
    if is_ideograph(lower(token[0])):
        return _SHAPES[0]
    if not is_letter(lower(token[0])) or lower(token) in _kept(language):
        return token_hash(lower(token))
    if any(char in "0123456789" for char in token):
        return _SHAPES[3]
    upper = [char != lower(char) for char in token]
    shape = 2 if len(token) > 1 and upper[0] and upper[1] else 1 if upper[0] else 0
    return token_hash(lower(token)[-3:]) ^ _SHAPES[shape]


@cache
def _kept(language: str) -> set[str]:
    lists = word_lists(language)
    entries = [*lists.frequent, *(entry for group in lists.groups for entry in group.entries)]
    return {part for entry in entries for part in plain_tokens(entry)}
