"""Cells of the CSV for reviewers: limits, markers, control characters, the guard, failures."""

import dataclasses
import re
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scrubtrace.review.cells import CELL_LINE_FEEDS, guard, mark, plain_cell, snippet_cell, unguard
from scrubtrace.review.columns import COLUMNS
from scrubtrace.review.connection import open_review, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import export_csv
from scrubtrace.review.store import upsert_items
from scrubtrace.review.table import review_items
from scrubtrace.schemas.review import ReviewItem

ITEM = ReviewItem(
    item_key="r" + "0" * 32,
    dataset="chats",
    shard="part-0.parquet",
    row_index=0,
    row_id=None,
    occurrence=0,
    field="",
    turn=None,
    language="en",
    groups={},
    text_digest="d" * 64,
    key_id="0123456789ab",
    text_chars=5,
    evidence_fingerprint="e" * 32,
    flagged=True,
    kind="llm_text",
    priority=1,
    why="one strong phrase",
    policy="p1",
    detectors=[],
    evidence=[],
    spans_left_out=0,
    snippet="tides",
    snippet_start=0,
)
ANY = st.text(st.sampled_from("ab⟦⟧\n\t\r\0\x1b\U0001f5fc='＝"), max_size=30)
SPANS = st.lists(st.tuples(st.integers(-5, 35), st.integers(-5, 35)), max_size=6)


def units(cell: str) -> int:
    """Length as Excel counts it."""
    return len(cell.encode("utf-16-le")) // 2


@pytest.mark.parametrize("first", list("=+-@\t\r\n\0＝＋－＠'"))
def test_a_value_that_a_spreadsheet_could_run_is_not_guarded(first: str) -> None:
    assert guard(first + "x") == "'" + first + "x"
    assert unguard(guard(first)) == first


@pytest.mark.parametrize("typed", ["'quoted'", "'", "'s avonds", "", "plain"])
def test_what_a_reviewer_typed_loses_its_apostrophe(typed: str) -> None:
    assert unguard(typed) == typed


@given(st.text(st.sampled_from("'=+-@\t\r\n\0＝＋－＠x ")))
def test_two_values_are_guarded_alike(value: str) -> None:
    assert unguard(guard(value)) == value
    assert guard(unguard(guard(value))) == guard(value)


@given(ANY, SPANS)
@example("abcdef", [(0, 2), (2, 4)])
@example("abcdef", [(1, 5), (2, 3), (4, 6)])
@example("a⟦b⟧c", [(1, 2), (3, 9), (-4, 0), (2, 2)])
def test_markers_are_not_where_the_evidence_is(text: str, spans: list[tuple[int, int]]) -> None:
    # Character by character: evidence opens where nothing that began before still goes on.
    inside = [(max(a, 0), min(b, len(text))) for a, b in spans if max(a, 0) < min(b, len(text))]
    expected = ""
    for place in range(len(text) + 1):
        goes_on = any(start < place < end for start, end in inside)
        if any(end == place for _, end in inside) and not goes_on:
            expected += "⟧"
        if any(start == place for start, _ in inside) and not goes_on:
            expected += "⟦"
        for character in text[place : place + 1]:
            control = character < " " and character not in "\t\n"
            shown = chr(0x2400 + ord(character)) if control else character
            expected += shown * 2 if character in "⟦⟧" else shown
    assert mark(text, spans) == expected


