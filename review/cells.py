"""Cells of the CSV for reviewers: what a spreadsheet must not run, cut or hide.

Formula guard: OWASP ASVS 1.2.10 and its CSV Injection page, plus CR and the full-width signs that
spreadsheets in East Asian locales accept. Limits of a cell: Microsoft, "Excel specifications and
limits" (32,767 characters, counted in UTF-16 units, and 253 line feeds).
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable

OPENS, CLOSES = "\u27e6", "\u27e7"
"""Markers around evidence: mathematical white square brackets, rare in any text."""

ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
CELL_UNITS = 32_767
CELL_LINE_FEEDS = 253

_APOSTROPHE = "'"
_GUARDED = frozenset("=+-@\t\r\n\0＝＋－＠" + _APOSTROPHE)
_FORMULA = "[=+@＝＋－＠'-]"
_INNER = re.compile(rf"([\n\r;\t]\"*)(?={_FORMULA})")
_GUARDED_INNER = re.compile(rf"([\n\r;\t]\"*)'(?={_FORMULA})")
"""Opened with another separator than the comma, a cell is cut at these characters as well."""
_SHOWN_OTHERWISE = re.compile(rf"[\x00-\x08\x0b-\x1f{OPENS}{CLOSES}]")
_PICTURES = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},
    ord(OPENS): OPENS * 2,
    ord(CLOSES): CLOSES * 2,
}


def guard(value: str) -> str:
    """The value with an apostrophe wherever a spreadsheet could begin to read a formula.

    That is at its start, and behind a line break, semicolon or tab, where the value is cut if the
    file is opened with another separator. Apostrophes there get one too, so that `unguard` gives
    back every value exactly.
    """
    if value.isalnum():  # as most cells are
        return value
    # Few cells can be cut: looking for that first is what makes an export fast.
    is_cut = "\n" in value or ";" in value or "\t" in value or "\r" in value
    inner = _INNER.sub(r"\1'", value) if is_cut else value
    return _APOSTROPHE + inner if inner[:1] in _GUARDED else inner


def unguard(value: str) -> str:
    """The value that `guard` was given; a value that it would not have written stays as it is."""
    guarded = value[:1] == _APOSTROPHE and value[1:2] in _GUARDED
    return _GUARDED_INNER.sub(r"\1", value[1:] if guarded else value)


def plain_cell(value: str) -> str:
    """The value, cut to what a cell holds and guarded."""
    if len(value) <= CELL_LINE_FEEDS:  # fits, whatever it is
        return guard(value)
    return guard(_cut(value, lambda length: value[:length]))


def snippet_cell(snippet: str, snippet_start: int, spans: Iterable[tuple[int, int]]) -> str:
    """The snippet with markers around the evidence, cut to what a cell holds and guarded.

    ``spans`` are half-open code-point offsets of the original text, in which the snippet begins
    at ``snippet_start``. Evidence outside the snippet is not shown.
    """
    inside = [(start - snippet_start, end - snippet_start) for start, end in spans]
    return guard(_cut(snippet, lambda length: mark(snippet[:length], inside)))


def mark(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with markers around the spans, which are clipped to it; overlapping ones merge.

    Markers in the text itself are doubled; C0 controls but tab and line feed become U+24xx.
    """
    pieces: list[str] = []
    done = 0
    for start, end in _merged(spans, len(text)):
        pieces += [_shown(text[done:start]), OPENS, _shown(text[start:end]), CLOSES]
        done = end
    return "".join([*pieces, _shown(text[done:])])


def _shown(text: str) -> str:
    return text.translate(_PICTURES) if _SHOWN_OTHERWISE.search(text) else text


def _merged(spans: Iterable[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Spans within 0 and ``length``, in order, none empty; spans that only touch stay apart."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted((max(start, 0), min(end, length)) for start, end in spans):
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(value: str, shown: Callable[[int], str]) -> str:
    """``shown(n)``, the first n code points as the cell has them, with the largest n that fits.

    An ellipsis follows if that is not the whole value.
    """
    whole = shown(len(value))
    if _fits(whole):
        return whole
    too_long = bisect_left(range(len(value)), True, key=lambda n: not _fits(shown(n) + ELLIPSIS))
    return shown(too_long - 1) + ELLIPSIS


def _fits(cell: str) -> bool:
    """Whether a cell holds the value and the apostrophe that `guard` may put in front."""
    if cell.count("\n") > CELL_LINE_FEEDS:
        return False
    # A code point has two units at most: only long cells have to be counted.
    is_short = 2 * len(cell) < CELL_UNITS
    return is_short or len(cell.encode("utf-16-le", "surrogatepass")) // 2 < CELL_UNITS
