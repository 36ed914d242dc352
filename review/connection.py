"""Opening the review database: what a URL means, settings, and the schema brought up to date.

SQLite for one machine, PostgreSQL (psycopg 3) past it. Every failure is a `ReviewError`.
"""

import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from scrubtrace.review.errors import ReviewError, is_missing_right, plain_errors, reason
from scrubtrace.review.table import REVISION, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

BUSY_SECONDS = 60
"""How long a writer waits for another writer of the same SQLite file."""

CONNECT_SECONDS = 10
"""How long to wait for a PostgreSQL server, unless the URL says ``connect_timeout``."""

_FORMS = (
    "write sqlite:///folder/review.sqlite, sqlite:////absolute/folder/review.sqlite (four slashes)"
    " or postgresql://user:password@host:port/database"
)
_NO_FILES = (":memory:", "file:")
"""What SQLite takes for something else than the name of a file."""

_WRITES = "review_writes"
_UPGRADE_LOCK = 0x5C2B7EACE
_ONE_UPGRADE = threading.Lock()


def open_review(url: str, must_exist: bool = False) -> Engine:
    """Engine of the review database at ``url``; upgraded if need be.

    It is created if it does not exist, unless ``must_exist``: then that is an error.

    Accepts ``sqlite:///relative.sqlite``, ``sqlite:////absolute.sqlite`` and
    ``postgresql://user:password@host:port/database``. Several processes may open a new database
    at the same time. A SQLite file that must exist and lies where nothing can be written is opened
    to be read. Raises ReviewError, which never repeats the password.
    """
    parsed = parse_url(url)
    path = Path(parsed.database or "")
    if must_exist and parsed.drivername == "sqlite":
        if not path.exists():
            raise ReviewError(f"there is no review table at {place_of(parsed)}: correct the URL")
        if not can_write(path.parent):
            return _archived(parsed, path)
    engine = _sqlite(parsed) if parsed.drivername == "sqlite" else postgresql_engine(parsed)
    with plain_errors(f"cannot prepare the review database {place_of(parsed)}"):
        if must_exist and not _has_tables(engine):
            engine.dispose()
            raise ReviewError(f"there is no review table at {place_of(parsed)}: correct the URL")
        _upgrade(engine, place_of(parsed))
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Connection to read with; raises ReviewError.

    On PostgreSQL each statement reads what is committed when it begins: where several have to
    agree, take `reading_as_one`.
    """
    with plain_errors("cannot read the review database"), engine.connect() as connection:
        yield connection


@contextmanager
def reading_as_one(engine: Engine) -> Iterator[Connection]:
    """Connection on which all statements read the same state; raises ReviewError.

    SQLite reads so anyway, within a transaction.
    """
    is_server = engine.dialect.name == "postgresql"
    options = {"isolation_level": "REPEATABLE READ"} if is_server else {}
    with reading(engine.execution_options(**options)) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Connection in a transaction that is committed at the end; raises ReviewError.

    On SQLite the write lock is taken at once: a transaction that begins by reading and then
    writes fails without waiting when another process wrote in between.
    """
    writer = engine.execution_options(**{_WRITES: True})
    with plain_errors("cannot write to the review database"), writer.begin() as connection:
        yield connection


def parse_url(url: str) -> URL:
    """The URL taken apart; raises ReviewError without repeating it."""
    if url.count("@") > 1:
        # Taken apart wrongly, a piece of the password would show up as the host.
        raise ReviewError("bad review URL: write an @ in a user name or password as %40")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ReviewError(f"bad review URL: {_FORMS}") from None
    if parsed.drivername not in ("sqlite", "postgresql") or not parsed.database:
        raise ReviewError(f"bad review URL: {_FORMS}")
    if parsed.drivername == "sqlite" and (
        parsed.host or parsed.query or parsed.database.startswith(_NO_FILES)
    ):
        raise ReviewError(f"bad review URL, a SQLite URL is only a path: {_FORMS}")
    return parsed


def sqlite_url(file: str) -> str:
    """The URL of a SQLite file, whatever is in its name: `parse_url` gives the same file back."""
    if file.startswith(_NO_FILES):
        file = os.path.abspath(file)
    try:
        return URL.create("sqlite", database=file).render_as_string(hide_password=False)
    except UnicodeEncodeError:  # bytes in the name that are no UTF-8, which have no escape
        return f"sqlite:///{file}"


def sqlite_file(url: str) -> str | None:
    """The file of a SQLite URL; None for another URL, or a bad one."""
    try:
        parsed = parse_url(url)
    except ReviewError:
        return None
    return parsed.database if parsed.drivername == "sqlite" else None


def place_of(url: URL) -> str:
    """The URL without user, password and options, for messages."""
    return str(URL.create(url.drivername, host=url.host, port=url.port, database=url.database))


def _engine(url: URL, connect_args: dict[str, Any]) -> Engine:
    """Engine whose errors show no parameters, and whose JSON is the same in both databases."""
    to_json = partial(json.dumps, allow_nan=False, sort_keys=True)
    return create_engine(
        url, hide_parameters=True, json_serializer=to_json, connect_args=connect_args
    )


