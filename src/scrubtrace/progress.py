"""Progress of a scan, read from its receipts; a bar on a terminal, lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from scrubtrace import log

POLL_SECONDS = 0.5
LOOK_SHARE = 0.05
"""Looking at many receipts, or at an object store, takes at most this share of the time."""

LINE_SECONDS = 10.0
SCANNING = "scanning"


class Receipt(Protocol):
    """What a finished unit says of itself."""

    @property
    def rows(self) -> int:
        """Rows of the unit."""

    @property
    def findings(self) -> int:
        """Texts or rows that the job is after."""


class Receipts(Protocol):
    """A folder that units leave receipts in."""

    def scanned_units(self) -> set[str]:
        """Keys of the units that have a receipt."""

    def read_receipt(self, unit: str) -> Receipt:
        """One unit's receipt."""


@dataclass
class Counts:
    """Rows and findings of the units scanned so far; ``earlier`` were scanned before this run.

    ``found`` is what findings are, in words; nothing is said of them if it is empty.
    """

    total: int
    done: int = 0
    findings: int = 0
    earlier: int = 0
    found: str = "with evidence"
    doing: str = SCANNING
    seen: set[str] = field(default_factory=set)

    def read(self, folder: Receipts) -> None:
        """Adds the receipts that have come since the last reading."""
        for unit in sorted(folder.scanned_units() - self.seen):
            receipt = folder.read_receipt(unit)
            self.done += receipt.rows
            self.findings += receipt.findings
            self.seen.add(unit)


class Display(Protocol):
    """Shows counts while a scan runs, and once at its end."""

    def show(self, counts: Counts, seconds: float) -> None:
        """Shows the counts after so many seconds."""

    def close(self) -> None:
        """Leaves the terminal as it was."""


class _Lines:
    def __init__(self) -> None:
        self._last = 0.0
        self._ended = False

    def show(self, counts: Counts, seconds: float) -> None:
        ends = counts.done >= counts.total
        if self._ended or (not ends and seconds - self._last < LINE_SECONDS):
            return
        self._last, self._ended = seconds, ends
        rate = (counts.done - counts.earlier) / max(seconds, 1e-9)
        left = (counts.total - counts.done) / rate if rate else None
        ahead = "unknown time" if left is None else f"{left:.0f} s"
        doing = "" if counts.doing == SCANNING else f"{counts.doing}: "
        found = f", {counts.findings:,} {counts.found}" if counts.found else ""
        log.tell(
            "progress",
            f"{doing}{counts.done:,} of {counts.total:,} rows, {rate:,.0f} rows/s, {ahead} left"
            f"{found}",
            doing=counts.doing,
            rows=counts.done,
            rows_in_all=counts.total,
            rows_per_second=round(rate, 1),
            seconds_left=None if left is None else round(left, 1),
            texts_with_evidence=counts.findings,
        )

    def close(self) -> None:
        pass


class _Bar:
    def __init__(self, counts: Counts) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
        )

        found = " {task.fields[findings]} " + counts.found if counts.found else ""
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("rows  {task.fields[rate]} rows/s "),
            TimeRemainingColumn(),
            TextColumn(" left " + found, markup=False),
            console=Console(stderr=True),
        )
        self._task = self._progress.add_task(
            counts.doing, total=counts.total, completed=counts.done, rate="?", findings="0"
        )
        self._progress.start()

    def show(self, counts: Counts, seconds: float) -> None:
        rate = (counts.done - counts.earlier) / max(seconds, 1e-9)
        self._progress.update(
            self._task,
            completed=counts.done,
            rate=f"{rate:,.0f}",
            findings=f"{counts.findings:,}",
        )

    def close(self) -> None:
        self._progress.stop()


@contextmanager
def shown_progress(
    folder: Receipts, rows: int, quiet: bool, found: str = "with evidence", doing: str = SCANNING
) -> Iterator[None]:
    """Shows the progress of a scan while the block runs, unless ``quiet``.

    ``found`` is what the findings of the receipts are, in words; ``doing`` what is done to rows.
    """
    if quiet:
        yield
        return
    counts = Counts(rows, found=found, doing=doing)
    counts.read(folder)
    counts.earlier = counts.done
    with _watched(counts, lambda: counts.read(folder)):
        yield


@contextmanager
def counted_progress(rows: int, quiet: bool, found: str, doing: str) -> Iterator[Counts]:
    """Shows counts that the block raises itself, in the same way."""
    counts = Counts(rows, found=found, doing=doing)
    if quiet:
        yield counts
        return
    with _watched(counts, lambda: None):
        yield counts


@contextmanager
def _watched(counts: Counts, refresh: Callable[[], None]) -> Iterator[None]:
    is_bar = sys.stderr.isatty() and not log.is_json()
    display: Display = _Bar(counts) if is_bar else _Lines()
    stopped = threading.Event()
    started = time.monotonic()

    def look() -> float:
        """Seconds until the next look."""
        began = time.monotonic()
        refresh()
        display.show(counts, time.monotonic() - started)
        return max(POLL_SECONDS, (time.monotonic() - began) / LOOK_SHARE)

    def watch() -> None:
        pause = POLL_SECONDS
        while not stopped.wait(pause):
            pause = look()

    watcher = threading.Thread(target=watch, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stopped.set()
        watcher.join()
        look()
        display.close()
