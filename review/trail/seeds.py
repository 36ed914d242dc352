"""Seeds of random draws in the event log: only their digests, before they are used."""

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.table import review_events
from scrubtrace.review.trail.events import EventKind, append_event, lock_log, next_event


@dataclass(frozen=True)
class Commitment:
    """The event that committed the seed of this SHA-256: its number in the log and its time."""

    sha256: str
    event: int
    at: datetime


def commit_seed(engine: Engine, sha256: str) -> Commitment:
    """Appends the digest of a seed to the event log; raises ReviewError."""
    with writing(engine) as connection:
        lock_log(connection)
        event, now = next_event(connection)
        append_event(connection, EventKind.SEED, {"sha256": sha256}, at=now)
    return Commitment(sha256, event, now)


def find_commitment(engine: Engine, sha256: str) -> Commitment | None:
    """The first event that committed this seed; None if none did. Raises ReviewError."""
    columns = review_events.c
    query = select(columns.seq, columns.at, columns.payload).where(columns.kind == EventKind.SEED)
    with reading(engine) as connection:
        for row in connection.execute(query.order_by(columns.seq)):
            if json.loads(row.payload).get("sha256") == sha256:
                return Commitment(sha256, row.seq, row.at)
    return None
