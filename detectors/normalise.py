"""Text as patterns see it, with a map back to the offsets of the original.

Scrubbing tools and careless copying change how a phrase is written without changing how it reads:
invisible characters inside words, look-alike Cyrillic or Greek letters, full-width letters, curly
quotes, odd spaces. Normalising undoes that: NFKC per character and per combining cluster
(Unicode Standard Annex #15; of at most 30 marks, as in its stream-safe format), characters that
show nothing removed (see `invisible`), confusable letters mapped (after Unicode Technical Standard
#39), quotes, hyphens and spaces made plain, between letters also dashes that stand for a hyphen.
Line breaks stay. Of a text that begins as a JSON object or array, escapes (``\\n``, ``\\u4f5c``;
RFC 8259) are what they stand for, but for quotation marks and backslashes.
Most text needs none of it and is passed through untouched.
"""

import json
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

from scrubtrace.detectors.invisible import ANNOTATIONS, CONTROLS, DEFAULT_IGNORABLE

_QUOTES = dict.fromkeys("‘’‚‛′ʼ`´", "'") | dict.fromkeys("“”„‟″«»", '"')
_HYPHENS = dict.fromkeys("\u2010\u2011", "-")
_DASH_IN_WORD = re.compile(r"[\u2012\u2013\u2212](?<=[^\W\d_].)(?=[^\W\d_])")
_SPACES = dict.fromkeys("\t\v\f\x1c\x1d\x1e\x1f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " ") | {
    chr(code): " " for code in range(0x2000, 0x200B)
}
_INVISIBLE = DEFAULT_IGNORABLE + ANNOTATIONS + CONTROLS
_ODD_ASCII = bytes([*range(0x0A), *range(0x0B, 0x20), 0x7F])
"""ASCII characters that do not stay; deleting them from bytes is faster than a search."""

_LOOKALIKES = str.maketrans(
    "АВЕЅІЈКМНОРСТУХԚԜаеѕіјорсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονιαρ",
    "ABESIJKMHOPCTYXQWaesijopcyxdhqwABEZHIKMNOPTYXovıap".replace("ı", "i"),
)
_CONFUSABLE = "".join(chr(code) for code in _LOOKALIKES)
_OTHER_SCRIPT = re.compile(rf"(?![{_CONFUSABLE}])[\u0370-\u03ff\u0400-\u052f]")
_TOKEN = re.compile(f"[A-Za-z{_CONFUSABLE}]+")
_COMBINING = "\u0300-\u034e\u0350-\u036f\u3099\u309a\uff9e\uff9f"
_MOST_MARKS = 30
_HAS_COMBINING = re.compile(f"[{_COMBINING}]")
_JSON_BEGINS = re.compile(r"\s*[\[{]\s*[\[{\"]")
_ESCAPE = r"\\(?:[\\nrt]|u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4})"
_KEPT_ESCAPES = ("\\\\", "\\u0022", "\\u005c", "\\u005C")
_RANGES = ((0xA0, 0x1100), (0x2000, 0x3400), (0xF900, 0x10000), (0x1D400, 0x1D800),
           (0x1F100, 0x1F200), (0x2F800, 0x2FA20))  # fmt: skip
"""Blocks in which single characters have a compatibility decomposition; Hangul jamo stay."""

_BEYOND = "\U0001bca0-\U0001d7ff\U0001f100-\U0001f1ff\U0002f800-\U000e0fff"
"""What may have to change beyond U+FFFF: wide ranges, since each of them takes time."""


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text and where its characters came from.

    ``edits`` holds, in order, what changed length: (start and end in the normalised text, start
    and end in the original). Between edits both texts run in step.
    """

    text: str
    edits: tuple[tuple[int, int, int, int], ...] = ()

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Original code-point offsets of the normalised span ``start`` to ``end``."""
        return self._position(start, False), self._position(end, True)

    def _position(self, position: int, is_end: bool) -> int:
        """Where the character at ``position`` starts, or the one before it ends."""
        last = position - 1 if is_end else position
        at = bisect_right(self.edits, last, key=_edit_start) - 1
        if at < 0:
            return position
        _, end, source_start, source_end = self.edits[at]
        if last >= end:
            return source_end + position - end
        return source_end if is_end else source_start


