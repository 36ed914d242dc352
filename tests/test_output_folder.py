"""``--out`` where a file is, or below one: a stop that names it, whichever command it is."""

import os
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import decisions, write_data

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.exits import UsageStop
from scrubtrace.lock import make_output_folder
from scrubtrace.review.connection import parse_url, sqlite_url

EXAMPLES = Path(__file__).parents[1] / "examples" / "calls"
COMMANDS = {
    "detect": ("detect", "data/p0.parquet"),
    "diff": ("diff", "data/p0.parquet", "data/p1.parquet"),
    "index build": ("index", "build", "data/p0.parquet", "--basis", "contract 7"),
    "calls check": (
        "calls", "check", str(EXAMPLES / "log.jsonl"), "--spec", str(EXAMPLES / "calls.toml"),
    ),
    "purge": (
        "purge", "data/*.parquet", "--decisions", "decided.parquet",
        "--set", "purge.hold_decision=none",
    ),
    "clusters": ("clusters", "work.parquet", "--group-by", "labeler=who,task=job"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()
    decisions([(0, 3)])
    pq.write_table(pa.table({"text": ["A b."], "who": ["ida"], "job": ["j1"]}), "work.parquet")
    Path("notes.txt").write_text("Not a folder.")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_file_in_the_way_is_named(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    below = "notes.txt/x.parquet"
    for out in (below,) if command == "clusters" else ("notes.txt", "notes.txt/a/b"):
        assert code_of(*COMMANDS[command], "--out", out) == 2, capsys.readouterr().err
        assert "since notes.txt is no folder: name another" in capsys.readouterr().err
    assert Path("notes.txt").read_text() == "Not a folder."


def test_the_report_below_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("detect", "data/p0.parquet", "--out", "runs", "--quiet") == 0
    about = ("--runs", "runs", "--review", "sqlite:///runs/review.sqlite")
    assert code_of("report", *about, "--out", "notes.txt/report.md") == 2
    assert "cannot write notes.txt/report.md: Not a directory" in capsys.readouterr().err


def test_a_link_that_leads_nowhere() -> None:
    Path("gone").symlink_to("nowhere")
    with pytest.raises(UsageStop, match=r"gone/a cannot be .*since gone is no folder"):
        make_output_folder("gone/a")


NAMES = ["a%20b", "o?x=1", "a@b@c", "file:a", ":memory:", "a b", "a#b[1]"]


@pytest.mark.parametrize("out", NAMES)
def test_the_review_table_lies_in_the_folder_whatever_its_name(
    out: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name for path in Path().iterdir()}
    assert code_of("detect", "data/p0.parquet", "--out", out, "--quiet") == 0
    assert {path.name for path in Path().iterdir()} - before == {out}
    assert Path(out, "review.sqlite").is_file()
    (run,) = runs_of(out)
    assert code_of("runs", "replay", run.id, "--out", out, "--keep", f"kept {out}") == 0
    assert Path(f"kept {out}", "review.sqlite").is_file()
    capsys.readouterr()
    code_of("doctor", "--out", out)
    assert re.search(r"^ok +review table: .*schema revision", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize("file", [*NAMES, "/a/b.sqlite", "b.sqlite", "../b", "a\\b", "\u00fc"])
def test_the_url_of_a_file_is_that_file(file: str) -> None:
    database = parse_url(sqlite_url(file)).database
    assert database is not None
    assert os.path.abspath(database) == os.path.abspath(file)
