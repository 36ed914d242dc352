"""Reading a register from TOML; errors name file, table, entry, key and what to write there."""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from scrubtrace.calls.register import (
    Key,
    Limits,
    Market,
    Model,
    Project,
    Purpose,
    Register,
    Stage,
    Terms,
)
from scrubtrace.calls.values import timestamp
from scrubtrace.schemas.call_rules import Severity

FORMAT = 1

T = TypeVar("T")


class RegisterError(ValueError):
    """A register that cannot be used; the message says where and what to do."""


class _Wrong(ValueError):
    """What a value must be."""


def read_register(path: str, known_rules: Sequence[str] = ()) -> Register:
    """The register in a TOML file; raises RegisterError.

    ``known_rules`` are the ids that ``off`` and ``[severity]`` may name.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RegisterError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RegisterError(f"{path} is not UTF-8: save it as UTF-8") from None
    return parse_register(text, path, known_rules)


def parse_register(text: str, file: str, known_rules: Sequence[str] = ()) -> Register:
    """The register in a TOML text; ``file`` is its name for errors. Raises RegisterError."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RegisterError(f"{file}: {error}") from None
    return _Reading(file, data, known_rules).register()


def _text(value: Any, _: ZoneInfo) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Wrong("a text that is not empty")
    return value.strip()


def _texts(value: Any, zone: ZoneInfo) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Wrong('a list of texts, such as ["a", "b"]')
    return tuple(_text(entry, zone) for entry in value)


def _lower(value: Any, zone: ZoneInfo) -> tuple[str, ...]:
    return tuple(entry.lower() for entry in _texts(value, zone))


def _flag(value: Any, _: ZoneInfo) -> bool:
    if not isinstance(value, bool):
        raise _Wrong("true or false")
    return value


def _count(value: Any, _: ZoneInfo) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _Wrong("a whole number from 1")
    return value


def _hours(value: Any, zone: ZoneInfo) -> int:
    if _count(value, zone) > 24:
        raise _Wrong("a number of hours from 1 to 24")
    return int(value)


def _share(value: Any, _: ZoneInfo) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
        raise _Wrong("a share above 0, at most 1")
    return float(value)


def _digest(value: Any, zone: ZoneInfo) -> str:
    if not re.fullmatch("[0-9a-fA-F]{64}", _text(value, zone)):
        raise _Wrong("the SHA-256 of the document, 64 hexadecimal digits (sha256sum FILE)")
    return str(value).strip().lower()


def instant(value: Any, zone: ZoneInfo) -> str:
    """The beginning of a date in the zone, or a time, as ISO 8601 in UTC; raises ValueError.

    A time without an offset is one of the zone. The beginning of a day that a change of clocks
    cuts is its first instant; of a time that comes twice it is the first.
    """
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=zone)
    elif isinstance(value, date):
        moment = datetime.combine(value, time(), zone)
    else:
        raise _Wrong("a date without quotes, such as 2025-01-31, or a time with its offset")
    if not datetime(1970, 1, 2, tzinfo=UTC) <= moment <= datetime(9999, 12, 30, tzinfo=UTC):
        raise _Wrong("a date from 1970-01-02 to 9999-12-30")
    found = timestamp(moment)
    if found is None:
        raise _Wrong("a date that is in the calendar in UTC, too")
    return found


_READERS: Mapping[str, Callable[[Any, ZoneInfo], Any]] = {
    **dict.fromkeys(
        ("names", "purposes", "markets", "models", "permitted_uses", "regions"), _texts
    ),
    **dict.fromkeys(
        ("effective_from", "effective_to", "approved_from", "approval_expires", "stop",
         "log_from", "log_to"), instant
    ),
    **dict.fromkeys(("sustained_share", "bulk_same_opening"), _share),
    **dict.fromkeys(
        ("calls_per_minute", "tokens_per_minute", "sustained_minutes", "bulk_calls_per_day",
         "bulk_completion_tokens", "max_gap_days"), _count
    ),
    "bulk_hours": _hours,
    "providers": _lower,
    "model_output": _flag,
    "shared": _flag,
    "bulk": _flag,
    "document_sha256": _digest,
}  # fmt: skip
"""How the value of a key is read; any other key is a text."""

_TABLES: Mapping[str, type[Any]] = {
    "stage": Stage,
    "purpose": Purpose,
    "market": Market,
    "model": Model,
    "project": Project,
    "terms": Terms,
    "key": Key,
}
_TOP = ("format", "time_zone", "forbidden_uses", "off", "severity", "limits", *_TABLES)

_PERIODS = (
    ("effective_from", "effective_to"),
    ("approved_from", "approval_expires"),
    ("log_from", "log_to"),
)

_REFERENCES = (
    ("purpose", "stage", "stage"),
    ("project", "purposes", "purpose"),
    ("project", "markets", "market"),
    ("project", "models", "model"),
    ("terms", "models", "model"),
)
"""Table and key whose values are ids of another table."""


