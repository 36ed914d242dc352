"""Plain definitions of the stylometric measures, one text at a time."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from style_plain import is_ideograph, is_letter, lower, plain_sentences, plain_tokens
from style_plain_errors import plain_errors
from style_plain_predictability import plain_predictability

from scrubtrace.detectors.style.word_lists import Group, word_lists

_MARKS = {
    "commas": ",", "full_stops": ".。", "semicolons": ";", "colons": ":", "question_marks": "?",
    "exclamation_marks": "!", "double_quotes": '"', "single_quotes": "'", "dashes": "-",
    "parentheses": "(", "brackets": "[{", "slashes": "/", "percent_signs": "%",
    "currency_signs": "$€£¥", "symbols": "+=<>&@#_^~|\\",
}  # fmt: skip
_EAST_ASIAN = {"enumeration_commas": "、", "corner_brackets": "「『", "book_title_marks": "《〈"}
_CLAUSE_MARKS = ',.;:!?。、()"-「」『』《》…'


def _share(above: float, below: float) -> float:
    return above / below if below else 0.0


def _is_word(token: str) -> bool:
    return is_letter(lower(token[0])) or is_ideograph(lower(token[0]))


def _mean(values: Sequence[float]) -> float:
    return _share(sum(values), len(values))


def _sd(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean([(value - mean) ** 2 for value in values]))


def _entropy(counts: Counter[str]) -> float:
    total = sum(counts.values())
    return -sum(n / total * math.log(n / total) for n in counts.values())


def plain_measures(text: str, language: str) -> dict[str, float]:
    """Measures of a folded text by name."""
    tokens = plain_tokens(text)
    words = [lower(token) for token in tokens if _is_word(token)]
    values = _sentence_measures(text) | _clause_measures(tokens) | _vocabulary(words)
    if language not in ("zh", "ja"):
        values |= _word_measures(tokens)
    values |= _mark_measures(text, tokens, words, language)
    values |= _group_measures(tokens, words, language)
    if language == "en":
        values |= plain_predictability(text) | plain_errors(text)
    return values


def _sentence_measures(text: str) -> dict[str, float]:
    sentences = [[t for t in tokens if _is_word(t)] for tokens in plain_sentences(text)]
    sentences = [sentence for sentence in sentences if sentence]
    sizes = [len(sentence) for sentence in sentences]
    mean, sd = _mean(sizes), _sd(sizes)
    return {
        "sentence_length_mean": mean,
        "sentence_length_sd": sd,
        "sentence_length_cv": _share(sd, mean),
        "sentence_burstiness": _share(sd - mean, sd + mean),
        "sentence_longest": _share(max(sizes, default=0), mean),
        "sentence_shortest": _share(min(sizes, default=0), mean),
        "sentence_length_change": _share(_mean([abs(b - a) for a, b in pairwise(sizes)]), mean),
        "short_sentences": _mean([size < 8 for size in sizes]),
        "long_sentences": _mean([size > 30 for size in sizes]),
        "distinct_sentence_starts": _share(len({lower(s[0]) for s in sentences}), len(sizes)),
    }


def _clause_measures(tokens: list[str]) -> dict[str, float]:
    clauses = [0]
    for token in tokens:
        if token in _CLAUSE_MARKS:
            clauses.append(0)
        clauses[-1] += _is_word(token)
    sizes = [size for size in clauses if size]
    return {
        "clause_length_mean": _mean(sizes),
        "clause_length_cv": _share(_sd(sizes), _mean(sizes)),
        "clauses_of_four": _mean([size == 4 for size in sizes]),
    }


def _word_measures(tokens: list[str]) -> dict[str, float]:
    words = [t for t in tokens if is_letter(lower(t[0])) and t[0] not in "0123456789"]
    sizes = [len(word) for word in words]
    return {
        "word_length_mean": _mean(sizes),
        "word_length_sd": _sd(sizes),
        "long_words": _mean([size >= 8 for size in sizes]),
        "very_long_words": _mean([size >= 11 for size in sizes]),
        "short_words": _mean([size <= 3 for size in sizes]),
    }


def _vocabulary(words: list[str]) -> dict[str, float]:
    counts, total = Counter(words), len(words)
    size = min(50, total)
    windows = [words[begin : begin + size] for begin in range(total - size + 1)] if total else []
    squares = sum(n * n for n in counts.values())
    values = {
        "mattr": _mean([len(set(window)) / size for window in windows]),
        "guiraud_r": _share(len(counts), math.sqrt(total)),
        "hapax_share": _share(sum(n == 1 for n in counts.values()), total),
        "dis_share": _share(sum(n == 2 for n in counts.values()), len(counts)),
        "yules_k": _share(1e4 * (squares - total), total * total),
        "word_entropy": _entropy(counts),
        "word_evenness": _share(_entropy(counts), math.log(total)) if total > 1 else 0.0,
        "commonest_word": _share(max(counts.values(), default=0), total),
    }
    for name, order in (("repeated_bigrams", 2), ("repeated_trigrams", 3)):
        grams = Counter(tuple(words[at : at + order]) for at in range(total - order + 1))
        values[name] = _share(sum(n for n in grams.values() if n > 1), sum(grams.values()))
    return values


def _mark_measures(
    text: str, tokens: list[str], words: list[str], language: str
) -> dict[str, float]:
    unspaced = language in ("zh", "ja")
    kinds = _MARKS | _EAST_ASIAN if unspaced else _MARKS
    marks = [token for token in tokens if not _is_word(token)]
    found = {name: sum(mark in chars for mark in marks) for name, chars in kinds.items()}
    chars = [char for char in text if not char.isspace()]
    sentences = len(plain_sentences(text))
    values = {name: 100 * _share(number, len(words)) for name, number in found.items()}
    values |= {
        "commas_per_sentence": _share(found["commas"], sentences),
        "other_marks": 100 * _share(len(marks) - sum(found.values()), len(words)),
        "kinds_of_marks": sum(number > 0 for number in found.values()),
    }
    patterns = {"digits": "[0-9]", "not_ascii": "[^\x00-\x7f]"}
    if unspaced:
        patterns |= {
            "han": "[\u3400-\u9fff\U00020000-\U0003ffff]",
            "hiragana": "[\u3041-\u309f]",
            "katakana": "[\u30a1-\u30ff]",
        }
    for name, pattern in patterns.items():
        values[name] = 100 * _share(len(re.findall(pattern, "".join(chars))), len(chars))
    values["upper_case"] = 100 * _share(sum(char != lower(char) for char in chars), len(chars))
    letters = [c for c in map(lower, chars) if c in "abcdefghijklmnopqrstuvwxyzäöüß"]
    if unspaced:
        values["latin"] = 100 * _share(sum(c in "abcdefghijklmnopqrstuvwxyz" for c in letters),
                                       len(chars))  # fmt: skip
    else:
        values["letter_entropy"] = _entropy(Counter(letters))
    return values


def _group_measures(tokens: list[str], words: list[str], language: str) -> dict[str, float]:
    lists = word_lists(language)
    lowered = [lower(token) for token in tokens]
    values: dict[str, float] = {}
    for group in lists.groups:
        number = 0
        for entry in group.entries:
            parts = plain_tokens(entry)
            number += sum(lowered[at : at + len(parts)] == parts for at in range(len(lowered)))
        values[group.name] = 100 * _share(number, len(words))
    spaced = [word for word in words if is_letter(word[0])]
    for kind, groups in (("ending", lists.suffixes), ("prefix", lists.prefixes)):
        for group in groups:
            number = sum(_has_affix(word, group, kind) for word in spaced)
            values[f"{kind}_{group.name}"] = 100 * _share(number, len(words))
    if language == "en":
        number = sum(token.count("'") for token in tokens if len(token) > 1)
        values["contractions"] = 100 * _share(number, len(words))
    return values


def _has_affix(word: str, group: Group, kind: str) -> bool:
    fits = word.endswith if kind == "ending" else word.startswith
    return any(fits(entry) and len(word) >= len(entry) + 3 for entry in group.entries)
