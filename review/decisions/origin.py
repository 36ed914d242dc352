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
from scrubtrace.review.trail.salted import Person, new_salt, salted


@dataclass(frozen=True)
class Origin:
    """A file of decisions; ``is_repeated``: the reviewer gave the same file before."""

    batch: str
    salt: str
    said: str
    is_repeated: bool


def origin_of(connection: Connection, content: DecisionFile, reviewer: Person) -> Origin:
    """What the table knows of a file of that reviewer; its batch is a new one every time."""
    salt = new_salt()
    is_repeated = was_imported(connection, content, reviewer)
    return Origin(salted(salt, content.sha256), salt, _said(content), is_repeated)


def _said(content: DecisionFile) -> str:
    return sha256_of(sorted([line.item_key, *line.said[:-1]] for line in content.decided))


def was_imported(connection: Connection, content: DecisionFile, reviewer: Person | None) -> bool:
    """Whether the file was imported before as the reviewer's, or as anybody's if that is None."""
    sha256, said = content.sha256, _said(content)
    own = (reviewer.person, reviewer.name) if reviewer else None
    events, salts = review_events.c, review_salts.c
    query = (
        select(events.payload, salts.salt)
        .outerjoin(review_salts, salts.event == events.seq)
        .where(events.kind == str(EventKind.IMPORT))
    )
    for row in connection.execute(query.order_by(events.seq)):
        earlier = json.loads(row.payload)
        if own is not None and earlier.get("reviewer") not in own:
            continue
        if row.salt is not None and salted(row.salt, sha256) == earlier.get("batch"):
            return True
        if (row.salt is None and said == earlier.get("said")) or sha256 == earlier.get("batch"):
            return True
    return False