@given(ANY, SPANS)
def test_a_text_with_markers_of_its_own_cannot_be_read_back(
    text: str, spans: list[tuple[int, int]]
) -> None:
    # A run of n markers holds n // 2 of the text's own, and at most one of ours.
    own = re.sub("⟦+|⟧+", lambda run: run.group()[: len(run.group()) // 2], mark(text, spans))
    assert own == mark(text, []).replace("⟦⟦", "⟦").replace("⟧⟧", "⟧")


@pytest.mark.parametrize("text", ["x" * 32_766, "灯" * 32_766, "\n" * 253, "=" + "x" * 32_765])
def test_a_cell_that_fits_is_cut(text: str) -> None:
    assert unguard(plain_cell(text)) == text
    assert units(plain_cell(text)) <= 32_767


@pytest.mark.parametrize(
    "text",
    [
        "x" * 40_000,
        "\U0001f5fc" * 20_000,
        "=" + "x" * 40_000,
        "\n" * 254,
        "a\n" * 300,
        "⟦" * 20_000,
    ],
    ids=["long", "astral", "guarded", "lines", "text with lines", "markers"],
)
def test_a_cell_is_more_than_a_spreadsheet_holds_or_cut_unseen(text: str) -> None:
    for cell in (plain_cell(text), snippet_cell(text, 0, [(0, len(text))])):
        assert units(cell) <= 32_767
        assert cell.count("\n") <= CELL_LINE_FEEDS == 253
    assert snippet_cell(text, 0, []).endswith("…")


def test_evidence_stays_open_where_a_cell_is_cut() -> None:
    cell = snippet_cell("x" * 40_000, 100, [(110, 50_000)])
    assert cell.startswith("x" * 10 + "⟦x")
    assert cell.endswith("x⟧…")
    assert units(cell) == 32_766
    beyond = snippet_cell("x" * 40_000, 0, [(39_000, 39_100)])
    assert "⟦" not in beyond


def test_columns_are_in_another_order_than_documented() -> None:
    order = (
        "item_key row_version decision reason comment priority kind flagged why snippet language"
        " groups dataset shard row_index row_id occurrence field turn detectors signals"
        " text_digest key_id evidence_fingerprint first_run last_run"
        " state places other_places"
    )
    assert order.split() == list(COLUMNS)


def texts(count: int) -> list[ReviewItem]:
    """Items of different texts."""
    return [
        dataclasses.replace(ITEM, item_key=f"r{number:032}", text_digest=f"{number:064}")
        for number in range(count)
    ]


@pytest.mark.parametrize("rows", [0, -1, 1_048_576])
def test_a_file_has_more_rows_than_a_spreadsheet(tmp_path: Path, rows: int) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    with pytest.raises(ReviewError, match="1 to 1,048,575"):
        export_csv(engine, tmp_path / "out.csv", rows_per_file=rows)


def test_rows_that_just_fill_a_file_are_split(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    upsert_items(engine, texts(4), "r1")
    path = tmp_path / "out.csv"
    assert export_csv(engine, path, rows_per_file=4).files == (path,)
    assert len(export_csv(engine, path, rows_per_file=2).files) == 2
    assert len(export_csv(engine, path, rows_per_file=3).files) == 2


def test_an_export_removes_files_that_are_not_its_own(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    upsert_items(engine, texts(5), "r1")
    own = {tmp_path / "out-2024.csv", tmp_path / "out-0001.txt", tmp_path / "others-0001.csv"}
    for file in own:
        file.write_text("somebody's own")
    path = tmp_path / "out.csv"
    for rows_per_file in (1, 2, 5, 1, 3):
        result = export_csv(engine, path, rows_per_file=rows_per_file)
        left = set(tmp_path.glob("*.csv")) | set(tmp_path.glob("*.txt"))
        assert left == own | set(result.files)


def test_a_failed_export_changes_the_last_one_or_leaves_drafts(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    upsert_items(engine, [ITEM], "r1")
    folder = tmp_path / "csv"
    folder.mkdir()
    (folder / "out.csv").write_text("the last export")
    with writing(engine) as connection:
        connection.execute(review_items.update().values(detectors=[{"name": "no version"}]))
    with pytest.raises(KeyError):
        export_csv(engine, folder / "out.csv")
    assert [file.name for file in folder.iterdir()] == ["out.csv"]
    assert (folder / "out.csv").read_text() == "the last export"


def test_a_missing_folder_is_an_error_without_advice(tmp_path: Path) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    with pytest.raises(ReviewError, match=r"cannot write .*out\.csv .*check the folder"):
        export_csv(engine, tmp_path / "none" / "out.csv")
