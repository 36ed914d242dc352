"""`Frame`: characters, tokens and sentences of folded texts as arrays, shared by all measures.

The texts stand in one buffer of code points, each between two spaces and followed by NUL, so that
no window needs to know where it is. A token is a run of letters, digits and combining marks with
apostrophes inside it; a Han or kana character; or any other single character but a space. Its hash
is a polynomial over its characters modulo 2^64, finished by the mixing function of MurmurHash3
(`detectors.reference.tokens.mixed`): equal on every machine, and no different in another batch.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Numbers, Words, mixed

Codes = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]

MAX_CHARS = 1 << 20
"""Most code points of a frame, three added to each text. 64 to 256 texts at once are fastest."""

MAX_DOCUMENTS = 1 << 12
"""Most texts of a frame."""

WORD, IDEOGRAPH, MARK = 1, 2, 3
"""Kinds of tokens: a word or number, a Han or kana character, any other character."""

NEXT_WORD = np.uint64(0x9E3779B185EBCA87)
"""Factor of the hash of a run of words before the hash of the next one is added."""

_SEPARATOR = "\0"
_KNOWN = 0x30000
_IDEOGRAPHS = ((0x3005, 0x3007), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
               (0xF900, 0xFAFF), (0x20000, 0x2FFFF))  # fmt: skip
_APOSTROPHE, _SPACE = ord("'"), ord(" ")
_ENDS, _ALWAYS_ENDS, _CLOSES = 1, 2, 4
_BASE = 0x9E3779B97F4A7C15


@dataclass(frozen=True, eq=False)
class Frame:
    """Folded texts as arrays; make it by `Frame.of`.

    Attributes
    ----------
    starts : where each text begins in the buffer, where it stands as space, text, space, NUL (an
        empty one as NUL); and at the end the length of the buffer.
    codes, lowered : code points of the buffer, as written and in lower case.
    """

    starts: Numbers
    codes: Codes
    lowered: Codes

    @classmethod
    def of(cls, folded: Sequence[str]) -> "Frame":
        """Frame of texts that `fold` returned.

        Raises ValueError if a text holds NUL, or there are more than `MAX_DOCUMENTS` texts or
        `MAX_CHARS` characters.
        """
        joined = "".join(f" {text} {_SEPARATOR}" if text else _SEPARATOR for text in folded)
        if joined.count(_SEPARATOR) != len(folded):
            raise ValueError("a text holds NUL: texts must be folded before they are framed")
        if len(folded) > MAX_DOCUMENTS or len(joined) > MAX_CHARS:
            size = f"{len(folded)} texts with {len(joined)} characters"
            raise ValueError(
                f"{size} in one frame, more than {MAX_DOCUMENTS} or {MAX_CHARS}: frame fewer"
            )
        starts = np.cumsum([0, *(len(text) + 3 if text else 1 for text in folded)], dtype=np.int64)
        lowered = joined.lower()
        if len(lowered) != len(joined):  # only the dotted capital I grows
            lowered = joined.replace("İ", "i").lower()
        lowered = lowered.replace("ς", "σ")  # which of them depends on the neighbours
        return cls(starts, _codes(joined), _codes(lowered))

    def __len__(self) -> int:
        return len(self.starts) - 1

    @cached_property
    def char_document(self) -> Numbers:
        """Which text each character of the buffer is of."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    @cached_property
    def char_counts(self) -> Numbers:
        """How many characters but white space each text has."""
        blank = np.flatnonzero(_kinds()[self.places] == 0)
        return np.diff(self.starts) - np.diff(np.searchsorted(blank, self.starts))

    @cached_property
    def places(self) -> npt.NDArray[np.intp]:
        """Lower-case code points as indices of tables; all from 0x2FFFF up are one."""
        return np.minimum(self.lowered, _KNOWN - 1).astype(np.intp)

    @cached_property
    def _bounds(self) -> tuple[Numbers, Numbers, npt.NDArray[np.uint8]]:
        """First position, one past the last, and kind of every token."""
        kind = _kinds()[self.places]
        is_word = kind == WORD
        quotes = np.flatnonzero(self.codes == _APOSTROPHE)
        inside = quotes[is_word[quotes - 1] & is_word[quotes + 1]]
        is_word[inside] = True
        single = kind > WORD
        single[inside] = False
        begins, finishes = single.copy(), single
        begins[1:] |= is_word[1:] & ~is_word[:-1]
        finishes[:-1] |= is_word[:-1] & ~is_word[1:]
        starts = np.flatnonzero(begins)
        return starts, np.flatnonzero(finishes) + 1, kind[starts]

    @property
    def token_starts(self) -> Numbers:
        """Position of the first character of each token in the buffer."""
        return self._bounds[0]

    @property
    def token_ends(self) -> Numbers:
        """One past the position of the last character of each token."""
        return self._bounds[1]

    @property
    def token_kinds(self) -> npt.NDArray[np.uint8]:
        """`WORD`, `IDEOGRAPH` or `MARK`, one a token."""
        return self._bounds[2]

    @cached_property
    def token_bounds(self) -> Numbers:
        """Tokens of text t are numbers ``token_bounds[t]`` to before ``token_bounds[t + 1]``."""
        return np.searchsorted(self.token_starts, self.starts)

    @property
    def token_counts(self) -> Numbers:
        """How many tokens each text has."""
        return np.diff(self.token_bounds)

    @cached_property
    def token_documents(self) -> Numbers:
        """Which text each token is of."""
        return np.repeat(np.arange(len(self)), self.token_counts)

    def tokens_of_text(self, tokens: Numbers) -> Numbers:
        """How many of some tokens, rising numbers, each text has."""
        return np.diff(np.searchsorted(tokens, self.token_bounds))

    @cached_property
    def hashes(self) -> Words:
        """Hash of each token in lower case."""
        return self.span_hashes(self.token_starts, self.token_ends)

    @cached_property
    def cased_hashes(self) -> Words:
        """Hash of each token as written."""
        sums = _prefix_sums(self.codes)
        return _hashed(sums, self.token_starts, self.token_ends)

    def is_small(self, first: Numbers, last: Numbers) -> Flags:
        """Whether there is no upper case from each token to the end of another."""
        upper = np.flatnonzero(self.codes != self.lowered)
        before = np.searchsorted(upper, self.token_starts[first])
        return np.asarray(before == np.searchsorted(upper, self.token_ends[last]))

    @cached_property
    def spelled(self) -> Numbers:
        """Numbers of the tokens that are words and do not begin with a digit."""
        first = self.codes[self.token_starts]
        is_number = (first >= ord("0")) & (first <= ord("9"))
        return np.flatnonzero((self.token_kinds == WORD) & ~is_number)

    def span_hashes(self, begins: Numbers, ends: Numbers) -> Words:
        """Hash of the characters from each position to before another, in lower case."""
        return _hashed(self._sums, begins, ends)

    def hashes_without(self, begins: Numbers, left_out: Numbers, ends: Numbers) -> Words:
        """As `span_hashes`, each without the character at a position within its span."""
        inverses = _powers(_room(len(self.codes)))[1]
        before = (self._sums[left_out] - self._sums[begins]) * inverses[begins]
        after = (self._sums[ends] - self._sums[left_out + 1]) * inverses[begins + 1]
        return mixed(before + after)

    @cached_property
    def _sums(self) -> Words:
        return _prefix_sums(self.lowered)

    @cached_property
    def ends_sentence(self) -> Flags:
        """Whether a sentence ends with this token: one a token.

        That is ``.``, ``!`` or ``?`` before a space, a closing quote or bracket, or (not the full
        stop) Han or kana; and always ``。``. What follows the last of them in a text is a sentence
        too.
        """
        roles = _roles()
        starts = self.token_starts
        role = roles[self.places[starts]]
        ends = np.flatnonzero(role & (_ENDS | _ALWAYS_ENDS))
        after = self.places[starts[ends] + 1]
        before_space = (after == _SPACE) | (roles[after] & _CLOSES > 0)
        before_ideograph = (_kinds()[after] == IDEOGRAPH) & (self.codes[starts[ends]] != ord("."))
        is_end = before_space | before_ideograph | (role[ends] == _ALWAYS_ENDS)
        flags = np.zeros(len(starts), np.bool_)
        flags[ends[is_end]] = True
        return flags

    @cached_property
    def token_sentences(self) -> Numbers:
        """Number of the sentence that each token is of, counted through all texts."""
        begins = np.zeros(len(self.token_starts) + 1, np.bool_)
        begins[1:] = np.append(self.ends_sentence, False)[:-1]
        begins[self.token_bounds[:-1]] = True
        begins[:1] = True
        return np.cumsum(begins[:-1]) - 1

    @property
    def sentence_counts(self) -> Numbers:
        """How many sentences each text has, also those without a word."""
        begins = np.flatnonzero(np.diff(self.token_sentences, prepend=-1))
        return self.tokens_of_text(begins)


