"""SIGKILL of the launcher at random moments of every phase."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

from harness import (
    UNITS,
    Job,
    Trial,
    Work,
    alive,
    check_again,
    descendants,
    receipts,
    run_folders,
    table,
    wait_until,
)

PHASES = ("plan", "scan", "commit")
ORPHAN_SECONDS = 60.0


def kills(work: Work) -> Iterator[Trial]:
    """As many kills as asked for, spread evenly over the phases and over 1 and 2 workers."""
    lengths = {workers: _lengths(work, workers) for workers in (1, 2)}
    wanted = [
        (workers, phase)
        for number in range(work.kills)
        for workers, phase in [(1 + number % 2, PHASES[number // 2 % 3])]
    ]
    while wanted:
        workers, phase = wanted.pop()
        trial = _kill(work, workers, phase, lengths[workers][phase])
        if trial is None:  # the job was done before the moment came
            wanted.append((workers, phase))
        else:
            yield trial


def _moments(job: Job) -> Iterator[tuple[str, bool]]:
    """Which phases are over."""
    folders = run_folders(job.out)
    yield "plan", bool(folders)
    yield "scan", receipts(job.out) == UNITS
    yield "commit", bool(folders) and (folders[-1] / "manifest.json").exists() and _is_recorded(job)


def _is_over(job: Job, phase: str) -> bool:
    return dict(_moments(job))[phase]


def _is_recorded(job: Job) -> bool:
    return len(table(job.review, "review_runs")) == 1


def _phase(job: Job) -> str:
    """The phase that a job is in, from the files it has written."""
    return next((phase for phase, over in _moments(job) if not over), "done")


def _lengths(work: Work, workers: int) -> dict[str, float]:
    """Seconds of each phase of an undisturbed run."""
    job = work.job(workers)
    start = time.monotonic()
    process = job.start()
    marks = []
    for phase in PHASES:
        wait_until(partial(_is_over, job, phase), process)
        marks.append(time.monotonic())
    job.end(process)
    return {"plan": marks[0] - start, "scan": marks[1] - marks[0], "commit": marks[2] - marks[1]}


def _kill(work: Work, workers: int, phase: str, length: float) -> Trial | None:
    job = work.job(workers)
    started = time.monotonic()
    process = job.start()
    if phase == "scan":
        wait_until(lambda: bool(run_folders(job.out)), process)
    elif phase == "commit":
        wait_until(lambda: receipts(job.out) == UNITS, process)
    time.sleep(work.rng.uniform(0, length))
    started_by_it = descendants(process.pid)
    if process.poll() is not None:
        return None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    reached = _phase(job)
    if reached == "done":
        return None
    trial = Trial(f"{workers} worker{'s' * (workers > 1)}, in {reached}", [process.returncode])
    check_again(trial, job, work.expected)
    deadline = time.monotonic() + ORPHAN_SECONDS
    while any(map(alive, started_by_it)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if any(map(alive, started_by_it)):
        trial.problems.append("a worker outlived the launcher")
    trial.seconds = time.monotonic() - started
    return trial
