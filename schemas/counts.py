"""Counts: how many texts each detector judged, by language and group."""

import re
from datetime import UTC, datetime

import pyarrow as pa

CELL_GROUPS = ("labeler", "vendor", "source", "stage", "market")
"""Groups that texts are counted by; a task is hardly ever shared, and of times the month counts."""

COUNTS = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("detector", pa.string(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in CELL_GROUPS),
        pa.field("month", pa.string()),
        pa.field("judged", pa.int64(), nullable=False),
        pa.field("abstained", pa.int64(), nullable=False),
        pa.field("empty_judged", pa.int64()),
        pa.field("empty_abstained", pa.int64()),
    ]
)
"""One row a shard, detector, language and combination of groups that occurs in a unit; sorted.

``month`` is that of the group ``created_at`` as `month_of` gives it. Texts that were read are
judged or abstained; those of dead rows are neither. Of both, null and empty texts are counted apart
as well; runs of earlier versions did not (null). Null groups are not given or null in the row.
"""

_DATE = re.compile(r"([0-9]{4})[-/.]?(0[1-9]|1[0-2])(?:[-/.]?(?:0[1-9]|[12][0-9]|3[01])(?:\D.*)?)?")
_SECONDS = re.compile(r"1[0-9]{9}(?:\.[0-9]+)?")
_MILLISECONDS = re.compile(r"1[0-9]{12}")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def is_month(text: str) -> bool:
    """Whether a text is a month as `month_of` writes it."""
    return _MONTH.fullmatch(text) is not None


def month_of(time: str | None) -> str | None:
    """The month of a time as ``2023-04``, None if it is not understood.

    Understood are dates that begin with year and month, as ISO 8601 writes them (also ``20230401``
    and ``2023/04/01``), and seconds or milliseconds since 1970 from September 2001 to May 2033 (in
    UTC). Times keep the zone that they are written in.
    """
    if time is None:
        return None
    time = time.strip()
    if _MILLISECONDS.fullmatch(time):
        return datetime.fromtimestamp(int(time) / 1000, UTC).strftime("%Y-%m")
    if _SECONDS.fullmatch(time):
        return datetime.fromtimestamp(float(time), UTC).strftime("%Y-%m")
    date = _DATE.fullmatch(time)
    return f"{date[1]}-{date[2]}" if date else None
