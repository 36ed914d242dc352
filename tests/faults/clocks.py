"""Clocks that jump between runs and in the middle of one, by libfaketime."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from harness import (
    SHARD_ROWS,
    Job,
    Result,
    Trial,
    Work,
    check_stop,
    compare,
    receipts,
    result,
    run_folders,
    wait_until,
    write_shard,
    write_shards,
)

LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
DAY = 86_400
YEAR = 365 * DAY


def _shifted(work: Work, seconds: int) -> dict[str, str]:
    """Environment of a process whose wall clock is off; its monotonic clock stays right."""
    file = work.folder / f"clock-{work.number}"
    file.write_text(f"{seconds:+d}")
    return {
        "LD_PRELOAD": str(LIBRARY),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def jumps(work: Work) -> Iterator[Trial]:
    """Two runs on changed shards with a jump between them, and one run with a jump inside."""
    if not LIBRARY.exists():
        yield Trial("needs libfaketime (package faketime)", [])
        return
    yield _between(work, "set back a day between two runs", 0, -DAY)
    yield _between(work, "set forward a year between two runs", 0, YEAR)
    yield _between(work, "a year ahead in the first run, right in the second", YEAR, 0)
    for workers in (1, 2):
        yield _inside(work, workers, "back a day", -DAY)
        yield _inside(work, workers, "forward a year", YEAR)


def _two_runs(work: Work, first: int, second: int) -> tuple[Job, list[int | str]]:
    """A run, other content in one shard, a run; with the clock off by so many seconds in each."""
    data = work.folder / "data-of-clocks"
    shutil.rmtree(data, ignore_errors=True)
    write_shards(data)
    job = work.job(data=data)
    codes: list[int | str] = []
    for shift in (first, second):
        job.environment = _shifted(work, shift) if shift else {}
        codes.append(job.run().code)
        write_shard(data / "part-1.parquet", SHARD_ROWS, seed=91)
    return job, codes


def _between(work: Work, variant: str, first: int, second: int) -> Trial:
    plain, _ = _two_runs(work, 0, 0)
    expected = result(plain.out, plain.review)
    job, codes = _two_runs(work, first, second)
    trial = Trial(f"clock {variant}", codes)
    if codes != [0, 0]:
        trial.problems.append(f"exit {codes}")
    stamps = [folder.stat().st_mtime for folder in run_folders(job.out)]
    if stamps != sorted(stamps):
        trial.problems.append("the id of the second run does not sort behind the first one's")
    _compare(trial, job, expected)
    return trial


def _compare(trial: Trial, job: Job, expected: Result) -> None:
    """Plans hold the time at which a shard changed, which is another one here."""
    compare(trial, job, expected)
    timed = [p for p in trial.problems if p == "2 files differ, manifest.json is one"]
    trial.problems = [p for p in trial.problems if p not in timed]
    trial.equal = not trial.problems


def _inside(work: Work, workers: int, jump: str, seconds: int) -> Trial:
    job = work.job(workers)
    job.environment = _shifted(work, 1)
    file = Path(job.environment["FAKETIME_TIMESTAMP_FILE"])
    process = job.start()
    wait_until(lambda: receipts(job.out) >= 2, process)
    file.write_text(f"{seconds:+d}")
    many = f"{workers} worker{'s' * (workers > 1)}"
    trial = Trial(f"clock jumps {jump} in the middle of a run, {many}", [])
    check_stop(trial, job.end(process), [0])
    compare(trial, job, work.expected)
    return trial
