"""A PostgreSQL server of this test's own that stops in the middle."""

from collections.abc import Iterator

from harness import (
    UNITS,
    Job,
    Result,
    Trial,
    Work,
    check_again,
    check_stop,
    receipts,
    result,
    run_folders,
    table,
    wait_until,
)
from postgresql import Server, missing, server

FIRST_ITEMS = 1000
"""The commit works in transactions of so many items."""


def stopped(work: Work) -> Iterator[Trial]:
    """Stops and kills before and during the commit."""
    if missing():
        yield Trial(missing(), [])
        return
    with server() as running:
        whole = work.job(review=running.database("whole"))
        whole.run()
        expected = result(whole.out, whole.review)
        for moment in ("before the start", "in the scan", "in the commit"):
            for way in ("stop -m immediate", "stop -m fast", "SIGKILL"):
                yield _stop(work, running, expected, moment, way)


def _stop(work: Work, running: Server, expected: Result, moment: str, way: str) -> Trial:
    name = f"drill{work.number}"
    job = work.job(2 if way == "SIGKILL" else 1, review=running.database(name))
    trial = Trial(f"{way} {moment}", [])
    if moment == "before the start":
        _end(running, way)
        check_stop(trial, job.run(), [2, 3], ["check that the server runs"])
    else:
        process = job.start()
        wait_until(lambda: bool(run_folders(job.out)), process)
        reached = _in_scan if moment == "in the scan" else _in_commit
        wait_until(lambda: reached(job), process)
        _end(running, way)
        phrases = ["review database", "the same command goes on"]
        check_stop(trial, job.end(process), [3], phrases)
    running.start()
    check_again(trial, job, expected)
    return trial


def _in_scan(job: Job) -> bool:
    return receipts(job.out) >= UNITS // 3


def _in_commit(job: Job) -> bool:
    return receipts(job.out) == UNITS and len(table(job.review, "review_items")) >= FIRST_ITEMS


def _end(running: Server, way: str) -> None:
    if way == "SIGKILL":
        running.kill()
    else:
        running.stop(way.split()[-1])
