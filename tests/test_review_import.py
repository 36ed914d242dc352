"""Importing decisions: what spreadsheets do to a file, bad lines, and what becomes of the rest."""

import csv
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from decision_files import HEADER, events, item, key, line, saved, stored
from samples import ITEM
from sqlalchemy import Engine

from scrubtrace.review.cells import guard
from scrubtrace.review.decisions.importing import Imported, import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.verify import verify

FIRST, SECOND = "20260101T000000Z-a", "20260102T000000Z-b"
KEYS = [key(number) for number in range(4)]


@pytest.fixture
def table(engine: Engine) -> Engine:
    """Four items of four texts, the last in its second version."""
    upsert_items(engine, [item(number) for number in range(4)], FIRST)
    upsert_items(engine, [item(3, evidence_fingerprint="f" * 16)], SECOND)
    return engine


def brought(engine: Engine, tmp_path: Path, content: bytes, **choices: Any) -> Imported:
    path = tmp_path / "decided.csv"
    path.write_bytes(content)
    return import_decisions(engine, path, choices.pop("reviewer", "anna"), **choices)


TWO = [line(0, "dismiss", "quotation", 'said; by "her",\nnot him'), line(1, "concur")]
REORDERED = ("comment", "extra", "decision", "item_key", "row_version")


@pytest.mark.parametrize(
    "content",
    [
        saved(TWO),
        saved(TWO, encoding="utf-8-sig"),
        saved(TWO, delimiter=";"),
        saved(TWO, delimiter="\t", encoding="utf-16"),
        b"\xfe\xff" + saved(TWO, delimiter="\t", encoding="utf-16-be"),
        saved(TWO, end="\n", quoting=csv.QUOTE_MINIMAL),
        b'"sep=;"\r\n' + saved(TWO, delimiter=";"),
        saved(TWO, header=[name.upper() for name in HEADER]),
        saved([*TWO, [""] * 6, ["", ""]]),
        saved([[*row, "added", ""] for row in TWO], header=[*HEADER, "mine", ""]),
        saved([row[:5] for row in TWO], header=HEADER[:5]),
        saved([[*row, "", ""] for row in TWO]),
        saved([[r[4], "=1+1", r[2], r[0], r[1]] for r in TWO], header=REORDERED),
        saved([[r[0], f" {r[1]} ", f"  {r[2].upper()}", *r[3:]] for r in TWO]),
        saved([[r[0], *r[1:4], guard(r[4]), r[5]] for r in TWO]),
        saved([line(2, "", "", "", "a text\r\nof two lines"), *TWO]),
        saved([[*row[:5], "caf#"] for row in TWO]).replace(b"#", b"\xe9"),
    ],
    ids=[
        "as exported", "byte order mark", "semicolons", "Excel Unicode text", "big endian",
        "LibreOffice, few quotes", "sep line", "upper-case header", "empty lines",
        "added columns", "dropped column", "empty cells added", "reordered", "spaces, upper case",
        "guarded", "undecided line", "another encoding, elsewhere",
    ],
)  # fmt: skip
def test_what_spreadsheets_write_is_read(table: Engine, tmp_path: Path, content: bytes) -> None:
    found = brought(table, tmp_path, content)
    assert (found.stored, found.known, found.bad) == (2, 0, [])
    one, two = stored(table)
    assert (one["item_key"], one["decision"]) == (KEYS[0], "dismiss")
    assert one["comment"] == 'said; by "her",\nnot him'
    assert (two["item_key"], two["decision"], two["comment"]) == (KEYS[1], "concur", "")
    assert verify(table).problems == []


