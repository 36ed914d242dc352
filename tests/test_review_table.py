"""Opening the review database: URLs, errors, migrations, several processes at once."""

import dataclasses
import logging
import os
import sqlite3
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, make_url, text

from scrubtrace.review.connection import open_review, reading, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.table import (
    METADATA,
    REVISION,
    VERSION_TABLE,
    UtcTime,
    review_items,
    review_runs,
)
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.vocabulary import GROUPS

SERVER = os.environ.get("SCRUBTRACE_TEST_POSTGRESQL", "")
needs_server = pytest.mark.skipif(not SERVER, reason="SCRUBTRACE_TEST_POSTGRESQL is not set")

OPEN = """
import sys
from scrubtrace.review.connection import open_review
print("ready", flush=True)
sys.stdin.readline()
open_review(sys.argv[1]).dispose()
"""


def test_tables_lack_a_field_of_the_records() -> None:
    item = {field.name for field in dataclasses.fields(ReviewItem)} - {"groups", "earlier_digests"}
    assert set(review_items.c.keys()) == item | {
        *GROUPS,
        "first_run",
        "last_run",
        "row_version",
        "unseen_run",
    }
    run = {field.name for field in dataclasses.fields(ReviewRun)}
    assert set(review_runs.c.keys()) == run | {"committed_at"}


def test_migrations_build_other_tables_than_the_code_describes(engine: Engine) -> None:
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, METADATA) == []
        assert context.get_current_revision() == REVISION


def test_opening_again_changes_the_schema(url: str) -> None:
    for _ in range(2):
        engine = open_review(url)
        with engine.connect() as connection:
            tables = set(inspect(connection).get_table_names())
        engine.dispose()
        assert tables == {*METADATA.tables, VERSION_TABLE}


def test_an_upgrade_stops_halfway_and_leaves_half_a_schema(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("alembic.op.create_index", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            open_review(url)
    engine = open_review(url)
    with engine.connect() as connection:
        assert inspect(connection).has_table("review_runs")
    engine.dispose()


def test_sqlite_settings_are_missing(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    with engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "busy_timeout", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "busy_timeout": 60_000, "foreign_keys": 1}


def test_a_sqlite_writer_does_not_take_the_lock_at_once(tmp_path: Path) -> None:
    path = tmp_path / "review.sqlite"
    engine = open_review(f"sqlite:///{path}")
    other = sqlite3.connect(path, timeout=0, isolation_level=None)
    with writing(engine), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    with reading(engine) as connection:
        connection.execute(text("SELECT count(*) FROM review_items"))
        other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_relative_sqlite_path_is_not_relative_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    open_review("sqlite:///review 100%.sqlite").dispose()
    assert (tmp_path / "review 100%.sqlite").exists()


@pytest.mark.parametrize(
    "bad",
    [
        "review.sqlite",
        "sqlite://review.sqlite",
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file:review.sqlite?uri=true",
        "sqlite:///review.sqlite?mode=ro",
        "sqlite+aiosqlite:///review.sqlite",
        "mysql://hunter2@host/database",
        "postgresql://user:hunter2@host",
        "postgresql://user:hunter2/host/database",
        "postgresql://user:p@hunter2@host/database",
        "",
    ],
)
def test_a_bad_url_is_accepted_or_its_password_shown(bad: str) -> None:
    with pytest.raises(ReviewError, match="bad review URL") as caught:
        open_review(bad)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert "%40" in str(caught.value) or "sqlite:////absolute" in str(caught.value)


def test_sqlite_errors_do_not_say_what_to_do(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    other.write_bytes(b"PAR1 and then bytes of something else" * 100)
    cases = {
        tmp_path / "none" / "review.sqlite": "does not exist: create it",
        tmp_path: "is a folder: add the name",
        other: "is not a SQLite database",
    }
    for path, message in cases.items():
        with pytest.raises(ReviewError, match=message) as caught:
            open_review(f"sqlite:///{path}")
        assert str(path.parent) in str(caught.value)


def test_a_database_of_newer_code_is_opened(url: str) -> None:
    engine = open_review(url)
    with writing(engine) as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(ReviewError, match=r"newer scrubtrace .*9999.*upgrade") as caught:
        open_review(url)
    assert "@" not in str(caught.value)


def test_the_table_of_another_program_passes_for_ours(url: str) -> None:
    if url.startswith("sqlite"):
        other = create_engine(url)
    else:
        other = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with other.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('5c2b7e')"))
    other.dispose()
    open_review(url).dispose()


def test_missing_psycopg_is_an_import_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ReviewError, match=r"pip install 'scrubtrace\[postgresql\]'"):
        open_review("postgresql://user:hunter2@127.0.0.1:1/database")


def test_an_unreachable_server_shows_the_password() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(
        ReviewError, match=r"cannot connect to postgresql://127.0.0.1:1/db"
    ) as caught:
        open_review("postgresql://user:hunter2@127.0.0.1:1/db?sslpassword=hunter2")
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


@needs_server
def test_a_server_database_that_cannot_hold_every_text_is_used() -> None:
    name = f"review_{uuid.uuid4().hex}"
    server = create_engine(
        make_url(SERVER).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    options = "ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {options}"))
        try:
            url = make_url(SERVER).set(database=name).render_as_string(hide_password=False)
            with pytest.raises(ReviewError, match="does not store UTF-8"):
                open_review(url)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


def test_opening_writes_to_the_log_or_changes_logging(tmp_path: Path) -> None:
    # In a process of its own: Alembic also logs when it is imported for the first time.
    program = (
        "import logging, sys; logging.basicConfig(level=logging.DEBUG, stream=sys.stdout);"
        "from scrubtrace.review.connection import open_review; open_review(sys.argv[1]);"
        "print(logging.getLogger('alembic').level, len(logging.getLogger().handlers))"
    )
    command = [sys.executable, "-W", "error", "-c", program, f"sqlite:///{tmp_path}/r.sqlite"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [str(logging.NOTSET), "1"]
    assert run.stderr == ""


def test_processes_that_open_a_new_database_at_once_fail(url: str) -> None:
    openers = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for opener in openers:
        assert opener.stdout is not None
        assert opener.stdout.readline() == "ready\n"
    for opener in openers:
        assert opener.stdin is not None
        opener.stdin.write("\n")
        opener.stdin.flush()
    assert [(opener.communicate()[1], opener.returncode) for opener in openers] == [("", 0)] * 4


def test_times_without_a_zone_pass_for_utc(engine: Engine) -> None:
    east = timezone(timedelta(hours=8))
    column = UtcTime()
    noon = datetime(2026, 1, 2, 12, 0, tzinfo=east)
    assert column.process_bind_param(noon, engine.dialect) == datetime(2026, 1, 2, 4, tzinfo=UTC)
    with pytest.raises(ValueError, match="time zone"):
        column.process_bind_param(noon.replace(tzinfo=None), engine.dialect)
