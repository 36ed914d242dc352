"""Single values of log entries: each becomes a plain type or None, whatever the log holds there."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST_COUNT = 2**63 - 1
"""Larger counts of tokens are taken for damage; they would not fit a database column."""

LONGEST_NAME = 512
"""Characters of an id, name or code; longer ones are cut, so that no text passes for a name."""

EARLIEST_EPOCH = 1e8
"""Seconds (March 1973); a smaller number is no time of a call."""

_EPOCH = re.compile(r"\d{9,20}(\.\d+)?")
_PORTAL_TIME = "%m/%d/%Y, %I:%M:%S.%f %p"  # CSV export of the Azure portal, in UTC

Object = Mapping[str, Any]


class UnknownShape(Exception):
    """A list, object or text where the log format has something else. Holds no text."""


def text(value: str) -> str:
    """The text with lone surrogates, which UTF-8 cannot hold, as question marks."""
    if value.isascii():
        return value
    return value.encode("utf-8", "replace").decode("utf-8")


def name(value: object) -> str | None:
    """An id, name or code: text or whole number, cut after LONGEST_NAME; None if empty or other."""
    if isinstance(value, str):
        return text(value.strip()[:LONGEST_NAME]) or None
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_COUNT:
        return str(value)
    return None


def first_name(*values: object) -> str | None:
    """The first of the values that is a name."""
    return next((found for found in map(name, values) if found is not None), None)


def number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and len(value) > 32:
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def count(*values: object) -> int | None:
    """The first of the values that is a whole number from 0 to LARGEST_COUNT."""
    for value in values:
        found = number(value)
        if found is not None and found.is_integer() and 0 <= found <= LARGEST_COUNT:
            return int(found)
    return None


def as_object(value: object) -> Object:
    """The object, also one written as JSON text; empty for null, empty text and other types."""
    value = decoded(value)
    if isinstance(value, list) and all(isinstance(pair, tuple) for pair in value):
        return {str(key): inner for key, inner in value}  # a map column of Parquet
    return value if isinstance(value, dict) else {}


def decoded(value: object) -> Any:
    """What a text that holds a JSON object or array says; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return value


def timestamp(value: object) -> str | None:
    """ISO 8601 in UTC with microseconds, of ISO text or epoch seconds, ms, us or ns; or None.

    Times without a zone are taken for UTC. A time that cannot be read is None.
    """
    moment = value if isinstance(value, datetime) else _moment(value)
    if moment is None:
        return None
    try:
        moment = moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC)
    except OverflowError:
        return None
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def lacks_zone(value: object) -> bool:
    """Whether a time is written without zone or offset."""
    if not isinstance(value, str):
        return isinstance(value, datetime) and value.tzinfo is None
    written = value.strip()[:64]
    if _EPOCH.fullmatch(written) or written.endswith(" UTC"):
        return False
    moment = _written_moment(written)
    return moment is not None and moment.tzinfo is None


def _moment(value: object) -> datetime | None:
    if isinstance(value, str):
        value = value.strip()[:64]
        if not _EPOCH.fullmatch(value):
            return _written_moment(value)
    epoch = number(value)
    if epoch is None or epoch < EARLIEST_EPOCH:
        return None
    while epoch >= 1e11:  # seconds until the year 5138: more are milli-, micro- or nanoseconds
        epoch /= 1000
    return datetime.fromtimestamp(epoch, UTC)


def _written_moment(value: str) -> datetime | None:
    try:
        return datetime.fromisoformat(value.removesuffix(" UTC"))
    except ValueError:
        pass
    try:
        return datetime.strptime(value, _PORTAL_TIME)
    except ValueError:
        return None
