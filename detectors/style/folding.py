"""Text as the style lane reads it: what typing, saving and Markdown change is folded away.

Sources differ in quotes, dashes, spaces, line breaks, Markdown and tokenised punctuation; a model
that sees those learns the source, not the writer. Folding is done on all texts of
a batch joined by NUL, so that a step is one call; NUL itself becomes a space. Its steps, in order:

1. characters: those that show nothing out (see `_IGNORED`), NFKC (Unicode Standard
   Annex #15), quotes and dashes made plain;
2. Markdown: asterisks, backticks and double underscores out; headings, list bullets and quote marks
   out where a line begins;
3. white space and line breaks become one space, none at the ends;
4. spaces that tokenising put in out: before ``, . ; : ! ? ) ] %``, after ``( [``, before ``n't``
   and ``'s 're 've 'll 'd 'm``, and before Han or kana after such or ``, ; : ! ? )``;
5. the first `FOLDED_CHARS` characters stay, up to the end of a word.

Folding a folded text changes nothing.
"""

import re
import unicodedata
from collections.abc import Sequence

from scrubtrace.detectors.invisible import DEFAULT_IGNORABLE, character_class

FOLDED_CHARS = 3_000
"""Most code points of a folded text: style shows early, and a batch stays in the cache."""

READ_CHARS = 4 * FOLDED_CHARS
"""How much of a text is read at first."""

READ_MORE = 4
"""How many times as much is read next, where so much is folded away that too little is left."""

_SEPARATOR = "\0"
_LONGEST_PART = 40
"""Longest part of a word that is dropped where a text is cut; longer ones are no words."""

LEAST_CUT = FOLDED_CHARS - _LONGEST_PART - 1
"""Least code points of a folded text that was cut; a shorter one would have room for more."""

_COMMON = (("\u2019", "'"), ("\u2018", "'"), ("\u201c", '"'), ("\u201d", '"'), ("\u2013", "-"),
           ("\u2014", "-"), ("\u2026", "..."), ("\u00a0", " "), ("，", ","), ("：", ":"),
           ("？", "?"), ("！", "!"), ("；", ";"), ("（", "("), ("）", ")"))  # fmt: skip
"""The usual reasons why a text is not ASCII or not in NFKC, replaced first because it is faster."""

_IGNORED = tuple(pair for pair in DEFAULT_IGNORABLE if not 0xFFFF < pair[0] < 0xE0000)
"""But the controls of musical notation and shorthand: each range beyond U+FFFF takes time."""

_INVISIBLE = re.compile(f"[{character_class(_IGNORED)}]+")
_PLAIN = (
    dict.fromkeys("‘’‚‛′ʼ‵´", "'") | dict.fromkeys("“”„‟″«»‶", '"') | dict.fromkeys("‐‒–—―−⸺⸻", "-")
)
_MAPPED = re.compile(f"[{''.join(_PLAIN)}]")
_ACUTE = "´"  # would become a space and a combining mark
_LINE_START = re.compile(
    r"\n\s*+(?:(?:[-+•◦▪‣●]|#{1,6})(?:\s++|(?=\0))|>\s*+)*+"
)  # possessive, so that many line breaks take no longer than their number
_BEFORE_MARK = re.compile(r" (?=[,.;:!?)\]%])")
_CLITIC = re.compile(r" '(?=(?:[sdm]|re|ve|ll|[SDM]|RE|VE|LL)\b)")
_NOT = re.compile(r" n't\b")
_CJK = "\u3001-\u3029\u3030-\u3098\u309b-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_CJK += "\U00020000-\U0003ffff"
_HAS_CJK = re.compile(f"[{_CJK}]")
_CJK_SPACE = re.compile(f" (?<=[{_CJK},;:!?)] )(?=[{_CJK}])")


def fold(texts: Sequence[str]) -> list[str]:
    """The texts folded, in order; each one's result is the same in any batch.

    Takes time linear in a text, also where it begins with a million spaces.
    """
    folded = _fold_heads([text[:READ_CHARS] for text in texts])
    for row, text in enumerate(texts):
        if len(text) > READ_CHARS and len(folded[row]) < LEAST_CUT:
            folded[row] = _fold_more(text)
    return folded


def _fold_more(text: str) -> str:
    read, folded = READ_CHARS, ""
    while read < len(text) and len(folded) < LEAST_CUT:
        read *= READ_MORE
        folded = _fold_heads([text[:read]])[0]
    return folded


def _fold_heads(texts: Sequence[str]) -> list[str]:
    plain = [text.replace(_SEPARATOR, " ") for text in texts]
    others = _not_ascii(plain)
    for row, text in zip(others, _plain_characters([plain[row] for row in others]), strict=True):
        plain[row] = text
    for rows in (_not_ascii(plain), [row for row, text in enumerate(plain) if text.isascii()]):
        for row, text in zip(rows, _fold_layout([plain[row] for row in rows]), strict=True):
            plain[row] = text
    for row in _not_ascii(plain):
        if not unicodedata.is_normalized("NFKC", plain[row]):  # a mark met a letter
            plain[row] = _fold_heads([plain[row]])[0]
    return plain


def _not_ascii(texts: Sequence[str]) -> list[int]:
    return [row for row, text in enumerate(texts) if not text.isascii()]


def _plain_characters(texts: Sequence[str]) -> list[str]:
    """Step 1 on texts that are not ASCII."""
    if not texts:
        return []
    joined = _SEPARATOR.join(texts)
    for mark, plain in _COMMON:
        joined = joined.replace(mark, plain)
    if not joined.isascii():
        joined = _INVISIBLE.sub("", joined).replace(_ACUTE, "'")
        joined = unicodedata.normalize("NFKC", joined)
        joined = _MAPPED.sub(_as_plain, joined)
    return joined.split(_SEPARATOR)


def _as_plain(found: re.Match[str]) -> str:
    return _PLAIN[found.group()]


def _fold_layout(texts: Sequence[str]) -> list[str]:
    """Steps 2 to 5 on texts of plain characters."""
    if not texts:
        return []
    joined = "\n" + "\0\n".join(texts) + "\0"
    for mark in ("*", "`", "__"):
        joined = joined.replace(mark, "")
    joined = _LINE_START.sub("\n", joined)
    joined = _BEFORE_MARK.sub("", " ".join(joined.split()))
    for bracket in "([":
        first, *others = joined.split(bracket)
        joined = bracket.join([first, *(part.removeprefix(" ") for part in others)])
    joined = _NOT.sub("n't", _CLITIC.sub("'", joined))
    if not joined.isascii() and _HAS_CJK.search(joined):
        joined = _CJK_SPACE.sub("", joined)
    return [_cut(text.strip(" ")) for text in joined.split(_SEPARATOR)[:-1]]


def _cut(text: str) -> str:
    """The text up to the last whole word within `FOLDED_CHARS`."""
    if len(text) <= FOLDED_CHARS:
        return text
    head = text[:FOLDED_CHARS]
    if text[FOLDED_CHARS] != " ":
        words, _, part = head.rpartition(" ")
        if words and len(part) <= _LONGEST_PART:
            return words
    return head.rstrip()
