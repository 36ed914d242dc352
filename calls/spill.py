"""Parts of calls that wait for their other parts, in a temporary SQLite file.

A set of 10^6 requests with their prompts is several GB; it must not lie in memory. SQLite makes the
file in its temporary folder (``SQLITE_TMPDIR``, ``TMPDIR``), keeps up to 64 MiB of it in memory and
removes it when the connection is closed.
"""

import json
import sqlite3
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any

_SETTINGS = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -65536;
"""


class Spill:
    """Values under a text key and a number, handed back key by key in the order of first keys."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(
            _SETTINGS
            + """
            CREATE TABLE keys (n INTEGER PRIMARY KEY, key TEXT UNIQUE, file TEXT, line INTEGER);
            CREATE TABLE parts (n INTEGER, number INTEGER, value TEXT, PRIMARY KEY (n, number));
            CREATE TABLE taken (n INTEGER PRIMARY KEY, times INTEGER, first TEXT);
            BEGIN;
            """
        )

    def put(self, key: str, number: int, value: Any, file: str, line: int) -> bool | None:
        """Keep the value. If one is there: None if it is equal, False if it differs."""
        written = json.dumps(value, separators=(",", ":"), default=str)
        new = "INSERT OR IGNORE INTO keys (key, file, line) VALUES (?, ?, ?)"
        self._db.execute(new, (key, file, line))
        n = self._number(key)
        insert = "INSERT OR IGNORE INTO parts VALUES (?, ?, ?)"
        if self._db.execute(insert, (n, number, written)).rowcount:
            return True
        select = "SELECT value = ? FROM parts WHERE n = ? AND number = ?"
        return None if self._db.execute(select, (written, n, number)).fetchone()[0] else False

    def spoil(self, key: str) -> None:
        """Let ``take`` say of the key that it was taken before."""
        self._db.execute("INSERT OR IGNORE INTO taken VALUES (?, 1, NULL)", (self._number(key),))

    def take(self, key: str, taker: str) -> tuple[Any, int]:
        """First value of the key, None without any, and how often the key was taken before.

        Who took it first may do so again, as if for the first time.
        """
        n = self._number(key)
        if n is None:
            return None, 0
        select = "SELECT value FROM parts WHERE n = ? ORDER BY number"
        value = json.loads(self._db.execute(select, (n,)).fetchone()[0])
        before = self._db.execute("SELECT times, first FROM taken WHERE n = ?", (n,)).fetchone()
        self._db.execute("INSERT OR IGNORE INTO taken VALUES (?, 0, ?)", (n, taker))
        self._db.execute("UPDATE taken SET times = times + 1 WHERE n = ?", (n,))
        return value, before[0] if before and before[1] != taker else 0

    def _number(self, key: str) -> int | None:
        found = self._db.execute("SELECT n FROM keys WHERE key = ?", (key,)).fetchone()
        return found[0] if found else None

    @property
    def untaken(self) -> int:
        """Keys that were never taken."""
        select = "SELECT count(*) FROM keys WHERE n NOT IN (SELECT n FROM taken)"
        return int(self._db.execute(select).fetchone()[0])

    def all(self) -> Iterator[tuple[str, str, int, list[tuple[int, Any]]]]:
        """Key, file and line of its first value, and its values with their numbers, in order."""
        select = "SELECT key, file, line, number, value FROM keys JOIN parts USING (n)"
        rows = self._db.execute(f"{select} ORDER BY n, number")
        for (key, file, line), group in groupby(rows, itemgetter(0, 1, 2)):
            yield key, file, line, [(row[3], json.loads(row[4])) for row in group]

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
