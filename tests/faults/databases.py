"""A SQLite review table that another program holds on to."""

import sqlite3
import threading
from collections.abc import Iterator

from harness import (
    UNITS,
    Job,
    Trial,
    Work,
    check_again,
    check_stop,
    compare,
    receipts,
    run_folders,
    table,
    wait_until,
)

BUSY_SECONDS = 60
"""How long the product waits for a lock."""


def locked(work: Work) -> Iterator[Trial]:
    """Write locks that are shorter and longer than the product waits, and a long read."""
    yield _held(work, "write lock for 15 s in the commit", 15, "BEGIN IMMEDIATE", [0])
    yield _held(work, "exclusive lock for 15 s in the commit", 15, "BEGIN EXCLUSIVE", [0])
    yield _held(work, "write lock until long after", None, "BEGIN IMMEDIATE", [3])
    yield _held(work, "read transaction during the commit", None, "BEGIN DEFERRED", [0])
    yield _locked_from_the_start(work)


def _lock(job: Job, statement: str) -> sqlite3.Connection:
    path = job.review.removeprefix("sqlite:///")
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute(statement)
    connection.execute("SELECT count(*) FROM review_items").fetchone()
    return connection


def _held(
    work: Work, variant: str, seconds: float | None, statement: str, codes: list[int]
) -> Trial:
    job = work.job()
    process = job.start()
    wait_until(lambda: bool(run_folders(job.out)), process)
    wait_until(lambda: receipts(job.out) >= UNITS // 2, process)
    connection = _lock(job, statement)
    timer = threading.Timer(seconds, connection.close) if seconds else None
    if timer:
        timer.start()
    trial = Trial(variant, [])
    phrases = ["database is locked", "the same command goes on"] if codes == [3] else []
    check_stop(trial, job.end(process), codes, phrases)
    if timer:
        timer.join()
    connection.close()
    if codes == [0]:
        compare(trial, job, work.expected)
    else:
        check_again(trial, job, work.expected)
    return trial


def _locked_from_the_start(work: Work) -> Trial:
    """A table that exists, and whose lock is held when the run begins."""
    job = work.job()
    first = work.job(review=job.review, out=job.out)
    first.run()
    connection = _lock(job, "BEGIN IMMEDIATE")
    trial = Trial("write lock from before the start until long after", [])
    again = work.job(review=job.review)
    check_stop(trial, again.run(), [3], ["database is locked", "the same command goes on"])
    connection.close()
    ended = again.run()
    trial.codes.append(ended.code)
    if ended.code != 0:
        trial.problems.append(f"again: exit {ended.code}: {ended.message}")
    trial.equal = table(job.review, "review_items") == work.expected.items
    if not trial.equal:
        trial.problems.append("review rows differ")
    return trial
