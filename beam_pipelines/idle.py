"""Processes that wait for each other for ever, ended where a limit of the address space is set.

Refused memory is mostly noticed where it is refused (`short_memory`). Where a library notices it
and says nothing, launcher and workers are left waiting; then none of them uses the processor.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

LOOK_SECONDS = 5.0
IDLE_SECONDS = 60.0
IDLE_SHARE = 0.01
"""Less of one processor than this is waiting; looking for progress takes less."""

TOLERANCE = 0.05
"""Seconds of the processor that are no movement in any case: the kernel counts in hundredths."""

_PARENT, _USER, _SYSTEM = 1, 11, 12
"""Places of the fields behind the name in ``/proc/<pid>/stat`` (proc(5)), from 0."""

Moved = tuple[float, float]
"""When there was movement last, and the processor time then; both in seconds."""


@contextmanager
def ended_when_idle(end: Callable[[], object] | None) -> Iterator[None]:
    """Calls ``end`` once this process and those it started do nothing for `IDLE_SECONDS`.

    Without ``end`` nothing is watched. What is watched must not wait for people or locks.
    """
    if end is None:
        yield
        return
    done = threading.Event()
    watch = threading.Thread(target=_watch, args=(done, end), name="watch_idle", daemon=True)
    watch.start()
    try:
        yield
    finally:
        done.set()


def moved(last: Moved, now: float, used: float) -> Moved:
    """The last movement, seen at ``now`` with ``used`` seconds of the processor.

    Less time than before is movement, too: a process has ended.
    """
    unmoved = max(IDLE_SHARE * (now - last[0]), TOLERANCE)
    return last if abs(used - last[1]) < unmoved else (now, used)


def used_seconds(root: int, processes: Mapping[int, tuple[int, float]]) -> float:
    """Processor time of a process and all that descend from it.

    ``processes`` gives parent and processor time by process.
    """
    total = 0.0
    for pid, (_, seconds) in processes.items():
        ancestor = pid
        while ancestor != root and ancestor in processes:
            ancestor = processes[ancestor][0]
        total += seconds if ancestor == root else 0.0
    return total


def _watch(done: threading.Event, end: Callable[[], object]) -> None:
    last = (time.monotonic(), _used())
    while not done.wait(LOOK_SECONDS):
        now = time.monotonic()
        last = moved(last, now, _used())
        if now - last[0] >= IDLE_SECONDS:
            end()
            return


def _used() -> float:
    """Processor time of this process and its descendants, without that of looking for it."""
    return used_seconds(os.getpid(), _processes()) - time.thread_time()


def _processes() -> dict[int, tuple[int, float]]:
    """Parent and processor time of every process that can be seen; empty but on Linux."""
    found, ticks = {}, os.sysconf("SC_CLK_TCK")
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        seconds = (int(fields[_USER]) + int(fields[_SYSTEM])) / ticks
        found[int(folder.name)] = (int(fields[_PARENT]), seconds)
    return found
