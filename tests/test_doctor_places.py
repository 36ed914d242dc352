"""The doctor on key, output folder, lock, review table, clock and disk; it writes nothing."""

import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import JSON, BigInteger, Boolean, Engine

from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.doctor import places
from scrubtrace.doctor.check import Check, State
from scrubtrace.doctor.places import key_check, out_checks, review_check
from scrubtrace.lock import output_lock
from scrubtrace.review.connection import open_review
from scrubtrace.review.table import review_items
from scrubtrace.schemas.identity import DigestKey

KEY = "ab" * 32
KEY_ID = DigestKey.from_hex(KEY).id


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, in which the checks of a test must leave every file as it is."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)
    yield
    monkeypatch.undo()


def files() -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in sorted(Path().rglob("*")) if p.is_file()}


def by_name(out: str) -> dict[str, Check]:
    before = files()
    checks = {check.name: check for check in out_checks(out).checks}
    assert files() == before
    return checks


def make_run(started: datetime, committed: bool, languages: dict[str, int] | None = None) -> None:
    folder = Path("out/runs") / f"{started:%Y%m%dT%H%M%S.%f}-abc123"
    folder.mkdir(parents=True)
    (folder / "plan.parquet").touch()
    if committed:
        Path(RunFolder(str(folder)).manifest).write_text(json.dumps({"languages": languages}))


def test_key_from_the_environment_is_shown_by_id_only() -> None:
    check = key_check(None, frozenset({KEY_ID}))
    assert check.state == State.OK
    assert KEY_ID in check.about
    assert KEY not in check.about


@pytest.mark.parametrize(
    ("given", "used", "state", "about"),
    [
        (None, {"other"}, State.BROKEN, "the digest key changed"),
        ("no.key", set(), State.MISSING, "no.key"),
        ("no.key", {"other"}, State.BROKEN, "made with key other"),
        ("bad.key", set(), State.BROKEN, "bad.key"),
    ],
)
def test_key_that_is_not_as_it_should_be(
    given: str | None, used: set[str], state: State, about: str
) -> None:
    Path("bad.key").write_text("short")
    check = key_check(given, frozenset(used))
    assert check.state == state
    assert about in check.about
    assert check.todo
    assert not Path("no.key").exists()


def test_an_output_folder_that_is_not_there_is_made_by_nobody() -> None:
    checks = by_name("new/out")
    assert checks["output folder"].state == checks["runs"].state == State.MISSING
    assert checks["disk"].state == State.OK
    assert not Path("new").exists()


def test_an_output_folder_that_is_a_file() -> None:
    Path("out").touch()
    assert "is not a folder" in by_name("out")["output folder"].about


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_output_folder_that_cannot_be_written() -> None:
    Path("out").mkdir(mode=0o500)
    assert by_name("out")["output folder"].counts


def test_a_disk_that_is_nearly_full(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(".")._replace(free=1_000_000)
    monkeypatch.setattr(places.shutil, "disk_usage", lambda _: usage)
    assert by_name("out")["disk"].counts


def test_a_lock_that_is_held_and_one_that_was_left() -> None:
    with output_lock("out"):
        assert f"in use by process {os.getpid()} on " in by_name("out")["lock"].about
    assert by_name("out")["lock"].about == "free"
    gone = {"pid": 2**22 + 1, "host": socket.gethostname(), "started": "then"}
    Path("out/.lock.json").write_text(json.dumps(gone))
    assert by_name("out")["lock"].about == "free"
    Path("out/.lock.json").write_text(json.dumps(gone | {"host": "elsewhere"}))
    assert "on elsewhere, since then" in by_name("out")["lock"].about
    Path("out/.lock.json").write_text("[]")
    assert by_name("out")["lock"].about == "free"


def test_runs_and_languages_of_the_newest_committed_one() -> None:
    now = datetime.now(UTC)
    make_run(now - timedelta(hours=2), committed=True, languages={"en": 3})
    make_run(now - timedelta(hours=1), committed=False)
    checks = by_name("out")
    assert checks["runs"].state == State.MISSING
    assert "not committed" in checks["runs"].about
    assert checks["clock"].state == State.OK
    assert out_checks("out").languages == {"en": 3}


def test_a_manifest_that_cannot_be_read_hides_nothing() -> None:
    make_run(datetime.now(UTC) - timedelta(hours=2), committed=True)
    assert by_name("out")["runs"].state == State.OK
    assert out_checks("out").languages == {}


def test_a_clock_that_was_set_back() -> None:
    make_run(datetime.now(UTC) + timedelta(hours=3), committed=True)
    check = by_name("out")["clock"]
    assert check.counts
    assert "3.0 hours before the newest run" in check.about


def test_review_tables_that_are_not_there(url: str) -> None:
    before = files()
    assert review_check(url, None)[0].state == State.MISSING
    assert review_check(None, None)[0].state == State.MISSING
    assert review_check(None, "out")[0].state == State.MISSING
    assert files() == before


def _add_item(engine: Engine, key_id: str) -> None:
    """One item with a digest of this key; all else is whatever the columns take."""
    values: dict[str, object] = {}
    for column in review_items.columns:
        is_number = isinstance(column.type, BigInteger | Boolean)
        is_list = isinstance(column.type, JSON)
        values[column.name] = [] if is_list else 0 if is_number else ""
    with engine.begin() as connection:
        connection.execute(review_items.insert(), values | {"key_id": key_id})


def test_a_review_table_with_its_revision_and_keys(url: str) -> None:
    engine = open_review(url)
    _add_item(engine, KEY_ID)
    before = files()
    check, used = review_check(url, None)
    assert check.state == State.OK
    assert "schema revision " in check.about
    assert used == {KEY_ID}
    engine.dispose()
    assert review_check(url, None)[1] == {KEY_ID}
    assert set(files()) <= set(before)


def test_a_review_table_of_a_newer_version(url: str) -> None:
    engine = open_review(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE review_schema_version SET version_num = '9999'")
    engine.dispose()
    check, _ = review_check(url, None)
    assert check.counts
    assert "newer scrubtrace (schema 9999" in check.about


@pytest.mark.parametrize(
    ("given", "about"),
    [
        ("mysql://x/y", "bad review URL"),
        ("sqlite:///none/r.sqlite", "does not exist"),
        ("sqlite:///text.sqlite", "is not a SQLite database"),
        ("sqlite:///folder", "is a folder"),
        ("postgresql://u:canary@127.0.0.1:1/d", "cannot connect to postgresql://127.0.0.1:1/d"),
    ],
)
def test_review_tables_that_cannot_be_opened(given: str, about: str) -> None:
    Path("text.sqlite").write_text("no database, " * 100)
    Path("folder").mkdir()
    check, _ = review_check(given, None)
    assert check.counts
    assert about in check.about
    assert "canary" not in check.about


def test_another_programs_database_is_no_review_table_yet() -> None:
    with closing(sqlite3.connect("other.sqlite")) as connection:
        connection.execute("CREATE TABLE t (a)")
    check, _ = review_check("sqlite:///other.sqlite", None)
    assert check.state == State.MISSING
