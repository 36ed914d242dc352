"""Columns that name: which values are names of sources or codes of languages, and which are texts.

A wrong column often holds the texts themselves. They must not become names, which messages, tables,
model files and cards repeat.
"""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import lru_cache

from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.scanning import SOURCE
from scrubtrace.detectors.language import CODE_CHARS, EAST_ASIAN_WEIGHT, LANGUAGES, normalise_code
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.plain import plain

SHOWN = 5

SOURCE_CHARS = 100
"""Length of the longest name of a source; a Han, kana or Hangul character counts as three."""

SENTENCE_WORDS = 6
"""So many words that end as a sentence are one; two East Asian characters count as a word."""

_SENTENCE_END = re.compile(r"""[.!?…。！？]["'”’»」』)）]*\s*$""")
_CODE = re.compile(r"([^\W\d_]+)([-_][A-Za-z0-9]{1,8})*(\s?\([^()]*\))?")
_KNOWN = frozenset(LANGUAGES.split())


def few(names: Sequence[str], most: int = SHOWN) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"


def check_sources(rows: Rows, column: str | None, shard: str) -> None:
    """Raises `UsageStop` if a row with a text has a source that is no name; ``rows`` of a shard."""
    for row in dict.fromkeys(rows.text_rows) if rows.groups else ():
        value = rows.group_value(SOURCE, row)
        if value and not is_source_name(value):
            place = f"{plain(shard)}, row {rows.start + row:,}"
            raise UsageStop(
                f"{place}: column {column!r} does not name sources: the value is a sentence, or "
                f"longer than {SOURCE_CHARS} characters (an East Asian one counts as "
                f"{EAST_ASIAN_WEIGHT}); give the column that says where a row is from"
            )


def is_source_name(value: str) -> bool:
    """Whether a value can be the name of a source: short, on one line, and no sentence."""
    if len(value) > SOURCE_CHARS or len(value.splitlines()) > 1:
        return False
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in value)
    words = len(value.split()) + wide // 2
    is_sentence = words >= SENTENCE_WORDS and _SENTENCE_END.search(value) is not None
    return not is_sentence and len(value) + (EAST_ASIAN_WEIGHT - 1) * wide <= SOURCE_CHARS


def ids_hint(sizes: Collection[int], column: str | None) -> str:
    """What to look at if most sources have one row; empty if they have more.

    ``sizes`` are the numbers of rows of the sources of one ``column``.
    """
    if column and 2 * list(sizes).count(1) > len(sizes):
        return f"most sources have one row: is the column of sources ({column}) one of ids?"
    return ""


@lru_cache(maxsize=1024)
def language_code(value: str) -> str | None:
    """The code that `normalise_code` gives; None for a value that is no code and no known name."""
    found = _CODE.fullmatch(value.strip())
    code = normalise_code(value)
    if not value.strip():
        return code
    if found is None or len(value) > CODE_CHARS:
        return None
    is_code = found[1].isascii() and len(found[1]) in (2, 3)
    return code if is_code or code in _KNOWN else None