def _codes(text: str) -> Codes:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4").astype(
        np.uint32, copy=False
    )


def _prefix_sums(codes: Codes) -> Words:
    """Sums of (code + 1) B^i before each position."""
    terms = codes.astype(np.uint64)
    terms += np.uint64(1)
    terms *= _powers(_room(len(codes)))[0][: len(codes)]
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(terms, out=sums[1:])
    return sums


def _hashed(sums: Words, begins: Numbers, ends: Numbers) -> Words:
    inverses = _powers(_room(len(sums) - 1))[1]
    return mixed((sums[ends] - sums[begins]) * inverses[begins])


def _room(chars: int) -> int:
    """The size of the table that serves so many characters."""
    return max(1 << 17, 1 << chars.bit_length())


@cache
def _powers(size: int) -> tuple[Words, Words]:
    """Powers of the base and of its inverse, modulo 2^64."""
    both = []
    for base in (_BASE, pow(_BASE, -1, 1 << 64)):
        powers = np.full(size, base, np.uint64)
        powers[0] = 1
        both.append(np.cumprod(powers, dtype=np.uint64))
    return both[0], both[1]


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Of every code point the kind of token it makes; 0 for white space and NUL."""
    kinds = np.full(_KNOWN, MARK, np.uint8)
    for code in range(_KNOWN):
        char = chr(code)
        if unicodedata.category(char)[0] in "LNM":
            kinds[code] = WORD
        elif char.isspace() or char == _SEPARATOR:
            kinds[code] = 0
    for first, last in _IDEOGRAPHS:
        block = kinds[first : last + 1]
        block[block == WORD] = IDEOGRAPH
    return kinds


@cache
def _roles() -> npt.NDArray[np.uint8]:
    """Of every code point whether it ends sentences or closes quotes."""
    roles = np.zeros(_KNOWN, np.uint8)
    roles[[ord(char) for char in ".!?"]] = _ENDS
    roles[ord("。")] = _ALWAYS_ENDS
    roles[[ord(char) for char in "\"')]」』】》"]] = _CLOSES
    return roles
