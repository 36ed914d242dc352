"""Where decisions come from: the file of an import, told again without a digest to guess at.

The SHA-256 of a file of decisions could be compared with guesses at a comment or a snippet in it.
So the log has a salted digest of the file, and a digest of what is decided in it, without comments.
While the salt is there, a file that was imported before is known by the first. An erasure removes
the salts of earlier events; from then on it is known by the second.
"""

import json
from dataclasses import dataclass

from sqlalchemy import Connection, select

from scrubtrace.review.decisions.file import DecisionFile
from scrubtrace.review.table import review_events, review_salts
from scrubtrace.review.trail.events import EventKind, sha256_of
from scrubtrace.review.trail.salted import new_salt, salted


@dataclass(frozen=True)
class Origin:
    """A file of decisions; ``known`` are the batches of the same file imported before."""

    batch: str
    salt: str
    said: str
    known: frozenset[str]


def origin_of(connection: Connection, content: DecisionFile) -> Origin:
    """What the table knows of a file; one that was imported before keeps its batch and salt."""
    said = sha256_of(sorted([line.item_key, *line.said[:-1]] for line in content.decided))
    salt = new_salt()
    batch = salted(salt, content.sha256)
    known = set()
    events, salts = review_events.c, review_salts.c
    query = (
        select(events.payload, salts.salt)
        .outerjoin(review_salts, salts.event == events.seq)
        .where(events.kind == str(EventKind.IMPORT))
    )
    for row in connection.execute(query.order_by(events.seq)):
        earlier = json.loads(row.payload)
        if row.salt is not None and salted(row.salt, content.sha256) == earlier.get("batch"):
            batch, salt = str(earlier["batch"]), row.salt
            known.add(batch)
        elif row.salt is None and said == earlier.get("said"):
            known.add(str(earlier.get("batch")))
        elif content.sha256 == earlier.get("batch"):
            known.add(content.sha256)
    return Origin(batch, salt, said, frozenset(known))
