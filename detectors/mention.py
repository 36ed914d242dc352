"""Use or mention: whether a text says a phrase itself or only speaks of it.

Articles about LLMs, prompt collections, test code and fiction hold the phrases that assistants
use without being an assistant's text. A hit counts as a mention when it stands

- in code: a fenced block or a code span;
- in quotation marks, unless they enclose nearly the whole text, or delimit a key or a value of a
  text that is a JSON object or array as a whole;
- in a list of such phrases: three list items or more with a hit each;
- behind a reporting cue ("replies with", "such as", 例如, "antwortet") or a word for phrases, or
  before one (…と答えた, "…, heißt es dann"; see `cues`), or, in a text that names LLMs or their
  makers twice or more, in the middle of a sentence instead of at its start. A cue that stands alone
  as the label of an answer ("Answer:", 回答:) reports nothing.

Known limits: a quotation that runs over several paragraphs is not seen as one; a labeler who
puts a whole answer into a fence hides it from this guard's point of view (evidence is kept with
its use, so a policy can still ask for it).
"""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import re2

from scrubtrace.detectors.cues import ABOUT_LLMS, CUE_AFTER, CUE_BEFORE, LABEL
from scrubtrace.detectors.regions import Regions, code_regions
from scrubtrace.schemas.vocabulary import Use

LISTED_ITEMS = 3
ABOUT_MENTIONS = 2
SENTENCE_START_CHARS = 40
CUE_CHARS = 80
WHOLE_TEXT_SHARE = 0.8

_LIST_ITEM = re2.compile(
    r"\A\s*(?:[-*+•·–—・●○■]|\(?[0-9]{1,2}[.)、]|[a-z][.)]|[一二三四五六七八九十]{1,2}、)\s*[\"'「『]?"
)
_SINGLE_QUOTED = re2.compile(
    r"(?:^|[\s(:\x{3000}-\x{9fff}])'([^\s'](?:[^'\n]|'[A-Za-z]){0,400}[.,!?…]?)'"
    r"(?:[\s.,;:!?)\x{3000}-\x{9fff}]|$)"
)
_SENTENCE_END = re2.compile(r"[.!?。！？\n:;；：]")
_JSON_TEXT = re2.compile(r"(?s)\A\s*(?:\{.*\}|\[.*\])\s*\z")
_JSON_EDGES = (re2.compile(r'[\[{,:]\s*(")'), re2.compile(r'(")\s*[\]},:]'))
"""Before a key or a value, and behind one."""
_LEADING = frozenset(" \n.:,!?。、\"'「『")
"""What a hit may begin with that belongs to what is before it."""

_PAIRS = (("「", "」"), ("『", "』"), ("《", "》"), ("〈", "〉"), ("‹", "›"))
"""Marks that normalising leaves as they are; it makes „…“, »…«, “…” and ‚…‘ plain ones."""

Span = tuple[int, int]


class MentionGuard:
    """Judges the use of every hit in one normalised text; the hits are given at once.

    ``in_code`` says that the text begins inside a fenced block, as a piece of a long one may.
    """

    def __init__(self, text: str, hits: Sequence[Span], in_code: bool = False) -> None:
        self.text = text
        self._begins_in_code = in_code
        self._hits = Regions(hits)
        self._starts = sorted(start for start, _ in hits)

    def use(self, start: int, end: int) -> Use:
        """How the text uses the phrase from ``start`` to ``end``."""
        if self._code.hold(start, end):
            return Use.CODE
        said = self._said_from(start, end)
        if self._quoted.hold(said, end):
            return Use.QUOTED
        if start in self._listed:
            return Use.LISTED
        if self._is_reported(said, end):
            return Use.REPORTED
        return Use.ASSERTED

    @cached_property
    def _code(self) -> Regions:
        return code_regions(self.text, self._begins_in_code)

    @cached_property
    def _quoted(self) -> Regions:
        spans = [found.span(1) for found in _SINGLE_QUOTED.finditer(self.text)]
        for line_start, line in self._lines:
            marks = [line_start + i for i, char in enumerate(line) if char == '"']
            marks = [mark for mark in marks if mark not in self._json_marks]
            if len(marks) % 2 == 0:
                spans += [(marks[i] + 1, marks[i + 1]) for i in range(0, len(marks), 2)]
        for opening, closing in _PAIRS:
            spans += _bracketed(self.text, opening, closing)
        limit = WHOLE_TEXT_SHARE * len(self.text.strip())
        return Regions((start, end) for start, end in spans if end - start < limit)

    @cached_property
    def _json_marks(self) -> frozenset[int]:
        """Quotation marks that delimit keys and values; those within a value are escaped."""
        if not _JSON_TEXT.match(self.text):
            return frozenset()
        marks: set[int] = set()
        for edge in _JSON_EDGES:
            marks.update(found.start(1) for found in edge.finditer(self.text))
        return frozenset(mark for mark in marks if self.text[mark - 1 : mark] != "\\")

    @cached_property
    def _lines(self) -> list[tuple[int, str]]:
        lines, start = [], 0
        for line in self.text.splitlines(keepends=True):
            if self._starts_in(start, start + len(line)):
                lines.append((start, line))
            start += len(line)
        return lines

    @cached_property
    def _listed(self) -> frozenset[int]:
        starts: set[int] = set()
        items = 0
        for line_start, line in self._lines:
            marker = _LIST_ITEM.match(line)
            if marker is None:
                continue
            items += 1
            starts.update(self._starts_in(line_start, line_start + len(line)))
        return frozenset(starts if items >= LISTED_ITEMS else ())

    @cached_property
    def _is_about_llms(self) -> bool:
        mentions = 0
        for found in ABOUT_LLMS.finditer(self.text):
            if not self._hits.hold(*found.span()):
                mentions += 1
                if mentions >= ABOUT_MENTIONS:
                    return True
        return False

    def _starts_in(self, start: int, end: int) -> list[int]:
        """Starts of the hits that begin from ``start`` to before ``end``."""
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _said_from(self, start: int, end: int) -> int:
        while start < end and self.text[start] in _LEADING:
            start += 1
        return start

    def _is_reported(self, start: int, end: int) -> bool:
        before = self.text[max(0, start - CUE_CHARS) : start]
        if CUE_BEFORE.search(before) and not LABEL.search(before):
            return True
        if CUE_AFTER.search(self.text[end : end + CUE_CHARS]):
            return True
        ends = [found.end() for found in _SENTENCE_END.finditer(before)]
        in_sentence = len(before) - (ends[-1] if ends else 0)
        return in_sentence > SENTENCE_START_CHARS and self._is_about_llms


def _bracketed(text: str, opening: str, closing: str) -> list[Span]:
    """Outermost spans between an opening and the next closing mark."""
    starts = [i for i, char in enumerate(text) if char == opening]
    spans = []
    for start, following in pairwise([*starts, len(text)]):
        end = text.find(closing, start, following)
        if end >= 0:
            spans.append((start + 1, end))
    return spans
