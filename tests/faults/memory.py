"""Too little memory: killed workers as by the kernel, limits, and MemoryError."""

import os
import resource
import shutil
import signal
import time
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq
from harness import (
    CANARY,
    FLAGGED,
    UNITS,
    Ended,
    Job,
    Result,
    Trial,
    Work,
    check_again,
    check_stop,
    compare,
    receipts,
    result,
    run_folders,
    wait_until,
    workers_of,
    write_shards,
)

SAID = ["a worker process", "memory", "the same command goes on"]
BOUND_SECONDS = 120.0
HUGE_CHARS = 60_000_000
LIMITS = (0.4, 0.6, 0.75, 0.9)
"""Shares of the address space that an undisturbed run of the huge row takes at most."""
ROOMS = (50, 150, 400)
"""MiB that a worker may take beyond what it has when it starts."""


def short(work: Work) -> Iterator[Trial]:
    """Workers killed at several moments, and address spaces that are too small for one row."""
    for moment in ("at its start", "in the scan", "near the end of the scan"):
        for which in (0, 1):
            yield _killed_worker(work, moment, which)
    yield _killed_workers(work)
    yield from _limited(work)


def _moment(job: Job, moment: str) -> bool:
    if moment == "at its start":
        return bool(run_folders(job.out))
    return receipts(job.out) >= (2 if moment == "in the scan" else UNITS - 3)


def _killed_worker(work: Work, moment: str, which: int) -> Trial:
    job = work.job(2)
    process = job.start()
    wait_until(lambda: _moment(job, moment), process)
    wait_until(lambda: len(workers_of(process.pid)) == 2, process)
    killed = workers_of(process.pid)[which]
    os.kill(killed, signal.SIGKILL)
    trial = Trial(f"SIGKILL of one of 2 workers {moment}", [])
    check_stop(trial, job.end(process, BOUND_SECONDS), [3], SAID)
    check_again(trial, job, work.expected)
    return trial


def _killed_workers(work: Work) -> Trial:
    job = work.job(2)
    process = job.start()
    wait_until(lambda: receipts(job.out) >= 2, process)
    for pid in workers_of(process.pid):
        os.kill(pid, signal.SIGKILL)
    trial = Trial("SIGKILL of both workers in the scan", [])
    check_stop(trial, job.end(process, BOUND_SECONDS), [3], SAID)
    check_again(trial, job, work.expected)
    return trial


def _limited(work: Work) -> Iterator[Trial]:
    """One huge row among small ones, under limits of the address space of every process."""
    if shutil.which("prlimit") is None:
        yield Trial("needs prlimit (package util-linux)", [])
        return
    data = work.folder / "huge"
    write_shards(data, shards=2)
    text = f"{CANARY}. ".capitalize() * (HUGE_CHARS // len(CANARY)) + FLAGGED
    pq.write_table(pa.table({"id": ["huge"], "text": [text]}), data / "part-9.parquet")
    whole = work.job(data=data)
    process = whole.start()
    peak = 0
    while process.poll() is None:
        peak = max(peak, _address_space(process.pid))
        time.sleep(0.02)
    expected = result(whole.out, whole.review)
    for workers in (1, 2):
        for share in LIMITS:
            job = work.job(workers, data=data, prefix=("prlimit", f"--as={int(peak * share)}"))
            yield _under_limit(job, share, expected)
    for room in ROOMS:
        yield _limited_workers(work.job(2, data=data), room, expected)


def _address_space(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return 0


def _under_limit(job: Job, share: float, expected: Result) -> Trial:
    many = f"{job.workers} worker{'s' * (job.workers > 1)}"
    trial = Trial(f"address space {share:.0%} of what it takes, {many}", [])
    ended = job.end(job.start(), BOUND_SECONDS)
    job.prefix = ()
    _after_limit(trial, job, ended, expected)
    return trial


def _limited_workers(job: Job, room: int, expected: Result) -> Trial:
    """Limits the two workers, not the launcher, which needs its memory to say what happened."""
    trial = Trial(f"address space of 2 workers: {room} MiB more than at their start", [])
    process = job.start()
    wait_until(lambda: len(workers_of(process.pid)) == 2, process)
    for pid in workers_of(process.pid):
        limit = _address_space(pid) + (room << 20)
        resource.prlimit(pid, resource.RLIMIT_AS, (limit, limit))
    _after_limit(trial, job, job.end(process, BOUND_SECONDS), expected)
    return trial


def _after_limit(trial: Trial, job: Job, ended: Ended, expected: Result) -> None:
    if ended.code == 0:  # it was enough, and the same command would make another run
        trial.codes.append(0)
        compare(trial, job, expected)
        return
    check_stop(trial, ended, [3], ["memory", "the same command goes on"])
    check_again(trial, job, expected)