def _sqlite(url: URL) -> Engine:
    """Engine of a SQLite file in WAL mode: readers and one writer do not wait for each other."""
    path = Path(url.database or "")
    if not path.parent.is_dir():
        raise ReviewError(f"the folder {path.parent} does not exist: create it, or correct the URL")
    _use_wal(path)
    engine = _engine(url, {"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def can_write(folder: Path) -> bool:
    """Whether files can be made in a folder; SQLite makes some beside the one that it reads."""
    return os.access(folder, os.W_OK)


def _archived(url: URL, path: Path) -> Engine:
    """Engine that reads a SQLite file which nobody changes; writing fails."""
    beside = Path(f"{path}-wal")
    if beside.exists() and beside.stat().st_size:
        raise ReviewError(
            f"the folder of {path} cannot be written, and {beside.name} has changes that the file "
            "lacks: copy both to a folder that you may write"
        )
    name = f"file:{quote(os.path.abspath(path))}?mode=ro&immutable=1"
    engine = create_engine(
        "sqlite://", creator=lambda: sqlite3.connect(name, uri=True, check_same_thread=False),
        hide_parameters=True, poolclass=NullPool,
    )  # fmt: skip
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    with plain_errors(f"cannot read the review database {place_of(url)}"), engine.connect() as own:
        revision = revision_of(own)
    if revision != REVISION:
        raise ReviewError(
            f"{place_of(url)} has schema {revision}, this scrubtrace reads {REVISION}, and its "
            "folder cannot be written: copy the file to a folder that you may write"
        )
    return engine


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # Python's sqlite3 would begin transactions by itself, late and without the write lock.
    connection.isolation_level = None
    connection.execute("PRAGMA foreign_keys = ON")
    # What is overwritten is zeroed in the pages that are written anyway; see the erasures.
    connection.execute("PRAGMA secure_delete = FAST")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN DEFERRED")


def _use_wal(path: Path) -> None:
    """Switch the file to WAL, waiting for others: SQLite's own time-out does not cover this."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
                mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
            break
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise ReviewError(why_not_sqlite(path, error, code)) from None
            time.sleep(0.05)
    if mode != "wal":
        raise ReviewError(
            f"SQLite cannot use write-ahead logging at {path}: put the file on a local disk, or"
            " use PostgreSQL"
        )


def why_not_sqlite(path: Path, error: sqlite3.DatabaseError, code: int) -> str:
    """Why SQLite refused the file, and what to do; ``code`` is its primary error code."""
    if path.is_dir():
        return f"{path} is a folder: add the name of the database file to the URL"
    if code == sqlite3.SQLITE_NOTADB:
        return f"{path} is not a SQLite database: give the path of a new file, or of a review table"
    return f"cannot open {path} ({error}): check that you may write the file and its folder"


def postgresql_engine(url: URL) -> Engine:
    """Engine of a PostgreSQL database that was reached and stores UTF-8."""
    arguments = {} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS}
    try:
        engine = _engine(url.set(drivername="postgresql+psycopg"), arguments)
    except ImportError:
        raise ReviewError(
            "PostgreSQL needs psycopg 3: pip install 'scrubtrace[postgresql]'"
        ) from None
    try:
        with engine.connect() as connection:
            encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    except TypeError:  # SQLAlchemy reads the version as text, which SQL_ASCII gives as bytes
        encoding = "SQL_ASCII"
    except SQLAlchemyError as error:
        engine.dispose()
        raise ReviewError(
            f"cannot connect to {place_of(url)}: {reason(error)}; check that the server runs, and"
            " the user, password and options in the URL"
        ) from None
    if encoding not in ("UTF8", b"UTF8"):
        engine.dispose()
        raise ReviewError(
            f"{place_of(url)} does not store UTF-8: make one with"
            " CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
        )
    return engine


def _upgrade(engine: Engine, place: str) -> None:
    """Run the migrations that the database lacks, in one transaction that only one can hold."""
    with engine.connect() as connection:
        if revision_of(connection) == REVISION:
            return
    # Alembic keeps its context in a global, so that threads have to wait as well.
    with _ONE_UPGRADE, _quiet_alembic(), writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:lock)")
            connection.execute(lock, {"lock": _UPGRADE_LOCK})
        _migrate(connection, place)


def _has_tables(engine: Engine) -> bool:
    with engine.connect() as connection:
        return revision_of(connection) is not None


def _migrate(connection: Connection, place: str) -> None:
    # Imported here: Alembic logs when it is imported, and most openings do not need it.
    from alembic import command

    config = _alembic_config()
    config.attributes["connection"] = connection
    current = revision_of(connection)
    if current is not None and current not in known_revisions():
        raise ReviewError(
            f"{place} was made by a newer scrubtrace (schema {current}, this one knows"
            f" {REVISION}): upgrade scrubtrace"
        )
    try:
        command.upgrade(config, "head")
    except SQLAlchemyError as error:
        if not is_missing_right(error):
            raise
        there = f"has schema {current}" if current else "has no review table"
        raise ReviewError(
            f"{place} {there}, this scrubtrace needs schema {REVISION}, and this user may not make "
            "it: let the owner of the tables call scrubtrace review upgrade with it"
        ) from None


def known_revisions() -> set[str]:
    """Every revision of the schema that this version can upgrade from."""
    from alembic.script import ScriptDirectory

    scripts = ScriptDirectory.from_config(_alembic_config())
    return {script.revision for script in scripts.walk_revisions()}


def _alembic_config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "scrubtrace.review:migrations")
    config.set_main_option("path_separator", "os")
    return config


def revision_of(connection: Connection) -> str | None:
    """Revision of the schema, None for a database without one."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    revision: str | None = connection.execute(
        text(f"SELECT version_num FROM {VERSION_TABLE}")
    ).scalar()
    return revision


@contextmanager
def _quiet_alembic() -> Iterator[None]:
    """Without Alembic's own progress in the host program's log, which it configures as it likes."""
    logger = logging.getLogger("alembic")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
