"""A text as its words: what of it is compared, and where it stands.

Punctuation, white space, markup, case and the width of characters are no words: texts that differ
in them only have the same words.
"""

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property

from scrubtrace.detectors.normalise import Normalised, normalise

_EAST_ASIAN = (
    "\u3041-\u3096\u30a1-\u30fa\u30fc\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7a3"
    "\U00020000-\U0003134f"
)
_WORD = re.compile(rf"[{_EAST_ASIAN}]|[0-9]+|(?:(?![{_EAST_ASIAN}])[^\W_0-9])+")
_CHARACTER = re.compile(f"[{_EAST_ASIAN}]")
_SENTENCE = re.compile(r"[^.!?。！？\n]*(?:[.!?。！？]+[\"')」』]*|\n|$)")
_ENDS = ".!?。！？\n"

Span = tuple[int, int]


@dataclass(frozen=True)
class Words:
    """The words of one text, in small letters; each Han, kana or Hangul character is a word.

    ``spans`` are offsets in the normalised text, in code points, half open.
    """

    normalised: Normalised
    words: tuple[str, ...]
    spans: tuple[Span, ...]

    def __len__(self) -> int:
        return len(self.words)

    @property
    def text(self) -> str:
        """The normalised text."""
        return self.normalised.text

    @cached_property
    def _starts(self) -> list[int]:
        return [start for start, _ in self.spans]

    @cached_property
    def _original_starts(self) -> list[int]:
        return [self.normalised.original(*span)[0] for span in self.spans]

    def within(self, start: int, end: int) -> range:
        """Numbers of the words that begin between two offsets of the normalised text."""
        return range(bisect_left(self._starts, start), bisect_left(self._starts, end))

    def within_original(self, start: int, end: int) -> range:
        """Numbers of the words that begin between two offsets of the original text."""
        starts = self._original_starts
        return range(bisect_left(starts, start), bisect_left(starts, end))

    def gap(self, first: int, last: int) -> Span:
        """Normalised offsets of all from behind word ``first - 1`` to before word ``last``."""
        start = self.spans[first - 1][1] if first else 0
        end = self.spans[last][0] if last < len(self.spans) else len(self.text)
        return start, end

    def passage(self, first: int, last: int) -> Span:
        """Normalised offsets of the gap without white space around it."""
        start, end = self.gap(first, last)
        between = self.text[start:end]
        kept = between.strip()
        start += len(between) - len(between.lstrip()) if kept else 0
        return start, start + len(kept)

    def original(self, start: int, end: int) -> Span:
        """Offsets in the original text of a span of the normalised text, which may be empty."""
        if start < end:
            return self.normalised.original(start, end)
        if start < len(self.text):
            at = self.normalised.original(start, start + 1)[0]
        else:
            at = self.normalised.original(start - 1, start)[1] if start else 0
        return at, at

    def is_sentence(self, first: int, last: int) -> bool:
        """Whether words ``first`` to before ``last`` are whole sentences or lines."""
        if first >= last:
            return False
        before = self.text[self.gap(first, first)[0] : self.spans[first][0]]
        behind = self.text[self.spans[last - 1][1] : self.gap(last, last)[1]]
        begins = first == 0 or any(mark in before for mark in _ENDS)
        return begins and (last == len(self) or any(mark in behind for mark in _ENDS))

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        """Normalised offsets of the sentences and lines that have words."""
        found = (match.span() for match in _SENTENCE.finditer(self.text))
        return tuple(span for span in found if len(self.within(*span)))


def words_of(text: str) -> Words:
    """The words of a text."""
    normalised = normalise(text)
    spans = tuple(match.span() for match in _WORD.finditer(normalised.text))
    words = tuple(normalised.text[start:end].casefold() for start, end in spans)
    return Words(normalised, words, spans)


def is_east_asian(word: str) -> bool:
    """Whether a word is one character of a script that is written without spaces."""
    return bool(_CHARACTER.match(word))
