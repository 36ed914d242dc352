"""Where a redaction artifact stands: in the prose, in code, in a slot to fill in, or spoken of.

Templates, programs, markup and manuals of masking tools hold the same characters as masked text.
A hit does not count as a trace of its own row when it stands

- in code: a fenced block, a code span, beside what only programs have on a line, an XML element
  that is closed again; a digest also behind a word for digests (``sha256``, ``commit``);
- in a slot: a Markdown link, a text with other slots that ask to be filled in (``[Your ...]``,
  ``{% if %}``), a bracketed name that is all there is behind a label;
- behind a word for replacing or placeholders ("replaced with", "the tag", 替换为).

Known limits: a masked form of labels and bracketed names reads like an empty one; a masked program
line counts as code. The evidence is kept with its use in any case.
"""

from functools import cached_property

import re2

from scrubtrace.detectors.regions import Regions, code_regions
from scrubtrace.detectors.signature_set import Hit
from scrubtrace.schemas.vocabulary import Strength, Use

CUE_CHARS = 60
LINE_CHARS = 100

SLOTS = frozenset({"placeholder", "brand_slot"})
"""Categories of which there are empty ones, in forms and templates."""

_CODE_LINE = re2.compile(
    r"[{}]\s*\z|\w\([^)\n]{0,60}\)\s*[;{]|=>|->|::|!=|==|&&|\+=|:=|\{%|%\}"
    r"|(?:\A|[^|])\|\|(?:[^|]|\z)|\w+\s?=\s?[\w.]*[\"'\[{(<]|[\"']\w+[\"']\s?:\s?[\"'\[{0-9]"
    r"|(?:^|\s)--[a-z][\w-]+|(?i:^\s*usage:)"
    r"|^\s*(?:#include\b|from \w+ import\b|def \w+\(|class \w+[:(]|function \w*\(|>>> |@\w+\("
    r"|SELECT .* FROM |INSERT INTO )"
)
_DIGEST = re2.compile(
    r"(?i)(?:sha-?(?:256|512|2)|checksum|digest|commit|hash|integrity|fingerprint|block"
    r"|transaction|txid|root|revision)\W{0,3}(?:\w+\W{1,3}){0,3}\z"
)
_LABEL = re2.compile(r"^[^:：\n]{1,40}[:：]\s*\z")
_LINK = re2.compile(r"\A\](?:\((?:https?:|mailto:|[#/.])|\[|: ?<?(?:https?:|[#/.]))")
_ASKS = re2.compile(
    r"(?i)\[(?:your|insert|enter|add|fill in|recipient|today'?s|company name|client'?s?"
    r"|customer'?s?|(?:ihr|dein|name des|name der)|(?:nama anda|isi)|(?:你的|您的|请填写|填写))"
    r"\b?[^\]\n]{0,40}\]|\{%|\{\{ [a-z_.]+ \}\}|\{\{[a-z_]+\.[a-z_]+\}\}"
)
_CUE = re2.compile(
    r"(?i)(?:\breplac\w+ (?:\w+ ){0,3}(?:with|by)|\b(?:placeholders?|tokens?|entity types?)\b"
    r"[^.!?\n]{0,30}|\b(?:the|a|these|such|xml|html) tags?|\b(?:tags|labels) (?:such as|like)"
    r"|\bmasked as|\bredacted (?:as|to)|\brendered as|\bersetzt durch|\bplatzhalter(?: wie)?"
    r"|\bdiganti (?:dengan|menjadi)|替换为|替换成|替換為|替換成|(?:占位符|佔位符)[为是如為]?"
    r"|に置き換え|プレースホルダー?)[\s:,：，「『\"'(（]{0,4}\z"
)
_SLOT = re2.compile(r"\A[\[【][^\d\]】]+[\]】]\z")


class ContextGuard:
    """Judges the use of each hit in one normalised text; see the module.

    ``in_code`` says that the text begins inside a fenced block. Each hit costs no more than its
    surroundings.
    """

    def __init__(self, text: str, in_code: bool = False) -> None:
        self.text = text
        self._begins_in_code = in_code
        self._closed: dict[str, bool] = {}

    def use(self, hit: Hit) -> Use:
        """How the text uses what the signature hit."""
        if self._in_code(hit):
            return Use.CODE
        if self._in_slot(hit):
            return Use.TEMPLATE
        before = self.text[max(0, hit.start - CUE_CHARS) : hit.start]
        return Use.REPORTED if _CUE.search(before) else Use.ASSERTED

    def _in_code(self, hit: Hit) -> bool:
        if self._code.hold(hit.start, hit.end) or self._is_element(hit):
            return True
        before, behind = self._around(hit)
        is_digest = hit.signature.category == "hash_token" and _DIGEST.search(before)
        return bool(is_digest or _CODE_LINE.search(f"{before} {behind}"))

    def _is_element(self, hit: Hit) -> bool:
        """Whether it is an XML element that the text closes again."""
        found = self.text[hit.start : hit.end]
        if not found.startswith("<"):
            return False
        if found not in self._closed:
            self._closed[found] = f"</{found[1:]}" in self.text
        return self._closed[found]

    def _in_slot(self, hit: Hit) -> bool:
        if self.text[hit.end - 1] == "]" and _LINK.search(self.text[hit.end - 1 : hit.end + 12]):
            return True
        if hit.signature.category not in SLOTS:
            return False
        if self.text[hit.start] in "[【{" and self._asks:
            return True
        before, behind = self._around(hit)
        is_bare = bool(_SLOT.search(self.text[hit.start : hit.end])) and not behind.strip(" .,;")
        return is_bare and hit.signature.strength != Strength.PROOF and bool(_LABEL.search(before))

    def _around(self, hit: Hit) -> tuple[str, str]:
        """What stands before and behind a hit on its line, cut to `LINE_CHARS`."""
        low, high = max(0, hit.start - LINE_CHARS), hit.end + LINE_CHARS
        first = self.text.rfind("\n", low, hit.start)
        last = self.text.find("\n", hit.end, high)
        before = self.text[low if first < 0 else first + 1 : hit.start]
        return before, self.text[hit.end : high if last < 0 else last]

    @cached_property
    def _code(self) -> Regions:
        return code_regions(self.text, self._begins_in_code)

    @cached_property
    def _asks(self) -> bool:
        return bool(_ASKS.search(self.text))
