"""Log lines: as JSON each is one object, whatever ends the command; no text of a row in any."""

import csv
import json
import logging
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace import cli as cli_module
from scrubtrace import log
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.log_lines import FORMAT_VARIABLE, LineFormatter
from scrubtrace.cli import main
from scrubtrace.exits import LimitStop
from scrubtrace.progress import shown_progress

SCRUBTRACE = str(Path(sys.executable).with_name("scrubtrace"))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.delenv(FORMAT_VARIABLE, raising=False)


def events(shown: str) -> list[dict[str, Any]]:
    """Every line as an event; fails where one is none."""
    found = [json.loads(line) for line in shown.splitlines()]
    for event in found:
        assert {"time", "level", "event", "run"} <= set(event)
        offset = datetime.fromisoformat(event["time"]).utcoffset()
        assert offset is not None
        assert offset.total_seconds() == 0
    return found


def ended(*arguments: str) -> int:
    try:
        main(arguments)
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_a_run_with_worker_processes_writes_nothing_but_json() -> None:
    texts = ["As an AI language model, I cannot swim.", "canary \N{BLACK STAR}", "Plain."]
    values = [text.encode() for text in texts] + [b"canary \xff"]
    pq.write_table(pa.table({"text": pa.array(values * 10, pa.binary())}), "a.parquet")
    command = [SCRUBTRACE, "--log-format", "json", "detect", "a.parquet", "--out", "out"]
    ran = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, check=False)
    assert ran.returncode == 3, ran.stderr
    assert "flagged for review: 10" in ran.stdout
    found = events(ran.stderr)
    run = runs_of("out")[0].id
    progress = [event for event in found if event["event"] == "progress"][-1]
    assert (progress["run"], progress["rows"], progress["rows_in_all"]) == (run, 40, 40)
    done = found[-1]
    assert (done["event"], done["run"], done["exit_code"]) == ("run_done", run, 3)
    assert (done["rows"], done["dead_rows"]) == (40, {"invalid_utf8": 10})
    assert done["flagged"] == {"llm_text": 10}
    assert done["review_table"] == {"inserted": 10, "updated": 0, "unchanged": 0}
    assert "canary" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["detect", "gone-*.parquet", "--out", "out"], 2, "no file matches"),
        (["detect"], 2, "Missing argument 'SHARDS...'"),
        (["gate", "--out", "out", "--set", "gate.min_rows=1"], 3, "no committed run in out"),
        (["explain", "x", "--set", "a.b=1"], 2, "unknown configuration key 'a'"),
    ],
)
def test_what_stops_a_command_is_an_event(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert ended("--log-format", "json", *arguments) == code
    (event,) = events(capsys.readouterr().err)
    assert (event["event"], event["level"], event["exit_code"]) == ("stopped", "error", code)
    assert message in event["message"]


@pytest.mark.parametrize(
    ("error", "name", "code"),
    [
        (LimitStop("too many"), "stopped", 5),
        (KeyboardInterrupt(), "interrupted", 3),
        (RuntimeError("canary"), "crashed", 1),
    ],
)
def test_every_end_is_an_event(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    name: str,
    code: int,
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(cli_module.cli, "main", stop)
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    assert ended("detect") == code
    shown = capsys.readouterr().err
    (event,) = events(shown)
    assert (event["event"], event["exit_code"]) == (name, code)
    assert "canary" not in shown
    if name == "crashed":
        assert event["error"] == "RuntimeError"
        assert event["places"][-1].endswith("in stop")


def test_the_format_holds_for_one_command_and_text_is_the_default(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended("--log-format", "json", "gate", "--out", "out") == 2
    events(capsys.readouterr().err)
    assert FORMAT_VARIABLE not in os.environ
    assert ended("gate", "--out", "out") == 2
    assert capsys.readouterr().err.startswith("scrubtrace: no limit is configured")
    assert ended("--log-format", "xml", "gate", "--out", "out") == 2


def test_no_bar_on_a_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with log.one_command():
        log.about_run("r")
        with shown_progress(RunFolder(str(tmp_path)), 0, quiet=False):
            pass
    (event,) = events(capsys.readouterr().err)
    assert (event["event"], event["run"], event["rows"]) == ("progress", "r", 0)


def test_records_of_libraries_tell_class_and_place_of_an_error_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    try:
        raise ValueError("canary")
    except ValueError as error:
        information = (type(error), error, error.__traceback__)
    record = logging.LogRecord("lib", logging.ERROR, "f", 1, "it %s\nhere", ("broke",), information)
    monkeypatch.setenv(FORMAT_VARIABLE, "json")
    shown = LineFormatter("%(message)s").format(record)
    (event,) = events(shown)
    assert (event["event"], event["level"], event["logger"]) == ("log", "error", "lib")
    assert (event["message"], event["error"]) == ("it broke\nhere", "ValueError")
    assert "canary" not in shown
    monkeypatch.setenv(FORMAT_VARIABLE, "text")
    record.exc_info = None
    assert LineFormatter("%(name)s: %(message)s").format(record) == "lib: it broke\nhere"


def test_bad_lines_of_an_import_are_events(capsys: pytest.CaptureFixture[str]) -> None:
    pq.write_table(pa.table({"text": ["As an AI language model, I cannot swim."]}), "a.parquet")
    table = ("--review", "sqlite:///r.sqlite")
    assert ended("detect", "a.parquet", "--out", "out", *table, "--quiet") == 0
    assert ended("review", "export", *table, "--out", "f.csv") == 0
    with Path("f.csv").open(encoding="utf-8-sig", newline="") as file:
        [row] = csv.DictReader(file)
    with Path("f.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row | {"decision": "perhaps"})
    capsys.readouterr()
    given = ("review", "import", "f.csv", *table, "--reviewer", "anna")
    assert ended("--log-format", "json", *given) == 2
    bad, stopped = events(capsys.readouterr().err)
    assert (bad["event"], bad["file"], bad["number"]) == ("bad_line", "f.csv", 2)
    assert bad["message"].startswith("decision is none of")
    assert stopped["event"] == "stopped"


def test_rows_that_an_index_could_not_read_are_an_event(
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = [f"Answer {n} is about the old harbour and the boats in it." for n in range(9)]
    pq.write_table(pa.table({"text": texts}), "a.parquet")
    Path("b.parquet").write_bytes(b"no Parquet file")
    given = ("index", "build", "a.parquet", "b.parquet", "--basis", "contract 7", "--quiet")
    assert ended("--log-format", "json", *given, "--out", "index") == 3
    last = events(capsys.readouterr().err)[-1]
    assert (last["event"], last["dead_letters"]) == ("incomplete", 1)
