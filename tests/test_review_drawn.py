"""What the review table says of drawn texts, on SQLite and PostgreSQL."""

from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from decision_files import saved
from samples import ITEM
from sqlalchemy import Engine

from scrubtrace.review.batches.decided import decided_items
from scrubtrace.review.batches.known import check_name, flagged_keys, known_items
from scrubtrace.review.batches.store import create_batch, store_drawn
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import export_parquet
from scrubtrace.review.lines import Wanted
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.seeds import commit_seed, find_commitment
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import SAMPLED, Batch, BatchItem, Purpose
from scrubtrace.schemas.review import State

FOUND = [
    replace(ITEM, item_key="r3", shard="b.parquet"),
    replace(ITEM, item_key="r1", shard="a.parquet"),
    replace(ITEM, item_key="r2", shard="a.parquet", flagged=False),
    replace(ITEM, item_key="r4", dataset="other"),
]
DRAWN = replace(ITEM, item_key="r9", kind=SAMPLED, flagged=False, detectors=[], policy="")


def test_flagged_items_by_shard_and_key(engine: Engine) -> None:
    upsert_items(engine, FOUND, "run-1")
    assert list(flagged_keys(engine, "chats")) == [("a.parquet", "r1"), ("b.parquet", "r3")]
    assert list(flagged_keys(engine, "none")) == []


def test_known_items_are_as_they_are_now(engine: Engine) -> None:
    upsert_items(engine, FOUND, "run-1")
    upsert_items(engine, [replace(FOUND[1], text_digest="c" * 64)], "run-2")
    known = known_items(engine, ["r1", "r2", "r7"])
    assert set(known) == {"r1", "r2"}
    assert (known["r1"].row_version, known["r1"].text_digest) == (2, "c" * 64)
    assert (known["r2"].flagged, known["r2"].evidence_fingerprint) == (False, "e" * 16)


@pytest.mark.parametrize(("name", "problem"), [("a b", "no name of a batch"), ("b", "already")])
def test_names_that_cannot_be(engine: Engine, name: str, problem: str) -> None:
    create_batch(engine, Batch("b", "chats", Purpose.AUDIT, True, {}), [])
    check_name(engine, "c")
    with pytest.raises(ReviewError, match=problem):
        check_name(engine, name)


def test_seeds_are_found_by_their_digest(engine: Engine) -> None:
    first = commit_seed(engine, "a" * 64)
    commit_seed(engine, "a" * 64)
    second = commit_seed(engine, "b" * 64)
    assert find_commitment(engine, "a" * 64) == first
    assert find_commitment(engine, "b" * 64) == second
    assert find_commitment(engine, "c" * 64) is None
    assert (first.event, second.event) == (1, 3)
    assert verify(engine).problems == []


def test_items_without_decisions_are_pending(engine: Engine) -> None:
    store_drawn(engine, [DRAWN], "run-1")
    item = BatchItem("r9", 1, DRAWN.text_digest, DRAWN.evidence_fingerprint, "all", 0.5, False)
    create_batch(engine, Batch("b", "chats", Purpose.AUDIT, True, {}), [item])
    with reading_as_one(engine) as connection:
        ((found, standing),) = decided_items(connection, "b")
    assert (found, standing.state, standing.verdict) == (item, State.PENDING, None)


@pytest.mark.parametrize("wanted", [Wanted(), Wanted(dataset="chats", include_reported=True)])
def test_decisions_on_texts_that_are_not_flagged_are_left_out_of_the_file_for_jobs(
    engine: Engine, tmp_path: Path, wanted: Wanted
) -> None:
    upsert_items(engine, [replace(ITEM, item_key="r1", flagged=False)], "run-1")
    store_drawn(engine, [replace(DRAWN, item_key=f"r{number}") for number in (2, 3)], "run-1")
    batch = [BatchItem("r1", 1, ITEM.text_digest, ITEM.evidence_fingerprint, "all", 0.5, False)]
    create_batch(engine, Batch("b", "chats", Purpose.AUDIT, True, {}), batch)
    names = ("item_key", "row_version", "decision", "scope")
    rows = [["r1", "1", "concur", "row"], ["r2", "1", "concur", "row"]]
    (tmp_path / "decided.csv").write_bytes(saved(rows, names))
    assert import_decisions(engine, tmp_path / "decided.csv", "anna").bad == []
    export_parquet(engine, tmp_path / "out.parquet", wanted)
    table = pq.read_table(tmp_path / "out.parquet", columns=["item_key", "decision"])
    assert [row["item_key"] for row in table.to_pylist() if row["decision"] == "concur"] == [
        "r1",
        "r2",
    ]
    assert "r3" not in table.column("item_key").to_pylist()
