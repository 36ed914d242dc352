"""Predictability: how frequent the words are, and how expected after the word before.

The Zipf scale is that of van Heuven et al. (2014): log10 of occurrences in 10^9 words. Surprisal is
that of Hale (2001): minus the logarithm of how likely a word is after the one before it, in nats,
by the counts of `lexicon`; after a word that it was not counted after, that of the word alone and
the penalty of Brants et al. (2007), "stupid backoff". Association is the pointwise mutual
information of Church and Hanks (1990). Only letters in a row, with nothing but a space between, are
a pair; the ending ``'s`` is left out.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Words
from scrubtrace.detectors.style.features.measures import Column, Counts, Measure, share
from scrubtrace.detectors.style.frame import WORD, Frame
from scrubtrace.detectors.style.lexicon import NAT_STEPS, ZIPF_STEPS, lexicon, pair_hashes

RARE, FREQUENT = 3, 6
"""Words below and from these Zipf frequencies are counted; and so are those between."""

EXPECTED = (2, 4, 7, 10)
"""Nats at which a range of surprisals ends."""

LOOSE, FIXED = 3, 6
"""Nats of association below which a usual pair is loose, and from which it is fixed."""

LEAST_PAIRS = 3
"""Pairs of a sentence whose mean surprisal counts."""

_BACKOFF = round(-math.log(0.4) * NAT_STEPS)
_ZIPF = "van Heuven et al. 2014"
_HALE, _CHURCH = "Hale 2001", "Church and Hanks 1990"
_JAEGER = "Jaeger 2010 (uniform information density)"


def _shares(name: str, what: str, source: str) -> Measure:
    return Measure(name, "share", f"more {what}", f"fewer {what}", source)


def _varies(name: str, unit: str, what: str, source: str) -> Measure:
    return Measure(name, unit, f"{what} varies more", f"{what} varies less", source)


PREDICTABILITY = (
    Measure("word_frequency_mean", "Zipf", "words are more common", "words are rarer", _ZIPF),
    _varies("word_frequency_sd", "Zipf", "the frequency of words", _ZIPF),
    _shares("rare_words", "words are rare", _ZIPF),
    _shares("uncommon_words", "words are uncommon", _ZIPF),
    _shares("common_words", "words are common", _ZIPF),
    _shares("very_common_words", "words are among the most common", _ZIPF),
    _shares("unknown_words", "words are in no dictionary", _ZIPF),
    Measure("surprisal_mean", "nats", "words are less expected after the word before",
            "words are more expected after the word before", _HALE),
    _varies("surprisal_sd", "nats", "the expectedness of words", _HALE),
    _varies("surprisal_change", "nats", "the expectedness from word to word", _JAEGER),
    _varies("surprisal_of_sentences", "nats", "the expectedness of sentences", _JAEGER),
    _shares("surprisal_lowest", "words follow of themselves", _HALE),
    _shares("surprisal_low", "words are well expected", _HALE),
    _shares("surprisal_middle", "words are half expected", _HALE),
    _shares("surprisal_high", "words are hardly expected", _HALE),
    _shares("known_pairs", "pairs of words are usual", _CHURCH),
    Measure("association_mean", "nats", "usual pairs of words are bound more closely",
            "usual pairs of words are bound less closely", _CHURCH),
    _varies("association_sd", "nats", "the bond of usual pairs of words", _CHURCH),
    _shares("fixed_pairs", "pairs of words are fixed", _CHURCH),
    _shares("loose_pairs", "pairs of words are usual but loose", _CHURCH),
)  # fmt: skip


def predictability(frame: Frame, language: str) -> list[Column]:
    """Values of `PREDICTABILITY`; raises ValueError for a language without a lexicon."""
    known = lexicon(language)
    first = frame.codes[frame.token_starts]
    is_number = (first >= ord("0")) & (first <= ord("9"))
    tokens = np.flatnonzero((frame.token_kinds == WORD) & ~is_number)
    hashes = _without_s(frame, tokens)
    zipf = known.words.find(hashes)
    follows = np.flatnonzero(np.diff(tokens) == 1)
    follows = follows[frame.token_documents[tokens[follows]]
                      == frame.token_documents[tokens[follows + 1]]]  # fmt: skip
    found = known.pairs.find(pair_hashes(hashes[follows], hashes[follows + 1]))
    alone = _alone()[zipf[follows + 1]]
    return [
        *_frequencies(frame, tokens, zipf),
        *_surprisals(frame, tokens, follows, np.where(found < 0, alone + _BACKOFF, found)),
        *_associations(frame, tokens[follows], found, alone),
    ]


def _without_s(frame: Frame, tokens: Counts) -> Words:
    """Hashes of words, of those that end in ``'s`` without it."""
    hashes = frame.hashes[tokens]
    starts, ends = frame.token_starts[tokens], frame.token_ends[tokens]
    is_owner = (frame.lowered[ends - 1] == ord("s")) & (frame.codes[ends - 2] == ord("'"))
    owners = np.flatnonzero(is_owner & (ends - starts > 2))
    hashes[owners] = frame.span_hashes(starts[owners], ends[owners] - 2)
    return hashes


