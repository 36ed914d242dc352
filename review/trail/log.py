"""Events of their own: what is done without a change of the table."""

from sqlalchemy import Engine

from scrubtrace.review.connection import writing
from scrubtrace.review.trail.events import EventKind, append_event, lock_log


def log_unmasking(
    engine: Engine, pseudonym: str, reason: str, group: str | None, shards: int
) -> None:
    """Enter who asked whose pseudonym it is and why, before anybody is told.

    ``group`` is the group column in which it was found, None if it was not. Raises ReviewError.
    """
    payload = {"pseudonym": pseudonym, "reason": reason, "group": group, "shards": shards}
    with writing(engine) as connection:
        lock_log(connection)
        append_event(connection, EventKind.UNMASKED, payload)
