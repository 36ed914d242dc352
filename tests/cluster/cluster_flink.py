"""``scrubtrace detect`` on a real Flink cluster (``make test-cluster``); skipped without Java."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from corpus import KEY, UNITS, detect, results
from servers import Flink, UnavailableError, class_path, process_environment, servers, start_flink

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of

WAIT_SECONDS = 600
ONE_WORKER = ("--parallelism=1", "--sdk_worker_parallelism=1")


@pytest.fixture(scope="module")
def flink(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flink]:
    """One cluster for all tests: the last one kills a part of it."""
    try:
        jars = class_path("flink")
    except UnavailableError as reason:
        pytest.skip(str(reason))
    with servers(tmp_path_factory.mktemp("flink"), {"SCRUBTRACE_KEY": KEY}) as started:
        yield start_flink(started, jars)


def beam_options(flink: Flink, *more: str) -> list[str]:
    endpoint = f"--job_endpoint={flink.job_endpoint}"
    return ["--runner=PortableRunner", endpoint, *process_environment(), *more]


def run_folder(out: Path) -> RunFolder:
    (folder,) = runs_of(str(out))
    return folder


def stages(flink: Flink) -> list[dict[str, Any]]:
    """What the newest job consists of."""
    job = max(flink.ask("/jobs/overview")["jobs"], key=lambda job: int(job["start-time"]))
    path = f"/jobs/{job['jid']}"
    vertices: list[dict[str, Any]] = flink.ask(path)["vertices"]
    return [flink.ask(f"{path}/vertices/{vertex['id']}") for vertex in vertices]


def restarts(flink: Flink) -> int:
    return max(task["attempt"] for stage in stages(flink) for task in stage["subtasks"])


def test_a_cluster_writes_the_same_bytes(
    flink: Flink, shards: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = detect(shards, out, beam_options(flink, f"--flink_master={flink.master}"))
    assert ran.returncode == 0, ran.stderr
    assert results(out) == local
    assert restarts(flink) == 0
    widths = {stage["parallelism"] for stage in stages(flink)}
    assert widths == {4}, "as many tasks at a time as the cluster has slots"

    run = run_folder(out)
    part = Path(run.part("boilerplate", "u0000003"))
    for path in (run.manifest, run.receipt("u0000003"), part):
        os.unlink(path)
    (part / "in the way").mkdir(parents=True)
    ran = detect(shards, out, beam_options(flink, *ONE_WORKER))
    assert ran.returncode == 3, ran.stderr
    assert "1 units could not be written: EISDIR" in ran.stderr


def test_workers_with_another_key_are_named(
    flink: Flink, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "cd" * 32)
    ran = detect(shards, tmp_path / "out", beam_options(flink, *ONE_WORKER))
    assert ran.returncode == 2, ran.stderr
    assert "workers could not begin" in ran.stderr
    assert "SCRUBTRACE_KEY holds key" in ran.stderr


def test_a_job_that_fails_on_the_cluster_says_why(
    flink: Flink, shards: Path, tmp_path: Path
) -> None:
    options = beam_options(flink, *ONE_WORKER, '--environment_config={"command": "/no/worker"}')
    ran = detect(shards, tmp_path / "out", options)
    assert ran.returncode == 3, ran.stderr
    assert "the job failed on the cluster: java.io.IOException: error=2, No such" in ran.stderr
    assert "\tat " not in ran.stderr


def test_a_killed_task_manager_does_not_change_the_result(
    flink: Flink, shards: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = detect(shards, out, beam_options(flink, "--parallelism=2"), start_only=True)
    deadline = time.monotonic() + WAIT_SECONDS
    while not runs_of(str(out)) or len(run_folder(out).scanned_units()) < 2:
        assert command.poll() is None, command.communicate()[1]
        assert time.monotonic() < deadline, "no unit was scanned"
        time.sleep(0.05)
    victim = flink.task_managers[0]
    workers = victim.children()
    victim.kill()
    assert len(run_folder(out).scanned_units()) < UNITS, "the job was over before the kill"
    _, errors = command.communicate(timeout=WAIT_SECONDS)
    assert command.returncode == 0, errors
    assert results(out) == local
    assert restarts(flink) > 0, "the job did not notice"
    assert workers, "the task manager had no workers"
    alive = subprocess.run(["ps", "-o", "pid=", "-p", ",".join(map(str, workers))])
    assert alive.returncode == 1, "workers outlived their task manager"