def _frequencies(frame: Frame, tokens: Counts, zipf: Counts) -> list[Column]:
    """Of words that begin in lower case, so that names do not count."""
    starts = frame.token_starts[tokens]
    small = np.flatnonzero(frame.codes[starts] == frame.lowered[starts])
    documents, zipf = frame.token_documents[tokens[small]], zipf[small]
    texts = len(frame)
    all_words = np.bincount(documents, minlength=texts)
    documents, zipf = documents[zipf >= 0], zipf[zipf >= 0]
    count = np.bincount(documents, minlength=texts)
    middle = (RARE + FREQUENT) / 2
    bounds = np.array([RARE, middle, FREQUENT]) * ZIPF_STEPS
    return [
        *_moments(zipf, documents, count, ZIPF_STEPS),
        *_bands(zipf, documents, bounds, count),
        share(all_words - count, all_words),
    ]


def _surprisals(frame: Frame, tokens: Counts, follows: Counts, nats: Counts) -> list[Column]:
    documents, texts = frame.token_documents[tokens[follows]], len(frame)
    count = np.bincount(documents, minlength=texts)
    in_row = np.flatnonzero((np.diff(follows) == 1) & (np.diff(documents) == 0))
    steps = np.abs(nats[in_row + 1] - nats[in_row])
    changes = np.bincount(documents[in_row], steps, minlength=texts)
    neighbours = np.bincount(documents[in_row], minlength=texts)
    return [
        *_moments(nats, documents, count, NAT_STEPS),
        share(changes, neighbours) / NAT_STEPS,
        _of_sentences(frame.token_sentences[tokens[follows]], documents, nats, texts),
        *_bands(nats, documents, np.array(EXPECTED, np.float64) * NAT_STEPS, count)[:-1],
    ]


def _of_sentences(sentences: Counts, documents: Counts, nats: Counts, texts: int) -> Column:
    """Standard deviation of the mean surprisals of a text's sentences."""
    count = np.bincount(sentences)
    kept = np.flatnonzero(count >= LEAST_PAIRS)
    means = np.bincount(sentences, nats)[kept] / count[kept] / NAT_STEPS
    owner = documents[np.searchsorted(sentences, kept)]
    total = np.bincount(owner, minlength=texts)
    mean = share(np.bincount(owner, means, minlength=texts), total)
    squares = (means - mean[owner]) ** 2
    return np.sqrt(share(np.bincount(owner, squares, minlength=texts), total))


def _associations(frame: Frame, tokens: Counts, found: Counts, alone: Counts) -> list[Column]:
    documents, texts = frame.token_documents[tokens], len(frame)
    pairs = np.bincount(documents, minlength=texts)
    known = np.flatnonzero(found >= 0)
    bonds, documents = (alone - found)[known], documents[known]
    count = np.bincount(documents, minlength=texts)
    loose, _, fixed = _bands(
        bonds, documents, np.array([LOOSE, FIXED], np.float64) * NAT_STEPS, pairs
    )
    return [share(count, pairs), *_moments(bonds, documents, count, NAT_STEPS), fixed, loose]


def _moments(values: Counts, documents: Counts, count: Counts, steps: int) -> tuple[Column, Column]:
    """Mean and standard deviation of whole numbers of steps in each text: exact sums."""
    mean = share(np.bincount(documents, values, minlength=len(count)), count)
    square = share(np.bincount(documents, values * values, minlength=len(count)), count)
    return mean / steps, np.sqrt(np.maximum(square - mean * mean, 0)) / steps


def _bands(
    values: Counts, documents: Counts, bounds: npt.NDArray[np.floating[Any]], total: Counts
) -> list[Column]:
    """Share of each text's values below the first bound, from there to the second, and so on."""
    bands = len(bounds) + 1
    places = documents * bands
    for bound in bounds.tolist():
        places += values >= bound
    counts = np.bincount(places, minlength=bands * len(total)).reshape(-1, bands)
    return list(share(counts, total[:, None]).T)


@cache
def _alone() -> Counts:
    """Surprisal of a word by its Zipf frequency in steps; the last place: of no known word."""
    zipf = np.append(np.arange(255) / ZIPF_STEPS, 0.0)
    return np.round((9 - zipf) * math.log(10) * NAT_STEPS).astype(np.int64)
