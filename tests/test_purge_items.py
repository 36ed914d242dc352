"""New keys of items after a purge: ids that repeat, and turns of several columns."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from purges import decided, decisions, ids, purge, record, text, write_data, write_decisions

from scrubtrace.schemas.identity import item_key


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()


def test_keys_of_ids_that_repeat_are_counted_anew() -> None:
    for shard in ("p0", "p1"):
        table = pa.table({"id": ["x", "y", "x"], "text": [f"{shard} {n}" for n in range(3)]})
        pq.write_table(table, f"data/{shard}.parquet")
    places = [("p0", 0, "concur"), ("p0", 2, None), ("p1", 0, "concur"), ("p1", 2, None)]
    rows = [
        decided(f"{shard}.parquet", row, f"{shard} {row}", row_id="x", occurrence=number,
                decision=decision, state=decision or "pending")
        for number, (shard, row, decision) in enumerate(places)
    ]  # fmt: skip
    write_decisions(Path("decided.parquet"), rows)
    assert purge("--decisions", "decided.parquet", "--id-column", "id") == 0
    items = pq.read_table("purged/removal/items.parquet").to_pylist()
    keys = [item_key("data", "", 0, "x", number, "text") for number in range(4)]
    assert [(row["item_key"], row["new_item_key"], row["new_row_index"]) for row in items] == [
        (keys[0], None, None),
        (keys[1], keys[0], 1),
        (keys[2], None, None),
        (keys[3], keys[1], 1),
    ]


def test_turns_of_two_columns_are_told_apart() -> None:
    def chat(name: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": f"{name} {turn}"} for turn in range(4)]

    table = pa.table({"id": ["a"], "text": ["x"], "good": [chat("good")], "bad": [chat("bad")]})
    pq.write_table(table, "data/p0.parquet")
    rows = [
        decided("p0.parquet", 0, f"{field} {turn}", field=field, turn=turn, row_id="a",
                decision=decision, state=decision)
        for field, turn, decision in (
            ("bad", 1, "dismiss"), ("bad", 3, "concur"), ("good", 1, "concur"),
            ("good", 2, "dismiss"),
        )
    ]  # fmt: skip
    write_decisions(Path("decided.parquet"), rows)
    given = ("--decisions", "decided.parquet", "--id-column", "id", "--set", "purge.chat=turn")
    assert purge(*given) == 0
    items = pq.read_table("purged/removal/items.parquet").to_pylist()
    assert [(row["turn"], row["new_turn"]) for row in items] == [(3, None), (1, None), (2, 1)]
    assert items[2]["new_item_key"] == item_key("data", "", 0, "a", 0, "good", 1)
    assert record()["rows"]["turns_removed"] == 2
    (gone,) = pq.read_table("purged/quarantine/p0.parquet").to_pylist()
    assert (gone["scrubtrace_turns"], gone["scrubtrace_turn_fields"]) == ([1, 3], ["good", "bad"])


@pytest.mark.parametrize("with_ids", [False, True])
def test_rows_that_a_scan_did_not_find_again_are_missed(with_ids: bool) -> None:
    given = ("--decisions", "decided.parquet", *(("--id-column", "id") if with_ids else ()))
    again = {"unseen_run": "run-2", "state": "not_seen_again"}
    decisions([(0, 4), (0, 19)], with_ids=with_ids)
    assert purge(*given) == 0
    data = "purged/shards/*.parquet"
    assert purge(*given, "--dataset", "data", out="two", data=data) == 3
    decisions([(0, 4), (0, 19), (1, 3)], with_ids=with_ids, **again)
    assert purge(*given, "--dataset", "data", out="three", data=data) == 0
    assert record("three")["named_but_not_removed"] == {"not_seen_again": 2}
    assert ids("three") == [own for own in ids() if own != "id-1-3"]


def test_findings_about_calls_are_taken_for_rows() -> None:
    rows = [
        decided("p0.parquet", 4, text(0, 4), row_id="id-0-4"),
        decided("p0.parquet", 4, "finding", row_id="f0", field="market.flow", kind="call_rule"),
    ]
    write_decisions(Path("decided.parquet"), rows)
    assert purge("--decisions", "decided.parquet", "--id-column", "id") == 0
    assert record()["rows"]["removed"] == 1
    assert record()["named_but_not_removed"] == {}
