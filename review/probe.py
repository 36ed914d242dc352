"""Looking at a review database without making, upgrading or changing it."""

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Engine, create_engine

from scrubtrace.review.connection import (
    known_revisions,
    parse_url,
    place_of,
    postgresql_engine,
    revision_of,
    why_not_sqlite,
)
from scrubtrace.review.errors import ReviewError, plain_errors
from scrubtrace.review.rotation import key_ids
from scrubtrace.review.table import REVISION


@dataclass(frozen=True)
class ProbedReview:
    """What there is at a URL: its place without password, revision (None: no table), its keys.

    ``key_ids`` is empty for a table of an older revision.
    """

    place: str
    revision: str | None
    key_ids: frozenset[str] = frozenset()

    @property
    def is_old(self) -> bool:
        """Whether the next command that opens the table upgrades it."""
        return self.revision is not None and self.revision != REVISION


def probe_review(url: str) -> ProbedReview:
    """The review database at ``url``; raises `ReviewError` if it could not be opened or made."""
    parsed = parse_url(url)
    if parsed.drivername == "sqlite" and not Path(parsed.database or "").exists():
        _check_folder(Path(parsed.database or "").absolute().parent)
        return ProbedReview(place_of(parsed), None)
    is_file = parsed.drivername == "sqlite"
    engine = _read_only(parsed) if is_file else postgresql_engine(parsed)
    try:
        with plain_errors(f"cannot read the review database {place_of(parsed)}"):
            return _probe(engine, place_of(parsed))
    finally:
        engine.dispose()


def _probe(engine: Engine, place: str) -> ProbedReview:
    with engine.connect() as connection:
        revision = revision_of(connection)
    if revision not in (None, REVISION) and revision not in known_revisions():
        raise ReviewError(
            f"{place} was made by a newer scrubtrace (schema {revision}, this one knows"
            f" {REVISION}): upgrade scrubtrace"
        )
    used = key_ids(engine) if revision == REVISION else set()
    return ProbedReview(place, revision, frozenset(used))


def _check_folder(folder: Path) -> None:
    """Raises `ReviewError` unless a new file can be made there."""
    if not folder.is_dir():
        raise ReviewError(f"the folder {folder} does not exist: create it, or correct the URL")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ReviewError(f"no file can be made in {folder}: check that you may write there")


def _read_only(url: URL) -> Engine:
    """Engine of a SQLite file that leaves no files beside it, unless a writer has left some."""
    path = Path(url.database or "").absolute()
    if not (os.access(path, os.R_OK | os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK)):
        raise ReviewError(f"{path} cannot be written: check that you may write it and its folder")
    # Without a log beside it nobody writes the file; SQLite would make one even to read.
    has_log = path.with_name(path.name + "-wal").exists()
    address = f"{path.as_uri()}?{'mode=ro' if has_log else 'immutable=1'}"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        raise ReviewError(why_not_sqlite(path, error, code)) from None
    return create_engine(
        "sqlite://", hide_parameters=True, creator=lambda: sqlite3.connect(address, uri=True)
    )
