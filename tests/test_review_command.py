"""The verbs of `scrubtrace review` as a user calls them, after real scans."""

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.review.connection import open_review

Run = Callable[..., int]
TABLE = ("--review", "sqlite:///out/review.sqlite")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()


@pytest.fixture
def run() -> Run:
    """Runs the command line; gives its exit code."""
    return code_of


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


def decide(path: Path, *decisions: tuple[str, str, str]) -> None:
    """Fills in the first lines of an export."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, (decision, reason, comment) in zip(rows, decisions, strict=False):
        row |= {"decision": decision, "reason": reason, "comment": comment}
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=";")
        writer.writeheader()
        writer.writerows(rows)


def exported(path: str) -> list[dict[str, str]]:
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_from_export_to_import_and_back(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", text=[FLAGGED, PLAIN, FLAGGED, f"{FLAGGED} Indeed.", f"Well. {FLAGGED}"])
    assert detect(run) == 0
    assert run("review", "export", *TABLE, "--out", "f.csv") == 0
    assert [row["places"] for row in exported("f.csv")].count("2") == 1
    decide(Path("f.csv"), ("concur", "copied", ""), ("Dismiss", "Quotation", "=said"))
    capsys.readouterr()
    bring = ("review", "import", "f.csv", *TABLE, "--reviewer", "anna")
    assert run(*bring) == 0
    assert capsys.readouterr().out == (
        "2 decisions stored, 0 known already, 1 lines undecided, 0 lines bad\n"
    )
    assert run(*bring) == 0
    assert "0 decisions stored, 2 known already" in capsys.readouterr().out
    assert run("review", "export", *TABLE, "--out", "g.csv") == 0
    assert [row["state"] for row in exported("g.csv")] == ["pending"]
    assert run("review", "export", *TABLE, "--out", "h.csv", "--state", "concur, dismissed") == 0
    assert sorted(row["state"] for row in exported("h.csv")) == ["concur", "dismissed"]
    assert run("review", "export", *TABLE, "--out", "d.parquet", "--format", "parquet") == 0
    states = pq.read_table("d.parquet")["state"].to_pylist()
    assert sorted(set(states)) == ["concur", "dismissed", "pending"]
    assert len(states) == 4
    assert run("review", "verify", *TABLE) == 0
    assert "6 events, 2 decisions" in capsys.readouterr().out


def test_bad_lines_end_with_2_or_3(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    write("a.parquet", text=[FLAGGED, f"{FLAGGED} Indeed."])
    assert detect(run) == 0
    assert run("review", "export", *TABLE, "--out", "f.csv") == 0
    decide(Path("f.csv"), ("concur", "", ""), ("perhaps", "", ""))
    bring = ("review", "import", "f.csv", *TABLE, "--reviewer", "anna")
    assert run(*bring) == 2
    said = capsys.readouterr().err
    assert "f.csv:3: decision is none of concur, dismiss, escalate, second" in said
    assert "nothing was stored: 1 lines of f.csv are bad" in said
    assert rows_of("review_decisions") == []
    assert run(*bring, "--keep-going") == 3
    (stored,) = rows_of("review_decisions")
    names = {row["person"]: row["name"] for row in rows_of("review_people")}
    assert names[stored["reviewer"]] == "anna"
    assert (stored["decision"], stored["line"]) == ("concur", 2)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("import", "none.csv", "--reviewer", "anna"), "cannot read none.csv"),
        (("import", "f.csv", "--reviewer", " "), "name of a reviewer"),
        (("import", "f.csv", "--reviewer", "a", "--decided-at", "noon"), "2026-01-31T09:30+01:00"),
        (("import", "f.csv", "--reviewer", "a", "--decided-at", "2026-01-31T09:30"), "time zone"),
        (("import", "f.csv", "--reviewer", "a", "--decided-at", "2026-01-31"), "time zone"),
        (("export", "--out", "x", "--state", "done"), "--state takes pending, reopened"),
        (("export", "--out", "x", "--new-since", "1999"), "no such run was committed"),
        (("export", "--out", "x", "--assign", "a/b"), "names to assign to"),
        (("export", "--out", "x", "--dataset", "dota"), "no data set 'dota' in the review table"),
        (("sheet", "--out", "x.html", "--dataset", "dota"), "no data set 'dota'"),
        (("verify", "--head", "5f0c..."), "64 hexadecimal digits"),
        (("verify", "--head", "5f" * 31), "64 hexadecimal digits"),
        (
            ("export", "--out", "x", "--assign", "a", "--format", "parquet"),
            "CSV and Label Studio only",
        ),
    ],
)
def test_what_cannot_be_done_ends_with_2(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    Path("out").mkdir()
    open_review("sqlite:///out/review.sqlite").dispose()
    Path("f.csv").write_text("item_key,row_version,decision\n")
    assert run("review", *arguments, *TABLE) == 2
    assert problem in capsys.readouterr().err
    assert not Path("x").exists()


def test_an_export_of_a_data_set_that_is_not_there_names_those_that_are(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    write("a.parquet", text=[PLAIN])
    assert detect(run, "--dataset", "plain") == 0
    write("a.parquet", text=[FLAGGED])
    assert detect(run, "--dataset", "flagged") == 0
    for name, code in (("plain", 0), ("flagged", 0), ("plane", 2)):
        assert run("review", "export", *TABLE, "--out", "x", "--dataset", name) == code
    assert "no data set 'plane' in the review table: flagged, plain" in capsys.readouterr().err


def test_a_date_is_its_beginning_in_utc(run: Run) -> None:
    write("a.parquet", text=[FLAGGED])
    assert detect(run) == 0
    assert run("review", "export", *TABLE, "--out", "f.csv") == 0
    decide(Path("f.csv"), ("concur", "", ""))
    bring = ("review", "import", "f.csv", *TABLE, "--reviewer", "anna")
    assert run(*bring, "--decided-at", "2026-01-31T00:00Z") == 0
    (stored,) = rows_of("review_decisions")
    assert stored["decided_at"].startswith("2026-01-31 00:00:00")
