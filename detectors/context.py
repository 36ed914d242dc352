"""Where a redaction artifact stands: in the prose, in code, in a slot to fill in, or spoken of.

Templates, programs, markup and manuals of masking tools hold the same characters as masked text.
A hit does not count as a trace of its own row when it stands

- in code: a fenced block, a code span, a line that reads like program text, an XML element that
  is closed again, behind a word for digests (``sha256``, ``commit``);
- in a slot: a Markdown link, a line that is nothing but a label and the slot, a text with other
  slots that ask to be filled in (``[Your ...]``, ``{% if %}``);
- behind a word for replacing or placeholders ("replaced with", "such as", 替换为).

Known limits: a masked form of label-and-value lines reads like an empty one; a masked program
line counts as code. The evidence is kept with its use in any case.
"""

from functools import cached_property

import re2

from scrubtrace.detectors.regions import Regions, code_regions
from scrubtrace.schemas.vocabulary import Use

CUE_CHARS = 60
LINE_CHARS = 100

_CODE_LINE = re2.compile(
    r"(?:[)\]\"'];|[{}])\s*\z|\w\([^)\n]{0,60}\)\s*[;{]|=>|->|::|!=|==|&&|\+=|:=|\{%|%\}"
    r"|(?:\A|[^|])\|\|(?:[^|]|\z)|\w+\s?=\s?[\w.]*[\"'\[{(<]|[\"']\w+[\"']\s?:\s?[\"'\[{0-9]"
    r"|(?:^|\s)--[a-z][\w-]+|(?i:^\s*usage:)"
    r"|^\s*(?:#include|import \w|from \w+ import|def \w|class \w+[:({]|return\b|const |let \w+ ?="
    r"|var \w+ ?=|function\b.*\(|public |private |if \(|for \(|SELECT |INSERT |UPDATE |\$ |>>> "
    r"|@\w+\()"
)
_DIGEST = re2.compile(
    r"(?i)(?:sha-?(?:256|512|2)|checksum|digest|commit|hash|integrity|fingerprint|block"
    r"|transaction|txid|root|revision)\W{0,3}(?:\w+\W{1,3}){0,3}\z"
)
_LABEL = re2.compile(r"^[^:：\n]{1,40}[:：]\s*\z")
_ASKS = re2.compile(
    r"(?i)\[(?:your|insert|enter|add|fill in|recipient|today'?s|company name|client'?s?"
    r"|customer'?s?|(?:ihr|dein|name des|name der)|(?:nama anda|isi)|(?:你的|您的|请填写|填写))"
    r"\b?[^\]\n]{0,40}\]|\{%|\{\{ ?[a-z_.]+ ?\}\}"
)
_CUE = re2.compile(
    r"(?i)(?:replac\w+ (?:it |them |\w+ )?(?:with|by)|placeholders?|tags?|tokens?|masked as"
    r"|redacted (?:as|to)|rendered as|becomes?|such as|e\.g\.|for example|called|write|writes"
    r"|ersetzt durch|platzhalter|z\. ?b\.|diganti (?:dengan|menjadi)|seperti|misalnya"
    r"|替换为|替换成|替換為|替換成|占位符|佔位符|例如|比如|写成|寫成|に置き換え|プレースホルダ|例えば)"
    r"[\s:,：，「『\"'(（]{0,4}\z"
)


class ContextGuard:
    """Judges the use of each hit in one normalised text; see the module."""

    def __init__(self, text: str) -> None:
        self.text = text

    def use(self, start: int, end: int) -> Use:
        """How the text uses what stands from ``start`` to ``end``."""
        if self._in_code(start, end):
            return Use.CODE
        if self._in_slot(start, end):
            return Use.TEMPLATE
        before = self.text[max(0, start - CUE_CHARS) : start]
        return Use.REPORTED if _CUE.search(before) else Use.ASSERTED

    def _in_code(self, start: int, end: int) -> bool:
        if self._code.hold(start, end):
            return True
        found = self.text[start:end]
        if found[:1] == "<" and f"</{found[1:]}" in self.text:
            return True
        first, last = self._line(start, end)
        before = self.text[max(first, start - LINE_CHARS) : start]
        around = f"{before} {self.text[end : min(last, end + LINE_CHARS)]}"
        return bool(_CODE_LINE.search(around) or _DIGEST.search(before))

    def _in_slot(self, start: int, end: int) -> bool:
        if self.text[end - 1 : end] == "]" and self.text[end : end + 1] in ("(", "[", ":"):
            return True
        if self.text[start] in "[【{" and self._asks:
            return True
        first, last = self._line(start, end)
        is_alone = not self.text[end:last].strip(" .,;")
        return is_alone and bool(_LABEL.search(self.text[first:start]))

    def _line(self, start: int, end: int) -> tuple[int, int]:
        last = self.text.find("\n", end)
        return self.text.rfind("\n", 0, start) + 1, len(self.text) if last < 0 else last

    @cached_property
    def _code(self) -> Regions:
        return code_regions(self.text)

    @cached_property
    def _asks(self) -> bool:
        return bool(_ASKS.search(self.text))