def _edit_start(edit: tuple[int, int, int, int]) -> int:
    return edit[0]


def has_escapes(text: str) -> bool:
    """Whether it begins as a JSON object or array does, and has a backslash."""
    return "\\" in text and _JSON_BEGINS.match(text) is not None


def normalise(text: str) -> Normalised:
    """The text as patterns see it; offsets count code points."""
    escaped = has_escapes(text)
    is_plain = text.isascii() and len(text.encode().translate(None, _ODD_ASCII)) == len(text)
    if is_plain and not escaped:
        return Normalised(text)
    pieces: list[str] = []
    edits: list[tuple[int, int, int, int]] = []
    done = length = 0
    for found in _pattern(bool(_HAS_COMBINING.search(text)), escaped).finditer(text):
        start, end = found.span()
        replacement = _replacement(found.group())
        pieces += [text[done:start], replacement]
        length += start - done
        if len(replacement) != end - start:
            edits.append((length, length + len(replacement), start, end))
        length += len(replacement)
        done = end
    plain = "".join([*pieces, text[done:]]) if pieces else text
    plain = _DASH_IN_WORD.sub("-", plain)
    return Normalised(_map_lookalikes(plain), tuple(edits))


def _replacement(found: str) -> str:
    table = _replacements()
    single = table.get(found)
    if single is not None:
        return single
    if len(found) == 1:
        return found
    if found[0] == "\\":
        return found if found in _KEPT_ESCAPES else _unescaped(found)
    return "".join(table.get(char, char) for char in unicodedata.normalize("NFKC", found))


def _unescaped(found: str) -> str:
    """What a JSON escape stands for; half of a surrogate pair stays as it is written."""
    char: str = json.loads(f'"{found}"')
    if "\ud800" <= char <= "\udfff":
        return found
    if char == "\r":
        return " "
    return _replacements().get(char, char)


def _map_lookalikes(text: str) -> str:
    """Maps Cyrillic and Greek look-alikes to Latin where the text is Latin around them."""
    if not re.search(f"[{_CONFUSABLE}]", text):
        return text
    only_lookalikes = not _OTHER_SCRIPT.search(text)

    def to_latin(found: re.Match[str]) -> str:
        token = found.group()
        mixed = only_lookalikes or any(char.isascii() for char in token)
        return token.translate(_LOOKALIKES) if mixed else token

    return _TOKEN.sub(to_latin, text)


@cache
def _replacements() -> dict[str, str]:
    """What each character that has to change becomes; line ends and invisible ones included."""
    table = {"\r\n": "\n", "\r": "\n"} | _QUOTES | _HYPHENS | _SPACES
    table |= {char: "" for low, high in _INVISIBLE for char in map(chr, range(low, high + 1))}
    for char in (chr(code) for low, high in _RANGES for code in range(low, high)):
        changed = unicodedata.normalize("NFKC", char)
        if changed != char and char not in table:
            table[char] = "".join(_QUOTES.get(c, _SPACES.get(c, c)) for c in changed)
    return table


@cache
def _pattern(combining: bool, escaped: bool) -> re.Pattern[str]:
    """Finds what has to change; with combining marks, whole clusters of them."""
    singles = "".join(re.escape(c) for c in _replacements() if len(c) == 1 and c < "\U00010000")
    singles += _BEYOND
    clusters = f".[{_COMBINING}]{{1,{_MOST_MARKS}}}|" if combining else ""
    escapes = f"{_ESCAPE}|" if escaped else ""
    return re.compile(f"{escapes}{clusters}\r\n|[{singles}]")
