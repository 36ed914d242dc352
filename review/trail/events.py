"""The event log: what was done to the review table, each entry chained to the one before.

The hash of an event is the SHA-256 of a JSON list in UTF-8, without spaces and with every character
beyond ASCII escaped: [seq, at, actor, kind, payload, previous]. ``at`` is the time in UTC as
``2026-01-31T09:30:00.000000+00:00``, ``payload`` the JSON text as stored, ``previous`` the hash of
the event before, 64 zeros for the first. Whoever kept one hash, the *head*, can tell later whether
anything up to it was changed or taken out. Payloads hold digests and counts, no text of a row and
no name: ``actor`` is a person of `scrubtrace.review.table.review_people` (before revision 0004 it
was the name). Digests of what can be erased are salted; see `scrubtrace.review.trail.salted`.
"""

import getpass
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select, text

from scrubtrace.review.connection import reading
from scrubtrace.review.table import review_events
from scrubtrace.review.trail.salted import remembered

BEFORE_ALL = "0" * 64
"""Head of a log without events."""

_CHAIN_LOCK = 0x5C2B7EACF


class EventKind(StrEnum):
    """What was done."""

    RUN = "run_committed"
    EXPORT = "exported"
    IMPORT = "decisions_imported"
    ROTATION = "digests_renewed"
    GIVEN_UP = "digests_given_up"
    BATCH = "batch_made"
    CONTROLS = "controls_added"
    SEED = "seed_committed"
    PSEUDONYMS = "pseudonyms_renewed"
    UNMASKED = "unmasked"
    ERASED = "erased"
    CAMPAIGN = "campaign_checked"


@dataclass(frozen=True)
class Event:
    """One entry of the log; ``hash`` is not checked here."""

    seq: int
    at: datetime
    actor: str
    kind: str
    payload: str
    previous: str
    hash: str

    def computed_hash(self) -> str:
        """The hash that the content gives."""
        time = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return sha256_of([self.seq, time, self.actor, self.kind, self.payload, self.previous])


def canonical(value: Any) -> str:
    """JSON without spaces, keys sorted, ASCII only: equal values give equal text."""
    return json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)


def sha256_of(value: Any) -> str:
    """SHA-256 of the canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def lines_sha256(values: Iterable[str]) -> str:
    """SHA-256 of the values, sorted, each with a line feed behind."""
    return hashlib.sha256("".join(f"{value}\n" for value in sorted(values)).encode()).hexdigest()


def this_user() -> str:
    """Name of the user of this process, or its number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def lock_log(connection: Connection) -> None:
    """Makes every other writer of events wait until this transaction ends.

    To be called before the transaction writes anything else: with one order of locks, two writers
    never wait for each other. A writing transaction of SQLite holds its lock from the beginning.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _CHAIN_LOCK})


def next_event(connection: Connection) -> tuple[int, datetime]:
    """Number and time of the event that is appended next in a transaction that locked the log.

    Times never go back, whatever the clock does.
    """
    last = _last(connection)
    now = datetime.now(UTC)
    return (1, now) if last is None else (last.seq + 1, max(now, last.at))


def append_event(
    connection: Connection,
    kind: EventKind,
    payload: Mapping[str, Any],
    actor: str | None = None,
    at: datetime | None = None,
) -> str:
    """Appends an event within a transaction that locked the log; gives the new head.

    ``actor`` is the name of the user of this process unless given; ``at`` as `next_event` gave it.
    """
    last = _last(connection)
    seq, time = next_event(connection)
    previous = BEFORE_ALL if last is None else last.hash
    name = (actor or this_user()).replace("\0", "").encode(errors="backslashreplace").decode()
    person = remembered(connection, name)
    content = (seq, at or time, person, str(kind))
    event = Event(*content, canonical(payload), previous, "")
    values = vars(event) | {"hash": event.computed_hash()}
    connection.execute(insert(review_events), values)
    return str(values["hash"])


def head(engine: Engine) -> str:
    """Hash of the newest event; raises ReviewError."""
    with reading(engine) as connection:
        return head_of(connection)


def head_of(connection: Connection) -> str:
    """Hash of the newest event that the connection sees."""
    last = _last(connection)
    return BEFORE_ALL if last is None else last.hash


def last_erasure(connection: Connection) -> int:
    """Number of the newest event of an erasure, 0 if there is none."""
    erased = review_events.c.kind == str(EventKind.ERASED)
    newest = select(func.max(review_events.c.seq)).where(erased)
    return connection.execute(newest).scalar() or 0


def is_in_log(engine: Engine, event_hash: str) -> bool:
    """Whether there is an event with this hash, or it is the head of a log without events.

    Raises ReviewError.
    """
    known = select(review_events.c.seq).where(review_events.c.hash == event_hash)
    with reading(engine) as connection:
        return event_hash == BEFORE_ALL or connection.execute(known).first() is not None


def _last(connection: Connection) -> Event | None:
    newest = select(review_events).order_by(review_events.c.seq.desc()).limit(1)
    row = connection.execute(newest).mappings().first()
    return None if row is None else Event(**row)
