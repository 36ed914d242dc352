"""Values of the data in lines for people: none breaks a line, a table or the direction of text."""

import unicodedata
from collections.abc import Iterable


def plain(text: str) -> str:
    r"""The text on one line, as a terminal shows it; the same text if it is plain already.

    Control characters, line breaks, signs without a form (as those that change the direction of
    text) and unassigned ones become escapes, as ``\n`` or ``\u202e``. Spaces stay.
    """
    if text.isprintable():
        return text
    return "".join(c if _is_shown(c) else ascii(c)[1:-1] for c in text)


def plain_lines(lines: Iterable[str]) -> str:
    """Lines for people as one text; a line stays one whatever names it has."""
    return "\n".join(map(plain, lines))


def many(count: int, one: str, several: str = "") -> str:
    """A number and what it counts: ``1 row``, ``1,200 rows``."""
    return f"{count:,} {one if count == 1 else several or f'{one}s'}"


def _is_shown(sign: str) -> bool:
    return sign.isprintable() or unicodedata.category(sign) == "Zs"
