"""Which words are misspelled: in no dictionary, and one edit away from a common word.

``words/en_spelling.npz`` is made by ``tools/spelling.py`` from the dictionary of American English
that the package ``spylls`` carries (SCOWL's) and from the words of `lexicon`, British ones among
them. The edits are those of Damerau (1964): a letter too many, too few, another one, or two that
have changed places. They are found by deletions, as by Garbe's SymSpell (2012): two words of the
same length are one edit apart if they are the same without the letter at one place, or without
those at two neighbouring places. Nothing is compared letter by letter.

Plurals in ``s`` of words of a dictionary are no errors, though some are unusual (legislations).
"""

import io
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from scrubtrace.detectors.reference.tokens import Numbers, Words, mixed
from scrubtrace.detectors.style.frame import NEXT_WORD, Flags, Frame
from scrubtrace.detectors.style.lexicon import ZIPF_STEPS, HashTable, lexicon

LANGUAGES = ("en",)
"""Languages whose misspelled words are found."""

LEAST_LETTERS, MOST_LETTERS = 4, 20
"""Letters of words that can be misspelled, and of those they can be meant for."""

LEAST_REPLACED = 5
"""Letters of words of which one can be another: of four letters too many words are so by chance."""

MOST_TOGETHER = 2
"""Unknown words in a row that may be misspelled; more of them are another language or code."""

COMMON = 3.7
"""Zipf frequency of words that others can be meant for."""

_A, _Z = ord("a"), ord("z")
_KEPT = np.uint64(40)
_BEFORE, _AFTER = " \"'(", " \"').,;:!?"


@dataclass(frozen=True, eq=False)
class Spelling:
    """Dictionaries of a language.

    Attributes
    ----------
    accepted : words that `lexicon` does not have.
    shortened : common words of `LEAST_LETTERS` and more without one of their letters, as they are
        and with the place of the letter (`placed`).

    Values are seven more bits of a hash (`bits_of`), so that hardly a word is taken for another.
    """

    accepted: HashTable
    shortened: HashTable


@cache
def spelling(language: str) -> Spelling:
    """The dictionaries of a language of `LANGUAGES`; raises ValueError for any other."""
    if language not in LANGUAGES:
        raise ValueError(f"no dictionary for {language!r}: there are {', '.join(LANGUAGES)}")
    path = files("scrubtrace.detectors.style").joinpath(f"words/{language}_spelling.npz")
    with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as arrays:
        return Spelling(HashTable(arrays["accepted"]), HashTable(arrays["shortened"]))


def bits_of(hashes: Words) -> Numbers:
    """What `Spelling` keeps of hashes beside what a table does: 0 to 127."""
    return (hashes >> _KEPT & np.uint64(127)).astype(np.int64)


def placed(hashes: Words, places: Numbers) -> Words:
    """Hashes of words without a letter, and of its place in the word."""
    return mixed(hashes + (places.astype(np.uint64) + np.uint64(1)) * NEXT_WORD)


def misspelled(frame: Frame, strange: Numbers, language: str) -> Numbers:
    """Which tokens are misspelled words, of those that are no words of the lexicon.

    Only words in lower case of the letters a to z count, between spaces, quotes, brackets and
    marks, and not in a row of unknown words: no names, no halves of a hyphenated or divided word,
    no identifiers, no other language.
    """
    known = spelling(language)
    unknown = _unknown(frame, strange, language)
    found = _candidates(frame, _in_short_runs(frame, unknown))
    is_meant = _is_in(known.shortened, frame.hashes[found])
    owner, without, place = _without_one(frame, found)
    lengths = (frame.token_ends - frame.token_starts)[found][owner]
    zipf = lexicon(language).words.find(without)
    is_edit = (zipf >= COMMON * ZIPF_STEPS) & (lengths > LEAST_LETTERS)
    is_edit |= _is_in(known.shortened, placed(without, place)) & (lengths >= LEAST_REPLACED)
    for neighbour in (place - 1, place + 1):
        is_edit |= _is_in(known.shortened, placed(without, neighbour))
    is_meant[owner[is_edit]] = True
    return found[is_meant]


def _is_in(table: HashTable, hashes: Words) -> Flags:
    return np.asarray(table.find(hashes) == bits_of(hashes))


def _unknown(frame: Frame, tokens: Numbers, language: str) -> Numbers:
    """Tokens in lower case that are no accepted words, nor plurals in ``s`` of known ones."""
    words, accepted = lexicon(language).words, spelling(language).accepted
    starts = frame.token_starts[tokens]
    tokens = tokens[frame.codes[starts] == frame.lowered[starts]]
    tokens = tokens[~_is_in(accepted, frame.hashes[tokens])]
    ends = frame.token_ends[tokens]
    is_plural = (frame.codes[ends - 1] == ord("s")) & (frame.codes[ends - 2] != ord("y"))
    singular = frame.span_hashes(frame.token_starts[tokens], ends - 1)
    is_plural &= (words.find(singular) >= 0) | _is_in(accepted, singular)
    found: Numbers = tokens[~is_plural]
    return found


def _in_short_runs(frame: Frame, tokens: Numbers) -> Numbers:
    """Tokens, rising numbers, of which at most `MOST_TOGETHER` follow each other in a text."""
    owner = frame.token_documents[tokens]
    is_first = (np.diff(tokens, prepend=-2) != 1) | (np.diff(owner, prepend=-1) != 0)
    begins = np.flatnonzero(is_first)
    lengths = np.diff(begins, append=len(tokens))
    found: Numbers = tokens[np.repeat(lengths <= MOST_TOGETHER, lengths)]
    return found


def _candidates(frame: Frame, tokens: Numbers) -> Numbers:
    """Tokens that are written as words of the language that nobody would capitalise."""
    codes = frame.codes
    lengths = (frame.token_ends - frame.token_starts)[tokens]
    tokens = tokens[(lengths >= LEAST_LETTERS) & (lengths <= MOST_LETTERS)]
    starts, ends = frame.token_starts[tokens], frame.token_ends[tokens]
    is_plain = np.isin(codes[starts - 1], [ord(mark) for mark in _BEFORE])
    before = codes[np.maximum(starts - 3, 0)]
    is_divided = (before >= _A) & (before <= _Z)  # knowl- edge, from the end of a line
    is_plain &= ~is_divided | (codes[np.maximum(starts - 2, 0)] != ord("-"))
    is_plain &= np.isin(codes[ends], [ord(mark) for mark in _AFTER])
    tokens = tokens[is_plain]
    owner, place = _letters(frame, tokens)
    is_other = (codes[place] < _A) | (codes[place] > _Z)
    found: Numbers = np.delete(tokens, owner[is_other])
    return found


def _letters(frame: Frame, tokens: Numbers) -> tuple[Numbers, Numbers]:
    """Positions of the characters of words, and the place of each one's word."""
    starts = frame.token_starts[tokens]
    lengths = frame.token_ends[tokens] - starts
    owner = np.repeat(np.arange(len(tokens)), lengths)
    first = np.cumsum(lengths) - lengths
    return owner, np.arange(len(owner)) - first[owner] + starts[owner]


def _without_one(frame: Frame, tokens: Numbers) -> tuple[Numbers, Words, Numbers]:
    """Of words without each of their letters: the word's place, the hash, the letter's place."""
    owner, cut = _letters(frame, tokens)
    begins, ends = frame.token_starts[tokens][owner], frame.token_ends[tokens][owner]
    return owner, frame.hashes_without(begins, cut, ends), cut - begins
