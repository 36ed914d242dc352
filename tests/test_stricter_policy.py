"""What reviewers decided outlasts a stricter policy, whichever way it is applied."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.review.connection import open_review

TABLE = ("--review", "sqlite:///out/review.sqlite")
DETECT = ("detect", "data/*.parquet", "--out", "out", "--id-column", "id")


def flags() -> dict[str, bool]:
    with open_review("sqlite:///out/review.sqlite").connect() as connection:
        found = connection.execute(sql("select item_key, flagged from review_items"))
        return {row.item_key: bool(row.flagged) for row in found}


@pytest.mark.parametrize("setting", ["policy.proof_hits=3", "policy.flag_kinds=['llm_annotation']"])
@pytest.mark.parametrize("command", ["commit", "detect"])
def test_what_was_decided_outlasts_a_stricter_policy(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    setting: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    pq.write_table(pa.table({"id": ["a", "b"], "text": [PLAIN, FLAGGED]}), "data/a.parquet")
    assert code_of(*DETECT) == 0
    (key,) = flags()
    Path("decided.csv").write_text(f"item_key,row_version,decision\n{key},1,concur\n")
    assert code_of("review", "import", "decided.csv", *TABLE, "--reviewer", "anna") == 0
    again = {"commit": ("commit", runs_of("out")[-1].id, "--out", "out"), "detect": DETECT}
    capsys.readouterr()
    assert code_of(*again[command], "--set", setting) == 0
    assert ("no longer flagged: 1 " in capsys.readouterr().out) == ("proof_hits" in setting)
    assert flags() == {key: False}
    export = ("review", "export", *TABLE, "--format", "parquet", "--out", "decided.parquet")
    assert code_of(*export) == 0
    assert pq.read_table("decided.parquet")["decision"].to_pylist() == ["concur"]
    given = ("--decisions", "decided.parquet", "--id-column", "id", "--out", "purged")
    assert code_of("purge", "data/*.parquet", *given, "--set", "purge.hold_decision=none") == 0
    assert pq.read_table("purged/shards/a.parquet")["text"].to_pylist() == [PLAIN]
