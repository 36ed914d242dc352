"""Long drills (``make drill``): killed runs, a full disk, millions of rows. Not part of CI."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scrubtrace.beam_pipelines.layout import runs_of

REPOSITORY = Path(__file__).parents[1]
SCRUBTRACE = str(Path(sys.executable).with_name("scrubtrace"))
KILLS = 5


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    code = (
        "import sys, pathlib, corpus; "
        f"corpus.write_shards(pathlib.Path({str(folder)!r}), 8, 12_500, 300)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY / "benchmarks", check=True)
    return folder


def command(shards: Path, out: Path, workers: int) -> list[str]:
    arguments = [f"{shards}/*.parquet", "--out", str(out), "--id-column", "id", "--quiet"]
    return [SCRUBTRACE, "detect", *arguments, "--workers", str(workers)]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def results(out: Path) -> dict[str, str]:
    """Digests of what the newest run of an output folder wrote."""
    folder = Path(runs_of(str(out))[-1].path)
    names = ("parts", "receipts", "id_hashes", "plan.parquet")
    paths = (p for n in names for p in [folder / n, *(folder / n).rglob("*")])
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }


def worker_processes() -> list[int]:
    found = subprocess.run(
        ["pgrep", "-f", "scrubtrace.beam_pipelines.(worker|forking)"],
        capture_output=True,
        text=True,
    )
    return [int(pid) for pid in found.stdout.split()]


@pytest.mark.parametrize("workers", [1, 2])
def test_killed_runs_go_on_and_end_with_the_same_bytes(
    shards: Path, tmp_path: Path, workers: int
) -> None:
    whole = tmp_path / "whole"
    start = time.monotonic()
    subprocess.run(command(shards, whole, workers), check=True)
    length = time.monotonic() - start
    rng = random.Random(workers)
    for number in range(KILLS):
        out = tmp_path / f"out{number}"
        process = subprocess.Popen(command(shards, out, workers), start_new_session=True)
        time.sleep(rng.uniform(0.2, 0.9) * length)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        subprocess.run(command(shards, out, workers), check=True)
        assert results(out) == results(whole)
        assert list(Path(runs_of(str(out))[-1].path).rglob(".part-*")) == []


def test_no_worker_process_outlives_a_killed_run(shards: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(command(shards, tmp_path / "out", 2), start_new_session=True)
    time.sleep(8)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 60
    while worker_processes() and time.monotonic() < deadline:
        time.sleep(1)
    assert worker_processes() == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 KiB; needs the right to mount."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_ends_with_3_and_goes_on_when_there_is_room(
    shards: Path, small_disk: Path, tmp_path: Path
) -> None:
    review = f"sqlite:///{tmp_path}/review.sqlite"
    arguments = [*command(shards, small_disk, 1), "--review", review]
    ran = subprocess.run(arguments, capture_output=True, text=True)
    assert ran.returncode == 3, ran.stderr
    assert "the disk is full" in ran.stderr
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    subprocess.run(arguments, check=True)
    assert len(runs_of(str(small_disk))) == 1
    whole = tmp_path / "whole"
    subprocess.run(command(shards, whole, 1), check=True)
    assert results(small_disk) == results(whole)


def test_a_million_rows_are_all_accounted_for() -> None:
    script = REPOSITORY / "benchmarks" / "memory.py"
    ran = subprocess.run(
        [sys.executable, script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    ratio = float(ran.stdout.rsplit(" ", 1)[1])
    assert ratio <= 1.25, ran.stdout
