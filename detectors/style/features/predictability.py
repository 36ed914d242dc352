"""Predictability: how frequent the words are, and how expected after the word before.

The Zipf scale is that of van Heuven et al. (2014): log10 of occurrences in 10^9 words. Surprisal is
that of Hale (2001): minus the logarithm of how likely a word is after the one before it, in nats,
by the counts of `lexicon`; after a word that it was not counted after, that of the word alone and
the penalty of Brants et al. (2007), "stupid backoff"; an unknown word counts as Zipf 0. Association
is the pointwise mutual information of Church and Hanks (1990). Only letters in a row, with nothing
but a space between, are a pair; the ending ``'s`` is left out.
"""

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.features.known import KnownWords
from scrubtrace.detectors.style.features.measures import (
    Column,
    Counts,
    Measure,
    count_of,
    moments,
    more,
    share,
    total_of,
)
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.lexicon import (
    MOST,
    NAT_STEPS,
    ZIPF_STEPS,
    lexicon,
    pair_hashes,
)

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


def _varies(name: str, unit: str, what: str, source: str) -> Measure:
    return Measure(name, unit, f"{what} varies more", f"{what} varies less", source)


PREDICTABILITY = (
    Measure("word_frequency_mean", "Zipf", "words are more common", "words are rarer", _ZIPF),
    _varies("word_frequency_sd", "Zipf", "the frequency of words", _ZIPF),
    more("rare_words", "words are rare", _ZIPF),
    more("uncommon_words", "words are uncommon", _ZIPF),
    more("common_words", "words are common", _ZIPF),
    more("very_common_words", "words are among the most common", _ZIPF),
    more("unknown_words", "words are in no dictionary", _ZIPF),
    Measure("surprisal_mean", "nats", "words are less expected after the word before",
            "words are more expected after the word before", _HALE),
    _varies("surprisal_sd", "nats", "the expectedness of words", _HALE),
    _varies("surprisal_change", "nats", "the expectedness from word to word", _JAEGER),
    _varies("surprisal_of_sentences", "nats", "the expectedness of sentences", _JAEGER),
    more("surprisal_lowest", "words follow of themselves", _HALE),
    more("surprisal_low", "words are well expected", _HALE),
    more("surprisal_middle", "words are half expected", _HALE),
    more("surprisal_high", "words are hardly expected", _HALE),
    more("known_pairs", "pairs of words are usual", _CHURCH),
    Measure("association_mean", "nats", "usual pairs of words are bound more closely",
            "usual pairs of words are bound less closely", _CHURCH),
    _varies("association_sd", "nats", "the bond of usual pairs of words", _CHURCH),
    more("fixed_pairs", "pairs of words are fixed", _CHURCH),
    more("loose_pairs", "pairs of words are usual but loose", _CHURCH),
)  # fmt: skip


def predictability(frame: Frame, language: str, known: KnownWords) -> list[Column]:
    """Values of `PREDICTABILITY`; raises ValueError for a language without a lexicon."""
    words, hashes, zipf = known.tokens, known.hashes, known.zipf
    documents = frame.token_documents[words]
    follows = np.flatnonzero((np.diff(words) == 1) & (documents[1:] == documents[:-1]))
    after = follows + 1
    found = lexicon(language).pairs.find(pair_hashes(hashes[follows], hashes[after]))
    alone = _alone()[zipf[after]]
    owners, sentences = documents[follows], frame.token_sentences[words[follows]]
    nats = np.where(found < 0, alone + _BACKOFF, found)
    mean, sd, pairs = moments(nats, owners, len(frame))
    usual = np.flatnonzero(found >= 0)
    return [
        *_frequencies(frame, words, documents, zipf),
        mean / NAT_STEPS,
        sd / NAT_STEPS,
        _change(follows, owners, nats, len(frame)),
        _of_sentences(sentences, owners, nats, len(frame)),
        *_bands(nats, owners, np.array(EXPECTED, np.float64) * NAT_STEPS, pairs)[:-1],
        *_associations((alone - found)[usual], owners[usual], pairs),
    ]


def _frequencies(frame: Frame, words: Counts, documents: Counts, zipf: Counts) -> list[Column]:
    """Of words that begin in lower case, so that names do not count."""
    starts = frame.token_starts[words]
    is_small = frame.codes[starts] == frame.lowered[starts]
    texts = len(frame)
    small = total_of(documents, is_small, texts)
    kept = np.flatnonzero(is_small & (zipf >= 0))
    documents, zipf = documents[kept], zipf[kept]
    mean, sd, count = moments(zipf, documents, texts)
    bounds = np.array([RARE, (RARE + FREQUENT) / 2, FREQUENT]) * ZIPF_STEPS
    return [
        mean / ZIPF_STEPS,
        sd / ZIPF_STEPS,
        *_bands(zipf, documents, bounds, count),
        share(small - count, small),
    ]


def _change(follows: Counts, documents: Counts, nats: Counts, texts: int) -> Column:
    """Mean difference of the surprisals of words in a row."""
    in_row = np.flatnonzero((np.diff(follows) == 1) & (documents[1:] == documents[:-1]))
    owners = documents[in_row]
    changes = total_of(owners, np.abs(nats[in_row + 1] - nats[in_row]), texts)
    return share(changes, count_of(owners, texts)) / NAT_STEPS


def _of_sentences(sentences: Counts, documents: Counts, nats: Counts, texts: int) -> Column:
    """Standard deviation of the mean surprisals of a text's sentences."""
    count = np.bincount(sentences)
    kept = np.flatnonzero(count >= LEAST_PAIRS)
    means = np.bincount(sentences, nats)[kept] / count[kept] / NAT_STEPS
    owner = documents[np.searchsorted(sentences, kept)]
    total = count_of(owner, texts)
    mean = share(np.bincount(owner, means, minlength=texts), total)
    squares = (means - mean[owner]) ** 2
    return np.sqrt(share(np.bincount(owner, squares, minlength=texts), total))


def _associations(bonds: Counts, documents: Counts, pairs: Counts) -> list[Column]:
    """Of the pairs that the lexicon has; ``pairs`` (texts,) counts all."""
    mean, sd, count = moments(bonds, documents, len(pairs))
    bounds = np.array([LOOSE, FIXED], np.float64) * NAT_STEPS
    loose, _, fixed = _bands(bonds, documents, bounds, pairs)
    return [share(count, pairs), mean / NAT_STEPS, sd / NAT_STEPS, fixed, loose]


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
    """Surprisal of a word by its Zipf frequency in steps; in the last place of an unknown one."""
    zipf = np.append(np.arange(MOST + 1) / ZIPF_STEPS, 0.0)
    return np.round((9 - zipf) * math.log(10) * NAT_STEPS).astype(np.int64)
