"""Values of a TOML table, with errors that name file, table and key, and what to write."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from scrubtrace.exits import UsageStop


@dataclass(frozen=True)
class Entry:
    """One table of a file; ``where`` names it in messages, and is empty for the file itself."""

    file: str
    where: str
    data: dict[str, Any]

    def refuse(self, key: str, what: str) -> NoReturn:
        """Raises `UsageStop` about a key."""
        table = f"{self.where}, " if self.where else ""
        raise UsageStop(f"{self.file}: {table}key {key!r} {what}")

    def known(self, keys: Sequence[str]) -> None:
        """Raises `UsageStop` for a key that is none of these."""
        if unknown := sorted(set(self.data) - set(keys)):
            self.refuse(unknown[0], f"is no key; keys: {', '.join(keys)}")

    def text(self, key: str) -> str:
        """A text that must be there."""
        value = self.data.get(key)
        if not isinstance(value, str) or not value.strip():
            self.refuse(key, "must be a text")
        return value.strip()

    def text_or_none(self, key: str) -> str | None:
        """A text, if it is there."""
        return self.text(key) if key in self.data else None

    def reference(self, key: str) -> str | None:
        """A role or a ticket, if it is there; an address of mail names a person."""
        value = self.text_or_none(key)
        if value is not None and "@" in value:
            self.refuse(key, "must be a role or the number of a ticket, not a person's address")
        return value

    def day(self, key: str) -> date:
        """A date that must be there."""
        value = self.data.get(key)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.refuse(key, "must be a date such as 2026-01-31, without quotes")
        return value

    def day_or_none(self, key: str) -> date | None:
        """A date, if it is there."""
        return self.day(key) if key in self.data else None

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts; empty if it is not there."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) and v for v in value):
            self.refuse(key, 'must be a list of texts such as ["a", "b"]')
        return tuple(value)

    def table(self, key: str) -> "Entry | None":
        """A table in this one, if it is there."""
        value = self.data.get(key)
        if value is None:
            return None
        name = f"{self.where[1:-1]}.{key}" if self.where else key
        if not isinstance(value, dict):
            self.refuse(key, f"must be a table: write [{name}]")
        return Entry(self.file, f"[{name}]", value)

    def tables(self, key: str) -> list["Entry"]:
        """The tables of a list; empty if it is not there."""
        value = self.data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            self.refuse(key, f"must be tables: write [[{key}]]")
        return [Entry(self.file, f"[[{key}]] {n}", v) for n, v in enumerate(value, 1)]
