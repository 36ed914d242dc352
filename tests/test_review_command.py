"""The verbs of `scrubtrace review` as a user calls them, after real scans."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.review.connection import open_review

Run = Callable[..., int]
TABLE = ("--review", "sqlite:///out/review.sqlite")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_detectors: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


@pytest.fixture
def run() -> Run:
    """Runs the command line; gives its exit code."""

    def call(*arguments: str) -> int:
        try:
            main(list(arguments))
        except SystemExit as ended:
            return int(ended.code or 0)
        return 0

    return call


def write(name: str, **columns: Any) -> None:
    pq.write_table(pa.table(columns), Path("data") / name)


def detect(run: Run, *more: str, out: str = "out") -> int:
    return run("detect", "data/*.parquet", "--out", out, "--quiet", *more)


def manifest(out: str = "out") -> dict[str, Any]:
    content = json.loads(Path(runs_of(out)[-1].manifest).read_text())
    assert isinstance(content, dict)
    return content


def rows_of(table: str, out: str = "out") -> list[dict[str, Any]]:
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql(f"select * from {table} order by 1"))
        return [dict(row._mapping) for row in found]


def test_the_manifest_has_the_head_of_the_log_and_the_log_the_manifest(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[FLAGGED, PLAIN])
    assert detect(run) == 0
    assert manifest()["review_head"] == "0" * 64
    write("b.parquet", text=[FLAGGED])
    assert detect(run) == 0
    first, second = rows_of("review_events")
    assert manifest()["review_head"] == first["hash"]
    digest = hashlib.sha256(Path(runs_of("out")[-1].manifest).read_bytes()).hexdigest()
    assert json.loads(second["payload"])["manifest_sha256"] == digest
    verify = ("review", "verify", "--review", "sqlite:///out/review.sqlite", "--head")
    assert run(*verify, manifest()["review_head"]) == 0
    assert f"2 events, 0 decisions; head {second['hash']}" in capsys.readouterr().out
    assert run(*verify, "f" * 64) == 4
    assert "is not in the log" in capsys.readouterr().err


def test_a_run_committed_to_another_table_takes_its_head(run: Run) -> None:
    write("a.parquet", text=[FLAGGED])
    assert detect(run) == 0
    write("b.parquet", text=[FLAGGED])
    assert detect(run) == 0
    other = ("--review", "sqlite:///other.sqlite")
    assert run("detect", "data/*.parquet", "--out", "third", *other) == 0
    again = ("commit", runs_of("out")[-1].id, "--out", "out", *other)
    before = Path(runs_of("out")[-1].manifest).read_bytes()
    assert run(*again) == 0
    assert Path(runs_of("out")[-1].manifest).read_bytes() != before
    assert run("review", "verify", *other, "--head", manifest()["review_head"]) == 0
