"""Shards that change while they are scanned: other content under the same name."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from harness import (
    SHARD_ROWS,
    SHARDS,
    UNIT_ROWS,
    Job,
    Result,
    Trial,
    Work,
    check_stop,
    frozen,
    receipts,
    result,
    strays,
    table,
    wait_until,
    write_shard,
    write_shards,
)

CHANGED = SHARDS - 1
"""Number of the shard that changes: the last one, so that there is time."""

FIRST_UNIT = CHANGED * SHARD_ROWS // UNIT_ROWS
"""Units of the shards before it."""

Harm = Callable[[Path, Path], None]


def _renamed(path: Path, other: Path) -> None:
    shutil.copy(other, path.with_suffix(".new"))
    path.with_suffix(".new").rename(path)


def _in_place(path: Path, other: Path) -> None:
    with path.open("r+b") as file:
        file.write(other.read_bytes())
        file.truncate()


def _truncated(path: Path, other: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _removed(path: Path, other: Path) -> None:
    path.unlink()


HARMS: dict[str, Harm] = {
    "replaced by rename": _renamed,
    "overwritten in place": _in_place,
    "truncated": _truncated,
    "removed": _removed,
}
MOMENTS = {"planned, not yet scanned": 2, "in the middle of its scan": FIRST_UNIT + 1}
"""After how many receipts the shard changes; it has units that are scanned in this order."""


def changed(work: Work) -> Iterator[Trial]:
    """Every harm at every moment, and what the next run makes of it."""
    for moment, after in MOMENTS.items():
        for harm in HARMS:
            yield _change(work, harm, moment, after)


def _change(work: Work, harm: str, moment: str, after: int) -> Trial:
    data = work.folder / f"data-{work.number}"
    write_shards(data)
    other = work.folder / "other.parquet"
    write_shard(other, SHARD_ROWS, seed=77)
    shard = data / f"part-{CHANGED}.parquet"
    ids = shard.read_bytes()
    job = work.job(data=data, out=work.folder / f"out-{work.number}")
    process = job.start()
    wait_until(lambda: receipts(job.out) >= after, process)
    with frozen(process):
        HARMS[harm](shard, other)
    trial = Trial(f"{harm}, {moment}", [])
    reason = "unreadable" if harm == "removed" else "shard_changed"
    again = f"the next run scans again what changed or failed meanwhile: {shard.name}"
    check_stop(trial, job.end(process), [3], [reason, again])
    trial.message = trial.message or again
    if harm in ("truncated", "removed"):  # whoever writes the shards makes it whole again
        shard.unlink(missing_ok=True)
        shard.write_bytes(ids)
    ended = job.run()
    trial.codes.append(ended.code)
    if ended.code != 0:
        trial.problems.append(f"again: exit {ended.code}: {ended.message}")
    fresh = work.job(data=data, out=work.folder / f"fresh-{work.number}")
    fresh.run()
    expected = result(fresh.out, fresh.review)
    _compare_items(trial, job, expected)
    return trial


def _compare_items(trial: Trial, job: Job, expected: Result) -> None:
    """Compares the review rows of two runs with those of one fresh run.

    The files differ by nature: the second run has only the shard that changed. Rows of its old
    content that the first run flagged stay in the table, but not as flagged.
    """
    items = table(job.review, "review_items", "flagged")
    fresh = set(expected.items)
    lost = fresh.difference(items)
    extra = set(items) - fresh
    trial.equal = not lost and not extra
    if not trial.equal:
        trial.problems.append(f"flagged rows differ: {len(lost)} lost, {len(extra)} too many")
    if left := strays(job.out):
        trial.problems.append(f"left behind: {', '.join(left[:3])}")
