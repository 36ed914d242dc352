"""Use or mention: whether a text says a phrase itself or only speaks of it.

Articles about LLMs, prompt collections, test code and fiction hold the phrases that assistants
use without being an assistant's text. A hit counts as a mention when it stands

- in code: a fenced block or a code span;
- in quotation marks, unless they enclose nearly the whole text;
- in a list of such phrases: three list items or more with a hit each;
- behind a reporting cue ("replies with", "such as", 例如) or a word for phrases, or, in a text
  that names LLMs or their makers twice or more, in the middle of a sentence instead of at its
  start.

Known limits: a quotation that runs over several paragraphs is not seen as one; a labeler who
puts a whole answer into a fence hides it from this guard's point of view (evidence is kept with
its use, so a policy can still ask for it).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise

import re2

from scrubtrace.schemas.vocabulary import Use

LISTED_ITEMS = 3
ABOUT_MENTIONS = 2
SENTENCE_START_CHARS = 40
CUE_CHARS = 80
WHOLE_TEXT_SHARE = 0.8

_FENCE = re2.compile(r"(?m)^[ >]{0,6}(?:```|~~~)")
_CODE_SPAN = re2.compile(r"`[^`\n]{1,400}`")
_LIST_ITEM = re2.compile(r"\A\s*(?:[-*+•·–]|\(?[0-9]{1,2}[.)、]|[a-z][.)])\s*[\"'「『]?")
_SINGLE_QUOTED = re2.compile(
    r"(?:^|[\s(:])'([^\s'](?:[^'\n]|'[A-Za-z]){0,400}[.,!?…]?)'(?:[\s.,;:!?)]|$)"
)
_CUE = re2.compile(
    r"(?i)(?:\b(?:like|such as|e\.g\.|for example|for instance|phrases?|words?|sentences?"
    r"|(?:says?|said|saying|writes?|wrote|repl(?:y|ies|ied)|respond(?:s|ed)?|answer(?:s|ed)?"
    r"|begins?|starts?|ends?|insists?|claims?|contain(?:s|ing)?|including)(?: with| that| by)?)"
    r"|例如|比如|诸如|諸如|譬如|像是?|类似|類似|写着|寫著|声称|聲稱|回答说?|回答道|回复说?|回覆|表示"
    r"|他说|她说|它说|它會說|会说|包含|出现|出現|所谓的?|所謂的?|说道?|道)[\s:,，：]*[\"'「『“]?\z"
)
_ABOUT_WORDS = re2.compile(
    r"(?i)\b(?:words to|phrases|expressions|wording)\b[^.!?\n]{0,60}\z"
    r"|(?:词语|詞語|短语|短語|话术|話術|套话|套話|字样|字樣)[^。!?\n]{0,30}\z"
)
_ABOUT = re2.compile(
    r"(?i)\b(?:chatgpt|openai|gpt-?[2345][a-z0-9.]*|anthropic|claude|gemini|bard|copilot|deepseek"
    r"|chatbots|llms?|language models)\b|大模型|大语言模型|大型語言模型|聊天机器人|聊天機器人"
    r"|文心一言|生成式"
)
_SENTENCE_END = re2.compile(r"[.!?。！？\n:;；：]")
_PAIRS = (("「", "」"), ("『", "』"), ("„", "“"), ("《", "》"))

Span = tuple[int, int]


class _Regions:
    """A union of spans that can be asked in logarithmic time."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def hold(self, start: int, end: int) -> bool:
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]


class MentionGuard:
    """Judges the use of every hit in one normalised text; the hits are given at once."""

    def __init__(self, text: str, hits: Sequence[Span]) -> None:
        self.text = text
        self._hits = _Regions(hits)
        self._starts = sorted(start for start, _ in hits)

    def use(self, start: int, end: int) -> Use:
        """How the text uses the phrase from ``start`` to ``end``."""
        if self._code.hold(start, end):
            return Use.CODE
        if self._quoted.hold(start, end):
            return Use.QUOTED
        if start in self._listed:
            return Use.LISTED
        if self._is_reported(start):
            return Use.REPORTED
        return Use.ASSERTED

    @cached_property
    def _code(self) -> _Regions:
        fences = [found.start() for found in _FENCE.finditer(self.text)]
        if len(fences) % 2:
            fences.append(len(self.text))
        blocks = [(fences[i], fences[i + 1]) for i in range(0, len(fences), 2)]
        return _Regions(blocks + [found.span() for found in _CODE_SPAN.finditer(self.text)])

    @cached_property
    def _quoted(self) -> _Regions:
        spans = [found.span(1) for found in _SINGLE_QUOTED.finditer(self.text)]
        for line_start, line in self._lines:
            marks = [line_start + i for i, char in enumerate(line) if char == '"']
            if len(marks) % 2 == 0:
                spans += [(marks[i] + 1, marks[i + 1]) for i in range(0, len(marks), 2)]
        for opening, closing in _PAIRS:
            spans += _bracketed(self.text, opening, closing)
        limit = WHOLE_TEXT_SHARE * len(self.text.strip())
        return _Regions((start, end) for start, end in spans if end - start < limit)

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
        for found in _ABOUT.finditer(self.text):
            if not self._hits.hold(*found.span()):
                mentions += 1
                if mentions >= ABOUT_MENTIONS:
                    return True
        return False

    def _starts_in(self, start: int, end: int) -> list[int]:
        """Starts of the hits that begin from ``start`` to before ``end``."""
        return self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def _is_reported(self, start: int) -> bool:
        before = self.text[max(0, start - CUE_CHARS) : start]
        if _CUE.search(before) or _ABOUT_WORDS.search(before):
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
