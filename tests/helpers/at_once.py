"""Commits and imports that run at the same time, each in a process of its own."""

import multiprocessing
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.synchronize import Barrier
from pathlib import Path

from decision_files import item

from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.store import record_run, upsert_items
from scrubtrace.schemas.review import ReviewItem, ReviewRun

COMMITTERS = 4
OWN, SHARED = 4_000, 1_000
"""Findings of one committer, and how many of them its neighbour finds, too."""

BASE = 2_000
"""Findings from before, on which is decided while every committer finds them again."""

_barrier: Barrier


def first_run() -> str:
    """The run that found the base."""
    return "20260101T000000.000000-aaaaaa"


def run_of(committer: int) -> str:
    """The run of a committer; a higher one is later."""
    return f"2026020{committer + 1}T000000.000000-aaaaaa"


def numbers_of(committer: int) -> list[int]:
    """The findings of a committer: the base, its own, and the first ones of the next committer."""
    start = BASE + committer * OWN
    return [*range(BASE), *range(start, start + OWN + SHARED)]


def evidence_of(run: str) -> str:
    """What the evidence is in the eyes of a run: each sees another one."""
    return run[:8] * 4


def found_by(run: str, numbers: Sequence[int]) -> list[ReviewItem]:
    """Findings as a run saw them; each committer's own are a data set."""
    return [
        item(
            number,
            dataset="base" if number < BASE else f"set {(number - BASE) // OWN}",
            evidence_fingerprint=evidence_of(run),
        )
        for number in numbers
    ]


def commit(url: str, committer: int) -> tuple[int, int, int]:
    """Commits the run of a committer in an order of its own; inserted, updated, unchanged."""
    numbers, run = numbers_of(committer), run_of(committer)
    random.Random(committer).shuffle(numbers)
    items = found_by(run, numbers)
    engine = open_review(url)
    _barrier.wait()
    counts = upsert_items(engine, items, run, ran={"boilerplate"})
    record_run(engine, ReviewRun(run, f"set {committer}", "k", run, len(items), 0))
    engine.dispose()
    return counts.inserted, counts.updated, counts.unchanged


def bring(url: str, files: Sequence[tuple[str, str]]) -> tuple[int, int, int]:
    """Imports files, each of a reviewer; decisions stored, known already, lines bad."""
    engine = open_review(url)
    _barrier.wait()
    found = [import_decisions(engine, Path(path), reviewer) for path, reviewer in files]
    engine.dispose()
    return tuple(  # type: ignore[return-value]
        sum(values)
        for values in zip(*((one.stored, one.known, len(one.bad)) for one in found), strict=True)
    )


def all_at_once(
    url: str, importers: Sequence[Sequence[tuple[str, str]]]
) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
    """What `commit` and `bring` give, of processes that begin when all of them are ready."""
    context = multiprocessing.get_context("spawn")
    processes = COMMITTERS + len(importers)
    barrier = context.Barrier(processes, timeout=120)
    with ProcessPoolExecutor(processes, context, _prepare, (barrier,)) as pool:
        commits = [pool.submit(commit, url, number) for number in range(COMMITTERS)]
        imports = [pool.submit(bring, url, files) for files in importers]
        return [done.result() for done in commits], [done.result() for done in imports]


def _prepare(barrier: Barrier) -> None:
    global _barrier
    _barrier = barrier
