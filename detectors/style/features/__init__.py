"""Stylometric measures under the field's names, of all texts of a frame at once.

`measures` says what the columns are in a language, `measure` computes them. A rate is per 100 words
(a Han or kana character is a word), per 100 characters without spaces, or per sentence; where a
text has nothing to divide by, the value is 0. A text's values have the same bits in any batch: all
sums are of whole numbers or run in the order of the text.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.features.errors import error_rates, errors
from scrubtrace.detectors.style.features.groups import group_rates, groups
from scrubtrace.detectors.style.features.known import KnownWords
from scrubtrace.detectors.style.features.lengths import (
    CLAUSES,
    SENTENCES,
    WORDS,
    clause_lengths,
    sentence_lengths,
    word_lengths,
)
from scrubtrace.detectors.style.features.marks import mark_rates, marks
from scrubtrace.detectors.style.features.measures import Measure
from scrubtrace.detectors.style.features.phrases import occurrences
from scrubtrace.detectors.style.features.predictability import PREDICTABILITY, predictability
from scrubtrace.detectors.style.features.vocabulary import VOCABULARY, vocabulary
from scrubtrace.detectors.style.frame import MARK, Frame
from scrubtrace.detectors.style.lexicon import LANGUAGES as WITH_LEXICON
from scrubtrace.detectors.style.spelling import LANGUAGES as WITH_DICTIONARY
from scrubtrace.detectors.style.word_lists import word_lists

__all__ = ["Measure", "measure", "measures", "places_of"]

_UNSPACED = ("zh", "ja")


@cache
def measures(language: str) -> tuple[Measure, ...]:
    """The columns of `measure` in a language; raises ValueError for one without word lists."""
    words = () if language in _UNSPACED else WORDS
    expected = PREDICTABILITY if language in WITH_LEXICON else ()
    wrong = errors(language) if language in WITH_DICTIONARY else ()
    counted = (*marks(language), *groups(language))
    return (*SENTENCES, *CLAUSES, *words, *VOCABULARY, *counted, *expected, *wrong)


@cache
def places_of(language: str, names: tuple[str, ...]) -> list[int]:
    """Places of some measures among those of a language; raises KeyError for one it lacks."""
    places = {entry.name: place for place, entry in enumerate(measures(language))}
    return [places[name] for name in names]


def measure(frame: Frame, language: str) -> npt.NDArray[np.float32]:
    """Values of ``measures(language)`` of each text: shape (texts, measures).

    Raises ValueError for a language without word lists.
    """
    tokens = np.flatnonzero(frame.token_kinds != MARK)
    words = frame.tokens_of_text(tokens)
    columns = sentence_lengths(frame, tokens) + clause_lengths(frame, tokens)
    columns += [] if language in _UNSPACED else word_lengths(frame)
    columns += vocabulary(frame, tokens)
    columns += mark_rates(frame, language, words, frame.sentence_counts)
    lists = word_lists(language)
    listed = occurrences(frame, (*lists.groups, *lists.errors), len(lists.errors))
    of_groups, of_errors = np.split(listed, [len(lists.groups)], axis=1)
    columns += group_rates(frame, language, words, of_groups)
    if language in WITH_LEXICON:
        known = KnownWords.of(frame, language)
        columns += predictability(frame, language, known)
        if language in WITH_DICTIONARY:
            columns += error_rates(frame, language, words, of_errors, known)
    return np.stack(columns, axis=1).astype(np.float32)
