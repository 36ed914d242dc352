"""Two runs at once, on one output and on one review table."""

from collections.abc import Iterator

import postgresql
from harness import (
    Trial,
    Work,
    check_stop,
    compare,
    frozen,
    receipts,
    strays,
    table,
    wait_until,
    write_shards,
)


def at_once(work: Work) -> Iterator[Trial]:
    """The same output; one review table of two outputs, in SQLite and in PostgreSQL."""
    for workers in (1, 2):
        yield _one_output(work, workers)
    for same in (True, False):
        yield _one_table(work, "SQLite", same, [work.job().review for _ in range(2)])
    if postgresql.missing():
        yield Trial(postgresql.missing(), [])
        return
    with postgresql.server() as running:
        for number, same in enumerate((True, False)):
            urls = [running.database(f"together{number}{kind}") for kind in "ab"]
            yield _one_table(work, "PostgreSQL", same, urls)


def _one_output(work: Work, workers: int) -> Trial:
    job = work.job(workers)
    process = job.start()
    wait_until(lambda: receipts(job.out) >= 1, process)
    second = work.job(workers, out=job.out)
    trial = Trial(f"on one output, {workers} worker{'s' * (workers > 1)}", [])
    phrases = [f"in use by process {process.pid} on", "wait for it"]
    with frozen(process):
        check_stop(trial, second.run(), [2], phrases)
    first = job.end(process)
    trial.codes.append(first.code)
    if first.code != 0:
        trial.problems.append(f"the first ended with {first.code}: {first.message}")
    compare(trial, job, work.expected)
    return trial


def _one_table(work: Work, kind: str, same: bool, urls: list[str]) -> Trial:
    """Two jobs at once into the first table, and one after the other into the second."""
    other = work.folder / "other-data"
    write_shards(other, seed=5)
    data = [work.data, work.data if same else other]
    together, apart = ([work.job(review=url, data=folder) for folder in data] for url in urls)
    if not same:
        for jobs in (together, apart):
            jobs[1].more = ("--dataset", "other")
    started = [(job, job.start()) for job in together]
    shards = "the same shards" if same else "other shards"
    trial = Trial(f"on one review table ({kind}), {shards}", [])
    for job, process in started:
        check_stop(trial, job.end(process), [0])
    for job in apart:
        job.run()
    for name in ("review_items", "review_runs"):
        if table(urls[0], name) != table(urls[1], name):
            trial.problems.append(f"{name} differ from those of one run after the other")
    trial.equal = not trial.problems
    trial.problems += [f"left behind: {path}" for job in together for path in strays(job.out)]
    return trial
