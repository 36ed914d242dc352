"""What the review room raises, and how it keeps row text out of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, OperationalError, SQLAlchemyError


class ReviewError(ValueError):
    """The review database or a file for reviewers cannot be used; the message says what to do."""


def reason(error: Exception) -> str:
    """Why the database refused, in one line and without row text.

    Operational errors (locked, disk full, connection lost) are about the database, so their
    first line is given. Messages of other errors may quote a value: those give only their type.
    """
    cause = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(error, OperationalError) and str(cause):
        return str(cause).splitlines()[0]
    return type(cause or error).__name__


@contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turn database errors into `ReviewError`; ``doing`` says what was tried."""
    try:
        yield
    except ReviewError:
        raise
    except (SQLAlchemyError, TypeError, ValueError) as error:  # the last two from JSON columns
        # Not chained: the driver's error names the values of the row in its details.
        raise ReviewError(f"{doing}: {reason(error)}") from None
