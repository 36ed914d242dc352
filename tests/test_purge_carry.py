"""Decisions about rows without ids after a purge: their keys depend on the number of the row."""

import csv
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import purge

TABLE = ("--review", "sqlite:///review.sqlite")
KEPT = 3
"""Each third row is dismissed and stays, the others go."""


@pytest.fixture(autouse=True)
def _decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two shards of rows that are all flagged and decided on one by one, exported and purged."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    for shard in range(2):
        texts = [f"As an AI language model, I cannot eat soup {shard} {n}." for n in range(9)]
        texts[6] = texts[5] = texts[4]
        pq.write_table(pa.table({"text": texts}), f"data/p{shard}.parquet")
    assert detected("data/*.parquet") == 0
    assert code_of("review", "export", *TABLE, "--format", "parquet", "--out", "all.parquet") == 0
    decide()
    assert code_of("review", "export", *TABLE, "--format", "parquet", "--out", "d.parquet") == 0
    assert purge("--decisions", "d.parquet") == 0


def detected(data: str) -> int:
    return code_of("detect", data, "--dataset", "data", "--out", "out", *TABLE, "--quiet")


def decide() -> None:
    """Decisions about each row alone, by one reviewer."""
    with open("decided.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("item_key", "row_version", "decision", "reason", "comment", "scope"))
        for row in pq.read_table("all.parquet").to_pylist():
            word = "dismiss" if row["row_index"] % KEPT == 0 else "concur"
            writer.writerow((row["item_key"], row["row_version"], word, "", "by hand", "row"))
    assert code_of("review", "import", "decided.csv", *TABLE, "--reviewer", "anna") == 0


def states() -> Counter[str]:
    assert code_of("review", "export", *TABLE, "--format", "parquet", "--out", "now.parquet") == 0
    rows = pq.read_table("now.parquet").to_pylist()
    return Counter(row["state"] for row in rows if row["unseen_run"] is None)


def test_decisions_are_orphaned(capsys: pytest.CaptureFixture[str]) -> None:
    assert detected("purged/shards/*.parquet") == 0
    assert states()["dismissed"] < 6
    record = ("review", "carry", "purged/removal/record.json", *TABLE)
    assert code_of(*record) == 0
    assert states() == {"dismissed": 6}
    capsys.readouterr()
    assert code_of(*record) == 0
    assert capsys.readouterr().out.startswith("0 decisions carried over")
    assert states() == {"dismissed": 6}
    assert code_of("review", "verify", *TABLE) == 0


def test_carrying_before_the_scan_is_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    record = ("review", "carry", "purged/removal/record.json", *TABLE)
    assert code_of(*record) == 3
    told = capsys.readouterr()
    assert "0 decisions carried over, 0 known already" in told.out
    assert "4 decisions wait for a scan of the purged shards" in told.err
    scan = "scrubtrace detect 'purged/shards/*.parquet' --dataset data --out DIR"
    assert f"{scan} --review sqlite:///review.sqlite;" in told.err
    Path("part").mkdir()
    Path("purged/shards/p1.parquet").rename("part/p1.parquet")
    assert detected("purged/shards/*.parquet") == 0
    assert code_of(*record) == 3
    told = capsys.readouterr()
    assert "2 decisions carried over" in told.out
    assert "2 decisions wait" in told.err
    Path("part/p1.parquet").rename("purged/shards/p1.parquet")
    assert detected("purged/shards/*.parquet") == 0
    assert code_of(*record) == 0
    assert "2 decisions carried over, 2 known already" in capsys.readouterr().out
    assert states() == {"dismissed": 6}


def test_rows_without_evidence_are_left_and_nothing_waits(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The text of a row that stayed is another one after the purge."""
    path = Path("purged/shards/p1.parquet")
    texts = pq.read_table(path).column("text").to_pylist()
    pq.write_table(pa.table({"text": [*texts[:-1], "The soup was too salty today."]}), path)
    assert detected("purged/shards/*.parquet") == 0
    assert code_of("review", "carry", "purged/removal/record.json", *TABLE) == 0
    assert "left where they are: 1 whose row" in capsys.readouterr().out


def test_decisions_of_another_table_or_a_changed_map(capsys: pytest.CaptureFixture[str]) -> None:
    record = ("review", "carry", "purged/removal/record.json")
    assert code_of(*record, *TABLE) == 3
    assert "0 decisions carried over" in capsys.readouterr().out
    other = ("--review", "sqlite:///other.sqlite")
    assert code_of("detect", "data/*.parquet", "--out", "o", *other, "--quiet") == 0
    assert code_of(*record, *other) != 0
    assert "never had the head" in capsys.readouterr().err
    items = Path("purged/removal/items.parquet")
    items.write_bytes(items.read_bytes() + b"x")
    assert code_of(*record, *TABLE) == 4
