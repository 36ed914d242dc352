"""CSV for reviewers: the shape of the file, what spreadsheets do, markers, splitting."""

import csv
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from scrubtrace.review.cells import guard, mark, snippet_cell, unguard
from scrubtrace.review.connection import open_review
from scrubtrace.review.export import OPEN, export_csv
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.review import ReviewItem
from scrubtrace.schemas.vocabulary import GROUPS

TEXT = "Well. As an AI language model, I cannot swim."
SPAN = {
    "detector": "boilerplate",
    "signal": "en.self_disclosure.x",
    "category": "self_disclosure",
    "strength": "proof",
    "use": "asserted",
    "start": 6,
    "end": 29,
    "score": None,
}
ITEM = ReviewItem(
    item_key=item_key("answers", "a.parquet", 0),
    dataset="answers",
    shard="a.parquet",
    row_index=0,
    row_id="=1+1",
    occurrence=0,
    field="",
    turn=None,
    language="en",
    groups=dict.fromkeys(GROUPS) | {"labeler": "@L01"},
    text_digest="d" * 64,
    key_id="0123456789ab",
    text_chars=len(TEXT),
    evidence_fingerprint="e" * 32,
    flagged=True,
    kind="llm_text",
    priority=1,
    why="resembles LLM text: speaks as an AI assistant (proof)",
    policy="p1",
    detectors=[{"name": "boilerplate", "version": "1", "lane": "trace", "fingerprint": "f"}],
    evidence=[SPAN],
    spans_left_out=0,
    snippet=TEXT,
    snippet_start=0,
)


PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=60)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


def rows_of(path: Path, encoding: str = "utf-8") -> list[dict[str, str]]:
    with path.open(encoding=encoding, newline="") as file:
        return list(csv.DictReader(file))


def test_key_and_decision_columns_come_first_and_empty(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [ITEM], "r1")
    assert export_csv(engine, tmp_path / "out.csv").rows == 1
    (row,) = rows_of(tmp_path / "out.csv")
    first = list(row)[:5]
    assert first == ["item_key", "row_version", "decision", "reason", "comment"]
    assert [row[name] for name in first] == [ITEM.item_key, "1", "", "", ""]
    assert row["snippet"] == "Well. ⟦As an AI language model⟧, I cannot swim."


def test_the_file_is_rfc_4180_with_every_field_quoted(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [dataclasses.replace(ITEM, snippet='a "b"\nc')], "r1")
    export_csv(engine, tmp_path / "out.csv")
    content = (tmp_path / "out.csv").read_bytes().decode()
    assert content.startswith('"item_key","row_version",')
    assert content.endswith('"\r\n')
    assert '""b""' in content


@pytest.mark.parametrize("bom", [True, False])
def test_a_byte_order_mark_only_where_asked_for(engine: Engine, tmp_path: Path, bom: bool) -> None:
    upsert_items(engine, [ITEM], "r1")
    export_csv(engine, tmp_path / "out.csv", bom=bom)
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf") == bom


def test_no_cell_runs_as_a_formula(engine: Engine, tmp_path: Path) -> None:
    upsert_items(engine, [dataclasses.replace(ITEM, snippet="=cmd|' /C calc'!A0")], "r1")
    export_csv(engine, tmp_path / "out.csv")
    (row,) = rows_of(tmp_path / "out.csv")
    assert row["row_id"] == "'=1+1"
    assert all(not value.startswith(("=", "+", "-", "@")) for value in row.values())


@given(st.text())
def test_the_guard_can_be_undone(value: str) -> None:
    assert unguard(guard(value)) == value
    assert not guard(value).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\0", "＝", "＋"))


@given(PRINTABLE, st.lists(st.tuples(st.integers(-5, 70), st.integers(0, 20))))
def test_markers_are_balanced_and_leave_the_text(text: str, starts: list[tuple[int, int]]) -> None:
    plain = text.replace("⟦", "").replace("⟧", "")
    marked = mark(plain, [(start, start + length) for start, length in starts])
    assert marked.count("⟦") == marked.count("⟧")
    assert marked.replace("⟦", "").replace("⟧", "") == plain


def test_overlapping_spans_are_marked_once_and_offsets_count_from_the_text() -> None:
    cell = snippet_cell("an AI model, I", 100, [(103, 105), (104, 111), (90, 95)])
    assert cell == "an ⟦AI model⟧, I"


def test_reported_rows_only_where_asked_for(engine: Engine, tmp_path: Path) -> None:
    reported = dataclasses.replace(
        ITEM, item_key="r" + "1" * 32, flagged=False, text_digest="e" * 64
    )
    upsert_items(engine, [ITEM, reported], "r1")
    assert export_csv(engine, tmp_path / "a.csv").rows == 1
    wanted = dataclasses.replace(OPEN, include_reported=True)
    assert export_csv(engine, tmp_path / "b.csv", wanted).rows == 2


def test_many_rows_are_split_and_an_earlier_export_leaves_nothing(
    engine: Engine, tmp_path: Path
) -> None:
    items = [
        dataclasses.replace(ITEM, item_key=f"r{number:032}", text_digest=f"{number:064}")
        for number in range(2500)
    ]
    upsert_items(engine, items, "r1")
    path = tmp_path / "out.csv"
    whole = export_csv(engine, path)
    assert whole.files == (path,)
    split = export_csv(engine, path, rows_per_file=1000)
    assert [file.name for file in split.files] == ["out-0001.csv", "out-0002.csv", "out-0003.csv"]
    assert not path.exists()
    keys = [row["item_key"] for file in split.files for row in rows_of(file)]
    assert keys == sorted(item.item_key for item in items)
    export_csv(engine, path)
    assert sorted(file.name for file in tmp_path.glob("out*.csv")) == ["out.csv"]


def test_an_empty_table_gives_a_header_alone(engine: Engine, tmp_path: Path) -> None:
    assert export_csv(engine, tmp_path / "out.csv").rows == 0
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1
