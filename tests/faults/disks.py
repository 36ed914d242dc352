"""Disks that are full or read-only, for the output, the review table and temporary files."""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import (
    PAGE,
    UNITS,
    Job,
    Trial,
    Work,
    check_again,
    check_stop,
    frozen,
    receipts,
    run_folders,
    wait_until,
)

ROOM = "size=100m"
SIZES_OF_SCAN = 6
FULL = "the disk is full"
SQLITE_FULL = "database or disk is full"
READ_ONLY = "read-only"


def mounted(folder: Path, options: str) -> bool:
    """Mounts a file system in memory; False without the right to."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, capture_output=True).returncode == 0


def remount(folder: Path, options: str) -> None:
    """Changes the options of a mount."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


@contextmanager
def disk(work: Work, options: str) -> Iterator[Path]:
    """A small file system of its own; unmounted afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="disk-", dir=work.folder))
    if not mounted(folder, options):
        raise PermissionError("no right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def may_mount(work: Work) -> bool:
    """Whether file systems can be mounted here."""
    try:
        with disk(work, ROOM):
            return True
    except PermissionError:
        return False


def full(work: Work) -> Iterator[Trial]:
    """Outputs, review tables and temporary folders on disks of many sizes."""
    if not may_mount(work):
        yield Trial("needs the right to mount", [])
        return
    with disk(work, ROOM) as folder:
        job = work.job(out=folder / "out")
        job.run()
        pages = _used(folder)
        before = sum(-(-path.stat().st_size // PAGE) for path in job.out.glob("runs/*/[rp]*.*"))
    for size in range(1, before + 2):
        yield _full_output(work, size, 1)
    for step in range(SIZES_OF_SCAN):
        yield _full_output(work, before + 3 + step * (pages - before - 3) // SIZES_OF_SCAN, 1)
    yield _full_output(work, before + (pages - before) // 2, 2)
    for missing in (6, 3, 2, 1):  # the manifest is written last
        yield _full_output(work, pages - missing, 1)
    for kilobytes in (16, 100, 400, 1200, 2400):
        yield _full_review(work, kilobytes)
    yield _full_temporary(work)


def _used(folder: Path) -> int:
    """Pages that are in use on a disk."""
    status = os.statvfs(folder)
    return status.f_blocks - status.f_bfree


def _full_output(work: Work, pages: int, workers: int) -> Trial:
    with disk(work, f"size={pages * PAGE}") as folder:
        job = work.job(workers, out=folder / "out")
        trial = Trial("", [])
        check_stop(trial, job.run(), [3], [FULL, "the same command goes on"])
        many = ", 2 workers" if workers == 2 else ""
        trial.variant = f"output: {_lacking(job)} do not fit{many}"
        remount(folder, ROOM)
        check_again(trial, job, work.expected)
        return trial


def _lacking(job: Job) -> str:
    """Which file of the run was the first that found no room."""
    folders = run_folders(job.out)
    if not folders:
        return "specification and plan"
    if receipts(job.out) == UNITS:
        return "the manifest"
    found: set[str] = set()
    for number in range(UNITS):
        unit = f"u{number:07d}"
        parts = [(path / f"{unit}.parquet").exists() for path in folders[-1].glob("parts/*")]
        if not all(parts):
            found.add("parts")
        elif not (folders[-1] / "id_hashes" / f"{unit}.npy").exists():
            found.add("id hashes")
        elif not (folders[-1] / "receipts" / f"{unit}.json").exists():
            found.add("receipts")
    return ", ".join(sorted(found))


def _full_review(work: Work, kilobytes: int) -> Trial:
    with disk(work, f"size={kilobytes}k") as folder:
        job = work.job(review=f"sqlite:///{folder}/review.sqlite")
        trial = Trial("", [])
        ended = job.run()
        planned = bool(run_folders(job.out))
        check_stop(trial, ended, [3] if planned else [2, 3], [SQLITE_FULL if planned else "disk"])
        stage = "its rows do" if planned else "its schema does"
        trial.variant = f"review table (SQLite): {stage} not fit"
        remount(folder, ROOM)
        check_again(trial, job, work.expected)
        return trial


def _full_temporary(work: Work) -> Trial:
    """No temporary folder has room: SQLite needs it for large statements, workers do not."""
    with disk(work, f"size={PAGE}") as folder:
        (folder / "filler").write_bytes(b"x" * PAGE)
        job = work.job(2, environment={"TMPDIR": str(folder)})
        trial = Trial("temporary folder (TMPDIR), 2 workers", [])
        check_stop(trial, job.run(), [3], [SQLITE_FULL, "the same command goes on"])
        if receipts(job.out) < UNITS:
            trial.problems.append("the scan needed temporary files")
        job.environment.clear()
        check_again(trial, job, work.expected)
        return trial


def read_only(work: Work) -> Iterator[Trial]:
    """Output and review table on read-only disks, from the start or from the middle on."""
    if not may_mount(work):
        yield Trial("needs the right to mount", [])
        return
    yield _read_only_output(work, "empty")
    yield _read_only_output(work, "unfinished")
    for workers in (1, 2):
        yield _read_only_in_the_middle(work, workers)
    yield _read_only_review(work)


def _read_only_output(work: Work, state: str) -> Trial:
    with disk(work, ROOM) as folder:
        job = work.job(out=folder / "out")
        if state == "unfinished":
            _run_half(job)
        remount(folder, "ro")
        trial = Trial(f"output read-only from the start ({state})", [])
        check_stop(trial, job.run(), [2, 3], [READ_ONLY])
        remount(folder, "rw")
        check_again(trial, job, work.expected)
        return trial


def _run_half(job: Job) -> None:
    process = job.start()
    wait_until(lambda: receipts(job.out) >= UNITS // 2, process)
    process.kill()
    process.wait()


def _read_only_in_the_middle(work: Work, workers: int) -> Trial:
    """The run's folder becomes read-only: files held open would forbid it for the whole disk."""
    job = work.job(workers)
    process = job.start()
    wait_until(lambda: receipts(job.out) >= 2, process)
    with frozen(process):
        folder = run_folders(job.out)[-1]
        subprocess.run(["mount", "--bind", folder, folder], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    trial = Trial(f"output read-only from the middle on, {workers} worker{'s' * (workers > 1)}", [])
    try:
        phrases = ["the file system is read-only", "the same command goes on"]
        check_stop(trial, job.end(process), [3], phrases)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)
    check_again(trial, job, work.expected)
    return trial


def _read_only_review(work: Work) -> Trial:
    with disk(work, ROOM) as folder:
        job = work.job(review=f"sqlite:///{folder}/review.sqlite")
        remount(folder, "ro")
        trial = Trial("review table (SQLite) read-only", [])
        check_stop(trial, job.run(), [2], ["check that you may write the file and its folder"])
        remount(folder, "rw")
        check_again(trial, job, work.expected)
        return trial