BAD: dict[str, tuple[list[list[str]], list[tuple[int, str]]]] = {
    "unknown word": ([line(0, "maybe")], [(2, "decision is none of concur, dismiss")]),
    "unknown reason": ([line(0, "dismiss", "copied")], [(2, "reason is not one of dismiss")]),
    "scientific key": ([["1.2E+32", "1", "concur"]], [(2, "may have changed it")]),
    "empty key": ([["", "1", "concur"]], [(2, "item_key is not one of an export")]),
    "unknown key": ([["r" + "0" * 32, "1", "concur"]], [(2, "no such item in this table")]),
    "no version": ([[KEYS[0], "", "concur"]], [(2, "row_version is not a whole number")]),
    "decimal version": ([[KEYS[0], "1,0", "concur"]], [(2, "row_version is not a whole number")]),
    "later version": ([line(0, "concur", version=2)], [(2, "higher than the 1")]),
    "forgotten version": ([line(0, "concur", version=0)], [(2, "does not remember")]),
    "shifted cells": ([[*line(0, "concur"), "y"]], [(2, "7 cells under")]),
    "cut line": ([[KEYS[0]]], [(2, "1 of 6 cells")]),
    "contradiction": (
        [line(0, "concur"), line(1, "concur"), line(0, "dismiss")],
        [(2, "contradicts line 4 about the same item"), (4, "contradicts line 2")],
    ),
    "behind two lines": (
        [line(0, "concur", "", "one\ntwo"), line(1, "maybe")], [(4, "decision is none of")]
    ),
    "two of three": (
        [line(0, "no"), line(1, "concur"), ["r1", "1", "dismiss"]],
        [(2, "decision is none of"), (4, "item_key is not one")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rows", "bad"), BAD.values(), ids=BAD)
def test_bad_lines_are_named_and_nothing_is_stored(
    table: Engine, tmp_path: Path, rows: list[list[str]], bad: list[tuple[int, str]]
) -> None:
    before = events(table)
    found = brought(table, tmp_path, saved(rows))
    assert [entry.number for entry in found.bad] == [number for number, _ in bad]
    for entry, (_, problem) in zip(found.bad, bad, strict=True):
        assert problem in entry.problem
    assert (found.stored, stored(table), events(table)) == (0, [], before)
    good = len(rows) - len(bad)
    assert brought(table, tmp_path, saved(rows), keep_going=True).stored == good
    assert len(stored(table)) == good


def test_a_comment_in_another_encoding_is_a_bad_line(table: Engine, tmp_path: Path) -> None:
    content = saved([line(0, "concur", "", "caf#")]).replace(b"#", b"\xe9")
    (bad,) = brought(table, tmp_path, content).bad
    assert (bad.number, bad.problem[:21]) == (2, "comment is not UTF-8:")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has no column item_key, row_version, decision"),
        (b"PK\x03\x04 a workbook", "has no column"),
        (saved([], header=HEADER[1:]), "has no column item_key in its first line"),
        (saved([], header=[*HEADER, "decision"]), "has the column decision twice"),
        (saved([]) + b'"r1","1,concur\r\n', "line 2: a double quote is missing"),
        (saved(TWO).decode().encode("utf-16-le"), "has no column"),
        (saved(TWO) + b'"r1"x,1,concur\r\n', "line 5: a double quote is missing or one too many"),
    ],
)
def test_a_file_that_is_not_one_of_an_export(
    table: Engine, tmp_path: Path, content: bytes, problem: str
) -> None:
    with pytest.raises(ReviewError, match=problem):
        brought(table, tmp_path, content, keep_going=True)
    assert stored(table) == []


def test_a_file_that_is_not_there(table: Engine, tmp_path: Path) -> None:
    with pytest.raises(ReviewError, match=r"cannot read .*none\.csv"):
        import_decisions(table, tmp_path / "none.csv", "anna")


def test_the_same_file_again_changes_nothing(table: Engine, tmp_path: Path) -> None:
    first = brought(table, tmp_path, saved(TWO))
    before = stored(table), events(table)
    again = brought(table, tmp_path, saved(TWO))
    upsert_items(table, [item(0, why="seen again")], SECOND)
    later = brought(table, tmp_path, saved(TWO))
    assert (first.stored, again.stored, again.known, later.known) == (2, 0, 2, 2)
    assert (stored(table), events(table)) == before


def test_a_file_that_grew_adds_what_is_new(table: Engine, tmp_path: Path) -> None:
    brought(table, tmp_path, saved(TWO))
    grown = brought(table, tmp_path, saved([*TWO, line(2, "escalate", "policy")], delimiter=";"))
    assert (grown.stored, grown.known) == (1, 2)
    back = brought(table, tmp_path, saved([line(1, "dismiss")]))
    again = brought(table, tmp_path, saved([line(1, "concur"), line(2)]))
    assert (back.stored, again.stored, again.undecided) == (1, 1, 1)
    assert brought(table, tmp_path, saved([line(1, "dismiss")])).unclear == 1
    assert len(stored(table)) == 5


def test_another_reviewer_is_kept_beside_the_first(table: Engine, tmp_path: Path) -> None:
    brought(table, tmp_path, saved(TWO))
    brought(table, tmp_path, saved([line(0, "concur")]), reviewer=" Ben ")
    said = [(row["reviewer"], row["decision"]) for row in stored(table) if row["line"] == 2]
    assert sorted(said) == [("Ben", "concur"), ("anna", "dismiss")]


def test_a_decision_keeps_what_it_was_made_on(table: Engine, tmp_path: Path) -> None:
    found = brought(table, tmp_path, saved([line(3, "concur"), line(0, "concur")]))
    assert (found.stored, found.stale) == (2, 1)
    old, current = stored(table)
    about = ("evidence_fingerprint", "text_digest", "run_id", "row_version", "key_id", "dataset")
    of_item = (ITEM.key_id, ITEM.dataset)
    assert [old[name] for name in about] == ["e" * 16, f"{3:064x}", FIRST, 1, *of_item]
    assert [current[name] for name in about] == ["e" * 16, f"{0:064x}", FIRST, 1, *of_item]
    assert old["decided_at"] == old["imported_at"]
    assert brought(table, tmp_path, saved([line(3, "concur", version=2)])).stored == 1


def test_two_items_of_one_text_may_not_contradict_unless_each_is_about_its_row(
    engine: Engine, tmp_path: Path
) -> None:
    upsert_items(engine, [item(0), item(1, text_digest=item(0).text_digest)], FIRST)
    rows = [line(0, "concur"), line(1, "dismiss")]
    found = brought(engine, tmp_path, saved(rows))
    assert "about the same text" in found.bad[0].problem
    header = ["scope", *HEADER]
    for_rows = saved([["row", *rows[0]], ["Row", *rows[1]]], header=header)
    assert brought(engine, tmp_path, for_rows).stored == 2


def test_undecided_lines_with_notes_are_counted(table: Engine, tmp_path: Path) -> None:
    rows = [line(0, "", "", "ask the supplier"), line(1, "", "quotation"), line(2)]
    found = brought(table, tmp_path, saved(rows))
    assert (found.undecided, found.notes, found.stored) == (3, 2, 0)
    assert events(table) == 0


def test_the_time_of_a_decision_may_be_given(table: Engine, tmp_path: Path) -> None:
    noon = datetime(2026, 1, 5, 13, tzinfo=timezone(timedelta(hours=1)))
    brought(table, tmp_path, saved(TWO), decided_at=noon)
    assert {row["decided_at"] for row in stored(table)} == {noon}
    assert verify(table).problems == []
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with pytest.raises(ReviewError, match="in the future"):
        brought(table, tmp_path, saved(TWO), decided_at=tomorrow)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 101])
def test_a_reviewer_has_a_name(table: Engine, tmp_path: Path, name: str) -> None:
    with pytest.raises(ReviewError, match="name of a reviewer"):
        brought(table, tmp_path, saved(TWO), reviewer=name)


def test_nul_is_kept_as_its_picture(table: Engine, tmp_path: Path) -> None:
    brought(table, tmp_path, saved([line(0, "concur", "", "a#b")]).replace(b"#", b"\0"))
    assert stored(table)[0]["comment"] == "a\N{SYMBOL FOR NULL}b"
    assert verify(table).problems == []
