"""Rhythm: how long words, clauses and sentences are, and how much that varies.

A word is a run of letters or one Han or kana character; a clause is what stands between marks.
Burstiness is that of Goh and Barabási (2008), "Burstiness and memory in complex systems":
(sd - mean) / (sd + mean). Deviations are those of the text itself (divided by n).
"""

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.features.measures import (
    Column,
    Counts,
    Measure,
    extreme,
    moments,
    more,
    share,
    total_of,
)
from scrubtrace.detectors.style.frame import MARK, Frame

LONG_WORD, VERY_LONG_WORD, SHORT_WORD = 8, 11, 3
LONG_SENTENCE, SHORT_SENTENCE = 30, 8
_CLAUSE_MARKS = ',.;:!?。、()"-「」『』《》…'
_BIBER, _GOH = "Biber 1988", "Goh and Barabási 2008"
_YULE = "Yule 1939, sentence length as a characteristic of style"
_PAUSES = "Zaitsu and Jin 2023 (comma position)"


def _varies(name: str, unit: str, what: str, source: str) -> Measure:
    return Measure(name, unit, f"{what} vary more", f"{what} vary less", source)


def _longer(name: str, unit: str, what: str, source: str, grows: bool = False) -> Measure:
    return Measure(name, unit, f"{what} are longer", f"{what} are shorter", source, grows)


SENTENCES = (
    _longer("sentence_length_mean", "words", "sentences", _YULE),
    _varies("sentence_length_sd", "words", "sentence lengths in words", _YULE),
    _varies("sentence_length_cv", "share of the mean", "sentence lengths", _YULE),
    _varies("sentence_burstiness", "-1 to 1", "sentence lengths (burstiness)", _GOH),
    _longer("sentence_longest", "times the mean", "the longest sentences", _YULE, True),
    _longer("sentence_shortest", "times the mean", "the shortest sentences", _YULE, True),
    _varies("sentence_length_change", "share of the mean", "neighbouring sentences", _GOH),
    more("short_sentences", f"sentences have fewer than {SHORT_SENTENCE} words", _YULE),
    more("long_sentences", f"sentences have more than {LONG_SENTENCE} words", _YULE),
    more("distinct_sentence_starts", "sentences begin with different words", _BIBER, True),
)
CLAUSES = (
    _longer("clause_length_mean", "words", "stretches between marks", _PAUSES),
    _varies("clause_length_cv", "share of the mean", "stretches between marks", _PAUSES),
    more("clauses_of_four", "stretches between marks have exactly four words", _PAUSES),
)
WORDS = (
    _longer("word_length_mean", "letters", "words", _BIBER),
    _varies("word_length_sd", "letters", "word lengths", _BIBER),
    more("long_words", f"words have {LONG_WORD} letters or more", _BIBER),
    more("very_long_words", f"words have {VERY_LONG_WORD} letters or more", _BIBER),
    more("short_words", f"words have {SHORT_WORD} letters or fewer", _BIBER),
)


def sentence_lengths(frame: Frame, words: Counts) -> list[Column]:
    """`SENTENCES` from the numbers of the tokens that are words."""
    lengths = np.bincount(frame.token_sentences[words])
    kept = np.flatnonzero(lengths)
    first = np.searchsorted(frame.token_sentences[words], kept)
    lengths, documents = lengths[kept], frame.token_documents[words][first]
    texts = len(frame)
    mean, sd, count = moments(lengths, documents, texts)
    steps = np.abs(np.diff(lengths)) * (documents[1:] == documents[:-1])
    change = share(total_of(documents[1:], steps, texts), count - 1)
    starts = frame.hashes[words][first]
    return [
        mean,
        sd,
        share(sd, mean),
        share(sd - mean, sd + mean),
        share(extreme(np.maximum, lengths, documents, texts), mean),
        share(extreme(np.minimum, lengths, documents, texts), mean),
        share(change, mean),
        share(total_of(documents, lengths < SHORT_SENTENCE, texts), count),
        share(total_of(documents, lengths > LONG_SENTENCE, texts), count),
        share(_distinct(starts, documents, texts), count),
    ]


def clause_lengths(frame: Frame, words: Counts) -> list[Column]:
    """`CLAUSES` from the numbers of the tokens that are words."""
    starts = frame.token_starts
    ends = frame.token_kinds == MARK
    marks = np.flatnonzero(ends)
    ends[marks] = np.isin(frame.codes[starts[marks]], [ord(mark) for mark in _CLAUSE_MARKS])
    before = np.cumsum(ends) + frame.token_documents  # a text ends a clause too
    lengths = np.bincount(before[words])
    kept = np.flatnonzero(lengths)
    documents = frame.token_documents[words][np.searchsorted(before[words], kept)]
    lengths = lengths[kept]
    mean, sd, count = moments(lengths, documents, len(frame))
    return [mean, share(sd, mean), share(total_of(documents, lengths == 4, len(frame)), count)]


def word_lengths(frame: Frame) -> list[Column]:
    """`WORDS`, of runs of letters that do not begin with a digit."""
    words = frame.spelled
    lengths = frame.token_ends[words] - frame.token_starts[words]
    documents, texts = frame.token_documents[words], len(frame)
    mean, sd, count = moments(lengths, documents, texts)
    return [
        mean,
        sd,
        share(total_of(documents, lengths >= LONG_WORD, texts), count),
        share(total_of(documents, lengths >= VERY_LONG_WORD, texts), count),
        share(total_of(documents, lengths <= SHORT_WORD, texts), count),
    ]


def _distinct(hashes: npt.NDArray[np.uint64], documents: Counts, texts: int) -> Column:
    order = np.lexsort((hashes, documents))
    hashes, documents = hashes[order], documents[order]
    new = np.ones(len(hashes), np.bool_)
    new[1:] = (hashes[1:] != hashes[:-1]) | (documents[1:] != documents[:-1])
    return total_of(documents, new, texts)
