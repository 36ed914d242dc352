"""What a user does wrong, or interrupts, after a run has been made."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import EntryPoint
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.detectors import registry

PHRASE = "As an AI language model, I cannot swim."
SCRUBTRACE = str(Path(sys.executable).with_name("scrubtrace"))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    pq.write_table(pa.table({"text": [PHRASE, "Plain."]}), "a.parquet")


def test_a_run_with_another_key_is_not_committed_into_the_table(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("detect", "a.parquet", "--out", "one", "--quiet") == 0
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    assert code_of("detect", "a.parquet", "--out", "two", "--quiet") == 0
    run = runs_of("two")[0].id
    table = ("--review", "sqlite:///one/review.sqlite")
    assert code_of("commit", run, "--out", "two", *table) == 2
    assert "the digest key changed" in capsys.readouterr().err


def test_commit_makes_no_table_that_was_not_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("detect", "a.parquet", "--out", "out", "--review", "sqlite:///r.sqlite") == 0
    assert code_of("commit", runs_of("out")[0].id, "--out", "out") == 2
    assert "there is no review table" in capsys.readouterr().err
    assert not Path("out/review.sqlite").exists()


def test_export_from_a_table_that_is_not_there_writes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    review = ("--review", "sqlite:///mistyped.sqlite")
    assert code_of("review", "export", *review, "--out", "f.csv") == 2
    assert "there is no review table" in capsys.readouterr().err
    assert sorted(path.name for path in Path().iterdir()) == ["a.parquet"]


@pytest.mark.parametrize("name", ["f.csv", "f.parquet"])
def test_export_into_a_folder_that_is_not_there_names_the_file(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("detect", "a.parquet", "--out", "out", "--quiet") == 0
    review = ("--review", "sqlite:///out/review.sqlite", "--format", name.partition(".")[2])
    assert code_of("review", "export", *review, "--out", f"gone/{name}") == 2
    told = capsys.readouterr().err
    assert f"cannot write gone/{name} (No such file or directory): check the folder" in told


def test_an_error_of_arrow_is_none_of_the_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise pa.ArrowInvalid("a text of a row")

    assert code_of("detect", "a.parquet", "--out", "out", "--quiet") == 0
    monkeypatch.setattr(pq.ParquetWriter, "write_table", refuse)
    review = ("--review", "sqlite:///out/review.sqlite", "--format", "parquet")
    assert code_of("review", "export", *review, "--out", "f.parquet") == 2
    assert "cannot write f.parquet (ArrowInvalid): check the folder" in capsys.readouterr().err
    assert not list(Path().glob("*f.parquet*"))


def test_export_reads_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("review", "export", "--out", "f.csv") == 2
    assert "name the review table" in capsys.readouterr().err
    Path("scrubtrace.toml").write_text('[review]\nurl = "sqlite:///r.sqlite"\n')
    assert code_of("detect", "a.parquet", "--out", "out", "--quiet") == 0
    assert code_of("review", "export", "--out", "f.csv") == 0
    assert "1 rows written" in capsys.readouterr().out


def test_quiet_still_says_why_a_run_is_incomplete(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("detect", "a.parquet", "gone.parquet", "--out", "out", "--quiet") == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "is incomplete: 1 dead rows, shards or detector errors" in captured.err


def test_explain_with_a_detector_that_is_not_installed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert code_of("explain", PHRASE, "--set", "scan.detectors=['nope']") == 2
    assert "no detector 'nope'; installed: boilerplate" in capsys.readouterr().err


def test_a_broken_plugin_is_named_and_the_others_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ours = registry.installed_detectors()["boilerplate"].entry_point
    broken = EntryPoint("broken", "no_such_module:Thing", registry.GROUP)
    monkeypatch.setattr(registry, "entry_points", lambda group: [ours, broken])
    monkeypatch.setattr(registry, "_registered", registry._registered.__wrapped__)
    assert code_of("detectors") == 2
    captured = capsys.readouterr()
    assert "boilerplate  version" in captured.out
    assert "detector 'broken' of unknown distribution" in captured.err
    assert code_of("explain", PHRASE) == 2


@pytest.mark.parametrize(
    ("workers", "number", "said"),
    [
        ("1", signal.SIGINT, "interrupted;"),
        ("2", signal.SIGINT, "interrupted;"),
        ("1", signal.SIGTERM, "interrupted by SIGTERM;"),
    ],
)
def test_an_interrupted_run_says_so_and_goes_on(
    workers: str, number: signal.Signals, said: str
) -> None:
    pq.write_table(pa.table({"text": ["The tide came in again. " * 40] * 40_000}), "a.parquet")
    command = [SCRUBTRACE, "detect", "a.parquet", "--out", "out", "--workers", workers]
    process = subprocess.Popen(
        [*command, "--quiet"], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not runs_of("out"):
        time.sleep(0.05)
    time.sleep(1)
    os.kill(process.pid, number)
    _, shown = process.communicate(timeout=120)
    assert process.returncode == 3, shown
    assert shown.splitlines()[-1].startswith(f"scrubtrace: {said} the same command goes on")
    assert "this is a bug" not in shown
    again = subprocess.run([*command, "--quiet"], capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert len(runs_of("out")) == 1


@pytest.mark.parametrize(
    ("verb", "number", "whole_group"),
    [
        ("detect", signal.SIGINT, True),
        ("purge", signal.SIGINT, True),
        ("detect", signal.SIGTERM, True),
        ("detect", signal.SIGTERM, False),
    ],
)
def test_an_interruption_is_told_once_and_ends_the_workers(
    verb: str, number: signal.Signals, whole_group: bool
) -> None:
    texts = pa.table({"text": ["Plain text."] * 200_000})
    for shard in range(8):
        pq.write_table(texts, f"{shard}.parquet")
    Path("list.csv").write_text("row_id\nPlain text.\n")
    more = {
        "detect": ["--set", "scan.unit_rows=1000"],
        "purge": ["--list", "list.csv", "--id-column", "text", "--hold-decision", "none"],
    }
    command = [SCRUBTRACE, verb, "*.parquet", "--out", "out", "--workers", "2", *more[verb]]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    while not (workers := _workers_of(process.pid)):
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "Traceback" not in said
    assert re.match("scrubtrace: interrupted.*; the same command goes on", said.splitlines()[-1])
    until = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < until, "a worker is left"
        time.sleep(0.1)


def _workers_of(session: int) -> list[int]:
    """Processes of the session that run one of our modules for workers."""
    found = []
    for place in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            if os.getsid(int(place.name)) == session and "worker" in (
                (place / "cmdline").read_text()
            ).replace("--workers", ""):
                found.append(int(place.name))
    return found
