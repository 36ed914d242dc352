"""What is exported: states, new texts, a budget, shares, places of one text, and Parquet."""

import csv
import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from decision_files import item, key, line, saved, standings
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select

from scrubtrace.review import export
from scrubtrace.review.assigning import checked_names, share_of
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import OPEN, export_csv, export_parquet
from scrubtrace.review.lines import PLACES_SHOWN, Wanted
from scrubtrace.review.store import record_run, upsert_items, withdraw_unseen
from scrubtrace.review.table import review_events, review_salts
from scrubtrace.review.trail.events import head
from scrubtrace.review.trail.salted import salted
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.decided import DECIDED
from scrubtrace.schemas.review import ReviewRun, State

FIRST, SECOND = "20260101T000000Z-a", "20260102T000000Z-b"


def exported(
    engine: Engine, tmp_path: Path, wanted: Wanted = OPEN, **choices: Any
) -> list[dict[str, str]]:
    result = export_csv(engine, tmp_path / "out.csv", wanted, **choices)
    rows = []
    for path in result.files:
        with path.open(encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    assert len(rows) == result.rows
    return rows


def numbers(rows: list[dict[str, str]]) -> list[int]:
    return [int(row["row_index"]) for row in rows]


def decide(engine: Engine, tmp_path: Path, *rows: list[str], reviewer: str = "anna") -> None:
    path = tmp_path / "decided.csv"
    path.write_bytes(saved(rows, ("item_key", "row_version", "decision", "scope", "comment", "x")))
    assert import_decisions(engine, path, reviewer).bad == []


@pytest.fixture
def table(engine: Engine) -> Engine:
    """An item in each state: number n has the n-th state of `State`."""
    upsert_items(engine, [item(number, priority=number) for number in range(7)], FIRST)
    return engine


@pytest.fixture
def decided(table: Engine, tmp_path: Path) -> Engine:
    words = [line(1, "concur"), line(2, "second"), line(3, "escalate"), line(4, "concur"),
             line(5, "dismiss"), line(6, "concur")]  # fmt: skip
    decide(table, tmp_path, *words)
    again = [item(number, priority=number) for number in range(6)]
    again[1] = replace(again[1], evidence_fingerprint="f" * 16)
    upsert_items(table, again, SECOND)
    withdraw_unseen(table, SECOND, "chats", {"part-0.parquet": {"boilerplate"}})
    return table


def test_each_state_can_be_exported(decided: Engine, tmp_path: Path) -> None:
    for number, state in enumerate(State):
        (row,) = exported(decided, tmp_path, Wanted(states=frozenset({state})))
        assert (row["row_index"], row["state"]) == (str(number), state)
    assert numbers(exported(decided, tmp_path)) == [0, 1, 2]
    assert numbers(exported(decided, tmp_path, Wanted())) == list(range(7))


def test_a_budget_takes_the_first_lines(table: Engine, tmp_path: Path) -> None:
    assert numbers(exported(table, tmp_path, budget=3)) == [0, 1, 2]
    assert numbers(exported(table, tmp_path, budget=100)) == list(range(7))


def test_texts_that_a_later_run_saw_first(table: Engine, tmp_path: Path) -> None:
    for run in (FIRST, SECOND):
        record_run(table, ReviewRun(run, "chats", "k", run, 1, 0))
    copy = item(8, text_digest=item(2).text_digest)
    upsert_items(table, [item(0, priority=0), item(7), copy], SECOND)
    assert numbers(exported(table, tmp_path, replace(OPEN, new_since=FIRST))) == [7]
    assert numbers(exported(table, tmp_path, replace(OPEN, new_since=FIRST[:10]))) == [7]
    assert exported(table, tmp_path, replace(OPEN, new_since=SECOND)) == []
    for run, problem in (("2027", "no such run"), ("2026", "2 runs begin with it")):
        with pytest.raises(ReviewError, match=problem):
            exported(table, tmp_path, replace(OPEN, new_since=run))
    assert not list(tmp_path.glob(".*draft"))


def test_one_line_a_text_with_its_places(engine: Engine, tmp_path: Path) -> None:
    same = item(0).text_digest
    copies = [item(number, text_digest=same) for number in range(1, 14)]
    other = item(20, text_digest=same, evidence_fingerprint="f" * 16, priority=50)
    elsewhere = item(15, text_digest=same, dataset="mail", turn=3, priority=40)
    upsert_items(engine, [item(0, priority=1), *copies, elsewhere, other, item(30)], FIRST)
    one, alone, differs = exported(engine, tmp_path)
    assert [one["row_index"], one["places"]] == ["0", "15"]
    assert [alone["row_index"], alone["places"], alone["other_places"]] == ["30", "1", ""]
    assert [differs["row_index"], differs["places"]] == ["20", "1"]
    shown = one["other_places"].split("; ")
    assert len(shown) == PLACES_SHOWN + 1
    assert shown[-1] == "and 4 more"
    assert {"part-0.parquet row 1", "part-0.parquet row 2"} & {*shown}
    (mail,) = exported(engine, tmp_path, replace(OPEN, dataset="mail"))
    assert (mail["row_index"], mail["places"]) == ("15", "1")


def test_a_decision_for_one_row_leaves_the_others_of_its_text(
    engine: Engine, tmp_path: Path
) -> None:
    same = item(0).text_digest
    rows = [item(number, text_digest=same, priority=number) for number in range(3)]
    upsert_items(engine, rows, FIRST)
    decide(engine, tmp_path, line(0, "dismiss", "row"))
    (left,) = exported(engine, tmp_path)
    assert (left["row_index"], left["places"]) == ("1", "2")
    assert left["other_places"] == "part-0.parquet row 2"
    (done,) = exported(engine, tmp_path, Wanted(states=frozenset({State.DISMISSED})))
    assert (done["row_index"], done["places"]) == ("0", "1")
    decide(engine, tmp_path, line(1, "concur", "text"), reviewer="ben")
    assert numbers(exported(engine, tmp_path)) == [0]


def test_shares_are_whole_deterministic_and_a_file_each(table: Engine, tmp_path: Path) -> None:
    names = ["anna", "ben"]
    result = export_csv(table, tmp_path / "out.csv", reviewers=names)
    assert [path.name for path in result.files] == ["out-anna.csv", "out-ben.csv"]
    shares = {}
    for name, path in zip(names, result.files, strict=True):
        with path.open(encoding="utf-8", newline="") as file:
            shares[name] = [row["text_digest"] for row in csv.DictReader(file)]
    assert sorted(d for share in shares.values() for d in share) == [
        item(number).text_digest for number in range(7)
    ]
    for name, digests in shares.items():
        assert {share_of(digest, names[::-1]) for digest in digests} <= {name}


@given(st.sets(st.text(min_size=1), min_size=20, max_size=60))
def test_only_the_texts_of_a_reviewer_who_leaves_change_hands(texts: set[str]) -> None:
    before = {text: share_of(text, ["anna", "ben", "cara"]) for text in texts}
    for text, name in before.items():
        after = share_of(text, ["anna", "cara"])
        assert after == name or name == "ben"


@pytest.mark.parametrize("names", [["a/b"], ["0001"], ["anna", "Anna"], ["a b"], [""]])
def test_names_that_cannot_be_file_names(names: list[str]) -> None:
    with pytest.raises(ReviewError):
        checked_names(names)


def test_parquet_has_the_head_that_its_rows_are_of(
    table: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = export.reading_as_one
    heads: list[str] = []

    def decided_first(engine: Engine) -> AbstractContextManager[Connection]:
        decide(engine, tmp_path, line(3, "concur"))
        heads.append(head(engine))
        return begin(engine)

    monkeypatch.setattr(export, "reading_as_one", decided_first)
    export_parquet(table, tmp_path / "out.parquet")
    found = pq.read_table(tmp_path / "out.parquet")
    assert "concur" in found["decision"].to_pylist()
    assert [found.schema.metadata[b"review_head"].decode()] == heads


def test_parquet_has_a_row_a_place_with_state_and_decisions(
    decided: Engine, tmp_path: Path
) -> None:
    decide(decided, tmp_path, line(4, "concur"), reviewer="ben")
    before = head(decided)
    upsert_items(decided, [item(9, text_digest=item(5).text_digest)], SECOND)
    result = export_parquet(decided, tmp_path / "out.parquet")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.equals(DECIDED)
    assert table.schema.metadata[b"review_head"] == before.encode()
    assert (result.rows, table["row_index"].to_pylist()) == (8, [*range(7), 9])
    rows = {row["row_index"]: row for row in table.to_pylist()}
    about = ("state", "decision", "reviewers")
    assert [rows[0][name] for name in about] == ["pending", None, []]
    assert [rows[4][name] for name in about] == ["concur", "concur", ["anna", "ben"]]
    assert [rows[9][name] for name in about] == ["dismissed", "dismiss", ["anna"]]
    counted = standings(decided)[key(4)].counted
    assert rows[4]["decision_ids"] == [opinion.decision_id for opinion in counted]
    dismissed = Wanted(states=frozenset({State.DISMISSED}))
    assert export_parquet(decided, tmp_path / "out.parquet", dismissed).rows == 2
    assert [path.name for path in tmp_path.glob("*out*")] == ["out.parquet"]


def test_parquet_has_what_was_decided_on_though_it_is_flagged_no_longer(
    decided: Engine, tmp_path: Path
) -> None:
    same = item(4).text_digest
    copies = [item(number, text_digest=same, flagged=False) for number in (4, 8)]
    upsert_items(decided, [*copies, item(9, flagged=False)], "20260103T000000Z-c")
    export_parquet(decided, tmp_path / "out.parquet")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    found = {row["row_index"]: row["decision"] for row in rows}
    assert (found[4], found[8], 9 in found) == ("concur", "concur", False)
    assert numbers(exported(decided, tmp_path, Wanted())) == [0, 1, 2, 3, 5, 6]


def test_an_export_is_an_event_with_the_digests_of_its_files(table: Engine, tmp_path: Path) -> None:
    export_csv(table, tmp_path / "out.csv", budget=5)
    export_parquet(table, tmp_path / "out.parquet", Wanted(dataset="chats"))
    with table.connect() as connection:
        query = select(review_events.c.payload).order_by(review_events.c.seq)
        one, two = (json.loads(text) for text in connection.execute(query).scalars())
        query = select(review_salts.c.salt).order_by(review_salts.c.event)
        salts = connection.execute(query).scalars().all()
    digests = [hashlib.sha256((tmp_path / n).read_bytes()).hexdigest()
               for n in ("out.csv", "out.parquet")]  # fmt: skip
    files = [salted(salt, digest) for salt, digest in zip(salts, digests, strict=True)]
    assert (one["files"], one["rows"], one["budget"]) == ([files[0]], 5, 5)
    assert (two["files"], two["rows"], two["dataset"]) == ([files[1]], 7, "chats")
    assert verify(table).problems == []


def test_an_export_that_fails_leaves_no_file(table: Engine, tmp_path: Path) -> None:
    (tmp_path / "folder.parquet").mkdir()
    with pytest.raises(ReviewError, match="cannot write"):
        export_parquet(table, tmp_path / "folder.parquet")
    with pytest.raises(ReviewError, match="cannot write"):
        export_csv(table, tmp_path / "none" / "out.csv")
    assert [path.name for path in tmp_path.iterdir() if "review" not in path.name] == [
        "folder.parquet"
    ]