@dataclass
class _Reading:
    """One file while it is read."""

    file: str
    data: dict[str, Any]
    known_rules: Sequence[str]

    def register(self) -> Register:
        if self.data.get("format") != FORMAT:
            raise self._error("", "format", f"must be {FORMAT}: write format = {FORMAT} on top")
        self._known("", self.data, _TOP)
        zone = self._zone()
        tables = {name: self._entries(name, kind, zone) for name, kind in _TABLES.items()}
        self._check_references(tables)
        limits = self._entry("[limits]", self.data.get("limits", {}), Limits, zone)
        own = {name: _texts for name in ("forbidden_uses", "off") if name in self.data}
        top = {n: self._value("", n, self.data[n], read, zone) for n, read in own.items()}
        self._check_rules("off", top.get("off", ()))
        plural = {"terms": "terms"} | {n: f"{n}s" for n in _TABLES if n != "terms"}
        entries = {plural[name]: found for name, found in tables.items()}
        return Register(
            zone.key, limits=limits, severities=self._severities(), **entries, **top
        )  # fmt: skip

    def _zone(self) -> ZoneInfo:
        name = self.data.get("time_zone")
        if not isinstance(name, str):
            raise self._error("", "time_zone", 'must name the zone of the dates, such as "UTC"')
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._error(
                "", "time_zone",
                f'must be a zone of this machine, such as "Europe/Berlin", but is {name[:40]!r}; '
                "if it is right, install tzdata",
            ) from None  # fmt: skip

    def _severities(self) -> dict[str, Severity]:
        given = self.data.get("severity", {})
        if not isinstance(given, dict):
            raise self._error("[severity]", None, "must be a table of rules and severities")
        self._check_rules("severity", tuple(given))
        try:
            return {rule: Severity(value) for rule, value in given.items()}
        except ValueError:
            choices = ", ".join(Severity)
            raise self._error("[severity]", None, f"takes one of {choices} a rule") from None

    def _check_rules(self, key: str, rules: tuple[str, ...]) -> None:
        unknown = [rule for rule in rules if self.known_rules and rule not in self.known_rules]
        if unknown:
            raise self._error(
                "", key, f"names no rule: {unknown[0]!r}; scrubtrace calls rules lists them"
            )

    def _entries(self, table: str, kind: type[T], zone: ZoneInfo) -> tuple[T, ...]:
        given = self.data.get(table, [])
        if not isinstance(given, list) or not all(isinstance(entry, dict) for entry in given):
            raise self._error(f"[[{table}]]", None, f"is written as [[{table}]], once an entry")
        found = []
        seen: dict[str, str] = {}
        for number, entry in enumerate(given, 1):
            name = "caller" if kind is Key else "id"
            where = f"[[{table}]] {number}"
            if kind is not Key and name in entry:  # a caller may be a person
                where += f" ({entry[name]!r})"
            made = self._entry(where, entry, kind, zone)
            own = getattr(made, name).lower()
            if own in seen:
                raise self._error(where, name, f"is that of {seen[own]} too: give it another one")
            seen[own] = where
            found.append(made)
        return tuple(found)

    def _entry(self, where: str, entry: Any, kind: type[T], zone: ZoneInfo) -> T:
        if not isinstance(entry, dict):
            raise self._error(where, None, "is a table: write it in brackets on its own line")
        known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        self._known(where, entry, known)
        values = {
            key: self._value(where, key, value, _READERS.get(key, _text), zone)
            for key, value in entry.items()
        }
        for start, stop in _PERIODS:
            if values.get(start) and values.get(stop) and values[stop] <= values[start]:
                raise self._error(where, stop, f"must be later than {start}")
        try:
            return kind(**values)
        except TypeError as error:
            missing = re.findall(r"'(\w+)'", str(error))
            raise self._error(where, missing[0] if missing else None, "is missing") from None

    def _value(
        self, where: str, key: str, value: Any, read: Callable[[Any, ZoneInfo], Any], zone: ZoneInfo
    ) -> Any:
        try:
            return read(value, zone)
        except _Wrong as error:
            shown = str(value)[:40]
            raise self._error(where, key, f"must be {error}, but is {shown!r}") from None
        except OverflowError:
            raise self._error(where, key, "must be a date from 1970 to 9999") from None

    def _known(self, where: str, entry: Mapping[str, Any], known: Sequence[str]) -> None:
        if unknown := sorted(set(entry) - set(known)):
            raise self._error(where, unknown[0], f"is no key; keys: {', '.join(known)}")

    def _check_references(self, tables: Mapping[str, Sequence[Any]]) -> None:
        for table, key, other in _REFERENCES:
            ids = {entry.id for entry in tables[other]}
            for entry in tables[table]:
                value = getattr(entry, key)
                named = (value,) if isinstance(value, str) else value or ()
                if unknown := [name for name in named if name not in ids]:
                    raise self._error(
                        f"[[{table}]] {entry.id!r}", key,
                        f"names {unknown[0]!r}, which is no [[{other}]]: add it or correct it",
                    )  # fmt: skip

    def _error(self, where: str, key: str | None, problem: str) -> RegisterError:
        parts = [where, f"key {key!r}" if key else ""]
        place = ", ".join(part for part in parts if part)
        return RegisterError(f"{self.file}: {place} {problem}")
