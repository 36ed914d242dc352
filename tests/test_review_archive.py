"""A review table where nothing can be written, such as an archive: it is read and verified."""

import shutil
from pathlib import Path

import pytest
from command_line import code_of
from decision_files import item
from sqlalchemy import text

from scrubtrace.review import connection
from scrubtrace.review.connection import open_review, reading, sqlite_url, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.verify import verify


@pytest.fixture
def archived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of one item; from here on no folder can be written."""
    folder = tmp_path / "a folder #1"
    folder.mkdir()
    path = folder / "review.sqlite"
    engine = open_review(sqlite_url(str(path)))
    upsert_items(engine, [item(0)], "run1")
    engine.dispose()
    monkeypatch.setattr(connection, "can_write", lambda folder: False)
    return path


def test_an_archived_table_is_verified_and_stays_as_it_is(
    archived: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = archived.read_bytes()
    engine = open_review(sqlite_url(str(archived)), must_exist=True)
    assert verify(engine).problems == []
    assert code_of("review", "verify", "--review", sqlite_url(str(archived))) == 0
    assert archived.read_bytes() == content
    assert [path.name for path in archived.parent.iterdir()] == ["review.sqlite"]


def test_an_archived_table_cannot_be_changed(archived: Path) -> None:
    engine = open_review(sqlite_url(str(archived)), must_exist=True)
    with pytest.raises(ReviewError, match="readonly"), writing(engine) as own:
        own.execute(text("DELETE FROM review_items"))
    with reading(engine) as own:
        assert own.execute(text("SELECT count(*) FROM review_items")).scalar_one() == 1


def test_changes_that_the_file_lacks_are_not_passed_over(archived: Path) -> None:
    shutil.copy(archived, f"{archived}-wal")
    with pytest.raises(ReviewError, match=r"review\.sqlite-wal has changes that the file lacks"):
        open_review(sqlite_url(str(archived)), must_exist=True)


def test_an_archived_table_of_an_earlier_schema_is_not_read(
    archived: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "REVISION", "9999")
    with pytest.raises(ReviewError, match="copy the file to a folder that you may write"):
        open_review(sqlite_url(str(archived)), must_exist=True)
