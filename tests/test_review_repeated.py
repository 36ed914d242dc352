"""The same file again: an old one changes nothing, and a reviewer may go back to what it says."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from decision_files import events, item, key, line, saved, standings, stored
from sqlalchemy import Engine

from scrubtrace.review.decisions.importing import Imported, Repeated, import_decisions
from scrubtrace.review.erasing.erase import erase
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.verify import verify

FIRST = saved([line(0, "dismiss"), line(1, "concur")])
OTHER = saved([line(0, "concur"), line(1, "concur")])

Bring = Callable[..., Imported]


@pytest.fixture
def bring(engine: Engine, tmp_path: Path) -> Bring:
    """Imports a file of the content into a table of three items."""
    upsert_items(engine, [item(number) for number in range(3)], "run1")

    def imported(content: bytes, reviewer: str = "anna", **choices: Any) -> Imported:
        path = tmp_path / "decided.csv"
        path.write_bytes(content)
        return import_decisions(engine, path, reviewer, **choices)

    return imported


def state(engine: Engine, number: int = 0) -> str:
    return str(standings(engine)[key(number)].state)


def test_the_last_file_again_changes_nothing(engine: Engine, bring: Bring) -> None:
    for content in (FIRST, OTHER):
        bring(content)
    before = stored(engine), events(engine)
    again = bring(OTHER)
    assert (again.stored, again.known, again.bad) == (0, 2, [])
    assert (stored(engine), events(engine)) == before


def test_an_earlier_file_again_is_asked_about(engine: Engine, bring: Bring) -> None:
    for content in (FIRST, OTHER):
        bring(content)
    before = stored(engine), events(engine)
    again = bring(FIRST)
    assert (again.stored, again.known, again.unclear) == (0, 1, 1)
    assert [bad.number for bad in again.bad] == [2]
    assert "this same file was imported before, and decided otherwise since" in again.bad[0].problem
    assert (stored(engine), events(engine)) == before
    old = bring(FIRST, repeated=Repeated.KNOWN)
    assert (old.stored, old.known, old.unclear, old.bad) == (0, 2, 0, [])
    assert state(engine) == "concur"
    back = bring(FIRST, repeated=Repeated.NEW)
    assert (back.stored, back.known, back.bad) == (1, 1, [])
    assert (state(engine), verify(engine).problems) == ("dismissed", [])
    assert bring(FIRST).known == 2


def test_of_an_earlier_file_that_is_asked_about_the_rest_can_be_stored(
    engine: Engine, bring: Bring
) -> None:
    bring(saved([line(0, "dismiss"), line(1, "dismis")]), keep_going=True)
    bring(OTHER)
    mixed = saved([line(0, "dismiss"), line(2, "dismiss")])
    bring(mixed, keep_going=True)
    bring(OTHER, repeated=Repeated.NEW)
    upsert_items(engine, [item(3)], "run2")
    again = bring(mixed, keep_going=True)
    assert (again.stored, again.known, again.unclear) == (0, 1, 1)
    assert state(engine) == "concur"


def test_a_later_time_says_that_it_was_decided_again(engine: Engine, bring: Bring) -> None:
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    hours = [noon + timedelta(hours=number) for number in range(4)]
    bring(FIRST, decided_at=hours[0])
    bring(OTHER, decided_at=hours[2])
    for time in (hours[0], hours[1]):
        assert bring(FIRST, decided_at=time).known == 2
        assert state(engine) == "concur"
    assert bring(FIRST, decided_at=hours[3]).stored == 1
    assert (state(engine), verify(engine).problems) == ("dismissed", [])
    assert bring(FIRST, decided_at=hours[3]).known == 2


@pytest.mark.parametrize(
    "folder",
    [
        [FIRST, OTHER],
        [FIRST, OTHER, FIRST],
        # What was said in an earlier file stands in the later one as well.
        [
            saved([line(0, "dismiss")]),
            saved([line(0, "dismiss"), line(1, "concur")]),
            saved([line(0, "concur"), line(1, "concur")]),
        ],
        # A file in which nothing is new is known, too, when it comes again.
        [FIRST, saved([line(0, "dismiss")]), OTHER],
    ],
    ids=["two files", "back to the first", "one that grows", "one with less"],
)
def test_a_folder_that_is_imported_every_night_flips_nothing(
    engine: Engine, bring: Bring, folder: list[bytes]
) -> None:
    for content in folder:
        bring(content, repeated=Repeated.NEW)
    before = stored(engine), events(engine)
    for choice in (None, Repeated.KNOWN, None):
        for content in folder:
            assert bring(content, repeated=choice).stored == 0
        assert (stored(engine), events(engine)) == before


def test_what_was_said_of_an_earlier_version_is_no_change_of_mind(
    engine: Engine, bring: Bring
) -> None:
    bring(FIRST)
    upsert_items(engine, [item(0, evidence_fingerprint="f" * 16)], "run2")
    bring(saved([line(0, "concur", version=2)]))
    again = bring(FIRST)
    assert (again.stored, again.known, again.bad) == (0, 2, [])


def test_an_erased_comment_does_not_come_back(engine: Engine, bring: Bring) -> None:
    first = saved([line(0, "dismiss", "", "as my neighbour says")])
    bring(first)
    bring(OTHER)
    (told,) = (row["decision_id"] for row in stored(engine) if row["comment"])
    erase(engine, "asked for", comments=[told])
    again = bring(first, repeated=Repeated.NEW)
    assert [bad.problem for bad in again.bad] == [
        "its comment was erased: take the comment out of the file"
    ]
    assert bring(saved([line(0, "dismiss")]), repeated=Repeated.NEW).stored == 1
    assert (state(engine), verify(engine).problems) == ("dismissed", [])


def test_the_file_of_another_reviewer_is_not_repeated(engine: Engine, bring: Bring) -> None:
    bring(FIRST)
    bring(OTHER, "ben")
    found = bring(FIRST, "ben")
    assert (found.stored, found.bad, state(engine)) == (1, [], "dismissed")


def test_the_command_stores_nothing_until_it_is_told(
    engine: Engine, bring: Bring, url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for content in (FIRST, OTHER):
        bring(content)
    path = tmp_path / "decided.csv"
    path.write_bytes(FIRST)
    command = ("review", "import", str(path), "--review", url, "--reviewer", "anna")
    assert code_of(*command) == 2
    told = capsys.readouterr()
    assert "decided.csv:2: this same file was imported before" in told.err
    assert "nothing was stored" in told.err
    assert "--repeated known" in told.err
    assert "--repeated new" in told.err
    assert code_of(*command, "--keep-going") == 3
    assert state(engine) == "concur"
    assert code_of(*command, "--repeated", "known") == 0
    assert "0 decisions stored, 2 known already" in capsys.readouterr().out
    assert code_of(*command, "--repeated", "new") == 0
    assert "1 decisions stored, 1 known already" in capsys.readouterr().out
    assert state(engine) == "dismissed"
