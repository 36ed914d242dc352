"""What the review room raises, and how it keeps row text out of it.

SQLAlchemy is imported where an error of it is looked at: commands without a review table need the
classes here, and do without it.
"""

from collections.abc import Iterator
from contextlib import contextmanager


class ReviewError(ValueError):
    """The review database or a file for reviewers cannot be used; the message says what to do."""


class MissingRightError(ReviewError):
    """The user of the database may not do this; the message says which role may."""


_NO_RIGHT = "42501"
"""What PostgreSQL calls a missing privilege."""

_WHO_MAY = (
    "detect, commit, keys, audit seed, audit plan and review sample need the role pipeline; review "
    "export, sheet and import the role reviewer, with controls or a batch the role coordinator; "
    "review controls, quality and learn the role coordinator; review verify, audit run and report "
    "the role auditor; review unmask, erase and expire the role protection (see scrubtrace review "
    "roles)"
)


def is_missing_right(error: Exception) -> bool:
    """Whether PostgreSQL refused for want of a privilege."""
    from sqlalchemy.exc import DBAPIError

    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == _NO_RIGHT


def reason(error: Exception) -> str:
    """Why the database refused, in one line and without row text.

    Operational errors (locked, disk full, connection lost) are about the database, so their
    first line is given. Messages of other errors may quote a value: those give only their type.
    """
    from sqlalchemy.exc import DBAPIError, OperationalError

    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(error, OperationalError) and str(cause):
        return str(cause).splitlines()[0]
    return type(cause or error).__name__


@contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turn database errors into `ReviewError`; ``doing`` says what was tried."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except ReviewError:
        raise
    except (SQLAlchemyError, ValueError) as error:  # ValueError from JSON columns
        if is_missing_right(error):  # its first line names a table, never a value
            denied = str(getattr(error, "orig", "")).splitlines()[0]
            raise MissingRightError(f"{doing}: {denied}; {_WHO_MAY}") from None
        # Not chained: the driver's error names the values of the row in its details.
        raise ReviewError(f"{doing}: {reason(error)}") from None
