"""Richness: how many different words a text has, and how often it says the same again.

MATTR is the moving-average type-token ratio of Covington and McFall (2010), here over windows of 50
words (all of a shorter text). Yule's K is 10^4 (sum of f^2 - N) / N^2 over the frequencies f of N
words. Guiraud's R is types over the root of words. Entropies are in nats.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import mixed
from scrubtrace.detectors.style.features.measures import (
    Column,
    Counts,
    Measure,
    count_of,
    extreme,
    more,
    share,
    total_of,
)
from scrubtrace.detectors.style.frame import NEXT_WORD, Frame

WINDOW = 50
_ROW_BITS = 12  # as many as `MAX_DOCUMENTS` needs; the rest of a key is the word's hash
_COVINGTON = "Covington and McFall 2010"
_YULE = "Yule 1944"
_SHANNON = "Shannon 1948"


def _repeats(
    name: str, unit: str, what: str, source: str, depends_on_length: bool = False
) -> Measure:
    more, less = f"{what} repeat more often", f"{what} repeat less often"
    return Measure(name, unit, more, less, source, depends_on_length)


VOCABULARY = (
    Measure(
        "mattr",
        f"types per word, windows of {WINDOW}",
        "fewer words come again soon",
        "more words come again soon",
        _COVINGTON,
    ),
    Measure(
        "guiraud_r",
        "types per root of words",
        "there are more different words",
        "there are fewer different words",
        "Guiraud 1954",
        True,
    ),
    more("hapax_share", "words are used only once", "Baayen 2001", True),
    more("dis_share", "of the different words are used exactly twice", "Baayen 2001", True),
    _repeats("yules_k", "1 in 10,000", "words", _YULE),
    Measure(
        "word_entropy", "nats", "words are more varied", "words are less varied", _SHANNON, True
    ),
    Measure(
        "word_evenness",
        "share of the highest entropy",
        "words are used more evenly",
        "words are used less evenly",
        _SHANNON,
        True,
    ),
    _repeats("commonest_word", "share of words", "the commonest words", _YULE),
    _repeats("repeated_bigrams", "share of pairs", "pairs of words", "Zaitsu and Jin 2023", True),
    _repeats(
        "repeated_trigrams", "share of triples", "triples of words", "Zaitsu and Jin 2023", True
    ),
)


def vocabulary(frame: Frame, words: Counts) -> list[Column]:
    """`VOCABULARY` from the numbers of the tokens that are words."""
    texts = len(frame)
    hashes, documents = frame.hashes[words], frame.token_documents[words]
    total = count_of(documents, texts)
    order, new = _grouped(hashes, documents)
    begins = np.flatnonzero(new)
    frequency = np.diff(np.append(begins, len(words)))
    owner = documents[order[begins]]
    types = count_of(owner, texts)
    once = total_of(owner, frequency == 1, texts)
    twice = total_of(owner, frequency == 2, texts)
    squares = total_of(owner, frequency * frequency, texts)
    logs, weighted = logarithms(int(total.max(initial=1)))
    entropy = logs[total] - share(_sum_in_order(weighted[frequency], owner, texts), total)
    commonest = extreme(np.maximum, frequency, owner, texts)
    return [
        _mattr(order, new, documents, total),
        share(types, np.sqrt(total)),
        share(once, total),
        share(twice, types),
        share(1e4 * (squares - total), total * total),
        entropy,
        share(entropy, logs[total]),
        share(commonest, total),
        _repeated(hashes, documents, 2, texts),
        _repeated(hashes, documents, 3, texts),
    ]


def _grouped(
    hashes: npt.NDArray[np.uint64], documents: Counts
) -> tuple[Counts, npt.NDArray[np.bool_]]:
    """Order by text, word and place, and where in it a new word or text begins."""
    keys = documents.astype(np.uint64) << np.uint64(64 - _ROW_BITS)
    keys |= hashes >> np.uint64(_ROW_BITS)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return order, new


def _mattr(order: Counts, new: npt.NDArray[np.bool_], documents: Counts, total: Counts) -> Column:
    """Mean share of types in all windows.

    A word is the first of its kind in the windows that begin after its last occurrence: those are
    counted, instead of the types of each window.
    """
    begins = np.cumsum(total) - total
    place = np.arange(len(documents)) - begins[documents]
    previous = np.full(len(documents), -1, np.int64)
    again = np.flatnonzero(~new)
    previous[order[again]] = place[order[again - 1]]
    size = np.minimum(WINDOW, total)
    last_start = (total - size)[documents]
    first = np.maximum(previous + 1, np.maximum(place - size[documents] + 1, 0))
    windows = np.maximum(np.minimum(place, last_start) - first + 1, 0)
    types = total_of(documents, windows, len(total))
    return share(types, (total - size + 1) * size)


def _repeated(hashes: npt.NDArray[np.uint64], documents: Counts, order: int, texts: int) -> Column:
    """Share of n-grams of words that stand more than once in their text."""
    span = max(len(hashes) - order + 1, 0)
    within = documents[:span] == documents[order - 1 :]
    grams = hashes[:span].copy()
    for step in range(1, order):
        grams = grams * NEXT_WORD + hashes[step : step + span]
    grams, owner = mixed(grams[within]), documents[:span][within]
    keys = owner.astype(np.uint64) << np.uint64(64 - _ROW_BITS) | grams >> np.uint64(_ROW_BITS)
    for first, last in pairwise(np.searchsorted(owner, np.arange(texts + 1)).tolist()):
        keys[first:last].sort()
    same = np.zeros(len(keys) + 1, np.bool_)
    np.equal(keys[1:], keys[:-1], out=same[1:-1])
    repeated = keys[same[1:] | same[:-1]] >> np.uint64(64 - _ROW_BITS)
    found = count_of(repeated.astype(np.int64), texts)
    return share(found, count_of(owner, texts))


def _sum_in_order(values: Column, documents: Counts, texts: int) -> Column:
    """Sums of each text in the order of its values: `numpy.bincount` adds one after another."""
    return np.asarray(np.bincount(documents, values, minlength=texts), np.float64)


def logarithms(largest: int) -> tuple[Column, Column]:
    """log(n) and n log(n) of whole numbers, 0 of 0."""
    return _table(1 << max(12, largest.bit_length()))


@cache
def _table(size: int) -> tuple[Column, Column]:
    logs = np.array([0.0, *(math.log(number) for number in range(1, size))])
    return logs, logs * np.arange(size)
