"""``--out`` where a file is, or below one: a stop that names it, whichever command it is."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from purges import decisions, write_data

from scrubtrace.exits import UsageStop
from scrubtrace.lock import make_output_folder

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
