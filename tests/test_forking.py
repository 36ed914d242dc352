"""Worker processes forked from one that has loaded everything."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.metrics import MetricsFilter

from scrubtrace.beam_pipelines import forking, storage
from scrubtrace.beam_pipelines.failures import NAMESPACE
from scrubtrace.beam_pipelines.forking import forked_workers
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.beam_pipelines.runner import make_runner, pipeline_options
from scrubtrace.beam_pipelines.scan import ScanUnits
from scrubtrace.exits import Exit
from scrubtrace.schemas.plan import Columns

DETECTORS = ("boilerplate", "redaction")
PHRASE = "As an AI language model, I cannot swim."

needs_fork = pytest.mark.skipif(not forking.CAN_FORK, reason="forks on Linux only")


def scan(folder: RunFolder, plan: Any, worker_command: list[str] | None) -> Any:
    options = pipeline_options([], 2)
    pipeline = beam.Pipeline(make_runner(options, worker_command), options=options)
    _ = pipeline | beam.Create([unit.key for unit in plan.units]) | ScanUnits(folder.path)
    result = pipeline.run()
    result.wait_until_finish()
    return result


def files(folder: RunFolder) -> dict[str, bytes]:
    root = Path(folder.path)
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("run", "wanted"), [("runs/a", False), ("gs://bucket/runs/a", True), ("gs://b/a", False)]
)
def test_none_are_started_where_they_are_not_wanted_or_not_safe(run: str, wanted: bool) -> None:
    with forked_workers(run, DETECTORS, wanted) as command:
        assert command is None


@needs_fork
def test_forked_workers_write_the_same_bytes_as_others(
    write_shard: Callable[..., Path], make_run: Callable[..., Any]
) -> None:
    for number in range(3):
        write_shard(f"{number}.parquet", text=[PHRASE, "Plain.", None, "Hello [NAME]."] * 10)
    found = []
    for forked in (False, True):
        folder, _, plan = make_run(f"forked-{forked}", Columns("text"), unit_rows=10)
        with forked_workers(folder.path, DETECTORS, forked) as command:
            assert (command is not None) == forked
            scan(folder, plan, command)
        found.append(files(folder))
    assert len(plan.units) > 5
    assert found[0] == found[1]


@needs_fork
def test_what_cannot_be_loaded_is_an_error_of_the_workers(
    write_shard: Callable[..., Path], make_run: Callable[..., Any]
) -> None:
    write_shard("a.parquet", text=["Plain."] * 10)
    folder, spec, plan = make_run("mine", Columns("text"), unit_rows=2)
    other = replace(spec.detectors[0], fingerprint="other")
    spec = replace(spec, detectors=(other, *spec.detectors[1:]))
    storage.write_atomic(storage.join(folder.path, "run.json"), spec.to_json().encode())
    with forked_workers(folder.path, DETECTORS, True) as command:
        result = scan(folder, plan, command)
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    assert any("is not the one that was planned" in c.key.metric.name for c in counters)
    assert folder.scanned_units() == set()


@needs_fork
def test_a_worker_that_is_killed_ends_the_command_as_incomplete(
    write_shard: Callable[..., Path], tmp_path: Path
) -> None:
    path = write_shard("a.parquet", text=[f"Plain text number {n}." for n in range(200_000)])
    out = tmp_path / "out"
    scrubtrace = str(Path(sys.executable).with_name("scrubtrace"))
    command = [scrubtrace, "detect", str(path), "--out", str(out), "--workers", "2"]
    command += ["--set", "scan.unit_rows=100", "--key-file", str(tmp_path / "key")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not list(out.glob("runs/*/receipts/*.json")):
        assert process.poll() is None
    os.kill(_forks(process.pid)[0], signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    assert process.returncode == Exit.INCOMPLETE, said
    assert "a worker process died (SIGKILL: out of memory?)" in said


def _forks(launcher: int) -> list[int]:
    """Worker processes of a launcher: children of the child that forks them."""
    (parent,) = [pid for pid in _children(launcher) if "forking" in _command(pid)]
    return _children(parent)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()
