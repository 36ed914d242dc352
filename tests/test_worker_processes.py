"""Worker processes that die: the run ends, says why, and goes on with the same command."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines import forking, worker_processes
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.exits import Exit

FLAGGED = "As an AI language model, I have never been to the harbour."


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """The worker processes that the launcher starts."""
    processes: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def start(*arguments: object, **named: object) -> "subprocess.Popen[bytes]":
        processes.append(popen(*arguments, **named))  # type: ignore[call-overload]
        return processes[-1]

    monkeypatch.setattr(worker_processes.subprocess, "Popen", start)
    yield processes
    assert all(process.poll() is not None for process in processes)


def detect(out: Path, *more: str) -> int:
    arguments = ["detect", f"{out.parent}/data/*.parquet", "--out", str(out), "--quiet", *more]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_a_killed_worker_ends_the_run_and_the_same_command_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    started: list["subprocess.Popen[bytes]"],
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(forking, "CAN_FORK", False)
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"text": [FLAGGED] * 8}), tmp_path / "data" / "a.parquet")
    watch = worker_processes.WorkerProcessHandler._watch

    def kill_and_watch(handler: worker_processes.WorkerProcessHandler) -> None:
        if len(started) == 1:
            os.kill(started[0].pid, signal.SIGKILL)
        watch(handler)

    with monkeypatch.context() as patch:
        patch.setattr(worker_processes.WorkerProcessHandler, "_watch", kill_and_watch)
        assert detect(tmp_path / "out", "--workers", "2") == Exit.INCOMPLETE
    said = capfd.readouterr().err
    assert "a worker process died (SIGKILL: out of memory?)" in said
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    assert detect(tmp_path / "out", "--workers", "2") == Exit.DONE
    assert [run.is_committed() for run in runs_of(str(tmp_path / "out"))] == [True]


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (-9, "SIGKILL: out of memory?"),
        (-6, "SIGABRT"),
        (1, "exit code 1"),
        (12, "out of memory"),
    ],
)
def test_causes(code: int, cause: str) -> None:
    assert worker_processes._cause(code) == cause
