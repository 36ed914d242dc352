"""Plain definitions of the measures of predictability, one text at a time."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from style_plain import is_letter, lower, plain_sentences, plain_tokens

from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.lexicon import lexicon, pair_hashes

Pair = tuple[str, str]


@cache
def _hash(word: str) -> "np.typing.NDArray[np.uint64]":
    return Frame.of([word]).hashes[:1]


def zipf_of(word: str) -> float | None:
    """Zipf frequency of a word, None if it is not in the lexicon."""
    found = int(lexicon("en").words.find(_hash(word))[0])
    return None if found < 0 else found / 32


def nats_of(pair: Pair) -> float | None:
    """Surprisal of the second word after the first, None if the pair is not in the lexicon."""
    found = int(lexicon("en").pairs.find(pair_hashes(_hash(pair[0]), _hash(pair[1])))[0])
    return None if found < 0 else found / 16


def plain_predictability(text: str) -> dict[str, float]:
    """The measures of a folded English text by name."""
    return _frequencies(plain_tokens(text)) | _surprisals(text)


def _frequencies(tokens: Sequence[str]) -> dict[str, float]:
    small = [_stem(token) for token in tokens if _is_word(token) and token[0] == lower(token[0])]
    known = [zipf for zipf in map(zipf_of, small) if zipf is not None]
    bands = _shares(known, (3, 4.5, 6), len(known))
    names = ("rare_words", "uncommon_words", "common_words", "very_common_words")
    return {
        "word_frequency_mean": _mean(known),
        "word_frequency_sd": _sd(known),
        **dict(zip(names, bands, strict=True)),
        "unknown_words": _mean([zipf_of(word) is None for word in small]),
    }


def _surprisals(text: str) -> dict[str, float]:
    tokens = plain_tokens(text)
    pairs = [(a, b) if _is_word(a) and _is_word(b) else None for a, b in pairwise(tokens)]
    known = [_stemmed(pair) for pair in pairs if pair]
    nats = [_surprisal(pair) for pair in known]
    steps = [
        abs(_surprisal(_stemmed(a)) - _surprisal(_stemmed(b)))
        for a, b in pairwise(pairs)
        if a and b
    ]
    bonds = [_alone(pair[1]) - bound for pair in known if (bound := nats_of(pair)) is not None]
    names = ("surprisal_lowest", "surprisal_low", "surprisal_middle", "surprisal_high")
    loose, _, fixed = _shares(bonds, (3, 6), len(known))
    return {
        "surprisal_mean": _mean(nats),
        "surprisal_sd": _sd(nats),
        "surprisal_change": _mean(steps),
        "surprisal_of_sentences": _sd(_of_sentences(text)),
        **dict(zip(names, _shares(nats, (2, 4, 7, 10), len(nats)), strict=False)),
        "known_pairs": len(bonds) / len(known) if known else 0.0,
        "association_mean": _mean(bonds),
        "association_sd": _sd(bonds),
        "fixed_pairs": fixed,
        "loose_pairs": loose,
    }


def _of_sentences(text: str) -> list[float]:
    """Mean surprisals of sentences; a pair is of the sentence of its first word."""
    means = []
    for tokens in plain_sentences(text):
        pairs = [_stemmed(pair) for pair in pairwise(tokens) if all(map(_is_word, pair))]
        if len(pairs) >= 3:
            means.append(_mean([_surprisal(pair) for pair in pairs]))
    return means


def _surprisal(pair: Pair) -> float:
    known = nats_of(pair)
    return _alone(pair[1]) + round(-math.log(0.4) * 16) / 16 if known is None else known


def _alone(word: str) -> float:
    return float(np.round((9 - (zipf_of(word) or 0.0)) * math.log(10) * 16) / 16)


def _stemmed(pair: Pair) -> Pair:
    return _stem(pair[0]), _stem(pair[1])


def _stem(token: str) -> str:
    word = lower(token)
    return word[:-2] if word.endswith("'s") and len(word) > 2 else word


def _is_word(token: str) -> bool:
    return is_letter(lower(token[0])) and token[0] not in "0123456789"


def _shares(values: Sequence[float], bounds: Sequence[float], total: int) -> list[float]:
    low, high = (-math.inf, *bounds), (*bounds, math.inf)
    return [
        sum(a <= value < b for value in values) / total if total else 0.0
        for a, b in zip(low, high, strict=True)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _sd(values: Sequence[float]) -> float:
    mean = _mean(values)
    return math.sqrt(_mean([(value - mean) ** 2 for value in values]))
