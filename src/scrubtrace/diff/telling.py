"""What a comparison tells while it runs, and at its end."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scrubtrace import log
from scrubtrace.exits import Exit
from scrubtrace.schemas.plain import plain_lines
from scrubtrace.summary import short_value

if TYPE_CHECKING:
    from scrubtrace.config import Config
    from scrubtrace.diff.job import DiffOutcome

LINE_SECONDS = 10.0
SHOWN = 5

STAGES = {
    "ids": "rows with an id compared",
    "digests": "rows without an id matched by content",
    "pairs": "edited rows without an id compared",
}


class Progress:
    """Lines on standard error, at most one in ten seconds and one at the end of each stage."""

    def __init__(self, rows: int, quiet: bool) -> None:
        self._rows, self._quiet = rows, quiet
        self._done = 0
        self._began = self._last = time.monotonic()

    def read(self, rows: int) -> None:
        """Rows of either version were read."""
        self._done += rows
        if self._is_due(self._done >= self._rows):
            rate = self._done / max(time.monotonic() - self._began, 1e-9)
            text = f"{self._done:,} of {self._rows:,} rows read, {rate:,.0f} rows/s"
            log.tell("progress", text, stage="read", rows=self._done, rows_in_all=self._rows)

    def joined(self, stage: str, done: int, partitions: int) -> None:
        """So many partitions of a stage are done."""
        if self._is_due(done == partitions):
            text = f"{STAGES[stage]}: {done:,} of {partitions:,} parts"
            parts = {"done": done, "in_all": partitions}
            log.tell("progress", text, stage=stage, parts=parts)

    def _is_due(self, is_last: bool) -> bool:
        if self._quiet or (not is_last and time.monotonic() - self._last < LINE_SECONDS):
            return False
        self._last = time.monotonic()
        return True


def diff_exit_code(outcome: "DiffOutcome", config: "Config") -> Exit:
    """`Exit.INCOMPLETE` if more is dead than the limits allow, else `Exit.DONE`."""
    too_many = outcome.dead_letters > config.limits.max_dead_letters
    return Exit.INCOMPLETE if too_many else Exit.DONE


def diff_summary(outcome: "DiffOutcome", out: str) -> str:
    """A few lines: how rows were matched, what was found, what went wrong."""
    return plain_lines(_lines(outcome, out))


def diff_fields(outcome: "DiffOutcome") -> dict[str, Any]:
    """The numbers of the summary, for the event that ends a run."""
    tally = outcome.tally
    return {
        "rows": dict(sorted(tally.rows.items())),
        "texts": dict(sorted(tally.texts.items())),
        "findings": tally.findings,
        "kinds": dict(sorted(tally.kinds.items())),
        "flagged_texts": dict(sorted(tally.flagged.items())) if outcome.with_flagged else None,
        "dead_letters": outcome.dead_letters,
    }


def _lines(outcome: "DiffOutcome", out: str) -> Iterator[str]:
    tally, rows = outcome.tally, outcome.tally.rows
    how = "by id" if outcome.by_id else "by content"
    matched = rows["same"] + rows["edited"]
    yield f"matched {how}: {matched:,} rows, {rows['same']:,} the same, {rows['edited']:,} edited"
    for side, what in (("old", "gone"), ("new", "new")):
        read = outcome.read[side]
        dead = f" + {read.dead.total():,} dead" if read.dead else ""
        yield f"  {side}: {read.rows:,} rows = {matched:,} matched + {rows[what]:,} {what}{dead}"
    if repeated := {side: count for side, count in tally.repeated_ids.items() if count}:
        counts = ", ".join(f"{side} {count:,}" for side, count in sorted(repeated.items()))
        yield f"  rows beyond the first of an id that repeats: {counts} (told apart by content)"
    if outcome.by_id and any(outcome.null_ids.values()):
        counts = ", ".join(f"{side} {count:,}" for side, count in outcome.null_ids.items())
        yield f"  rows without an id: {counts} (matched by content)"
    yield f"texts edited: {tally.texts['edited']:,}; edited as scrubbing does: {tally.findings:,}"
    for kind, count in sorted(tally.kinds.items()):
        yield f"  {kind}: {count:,}"
    for group in ("labeler", "vendor", "source"):
        if values := tally.by_group.get(group):
            top = sorted(values.items(), key=lambda entry: (-entry[1].total(), entry[0]))[:SHOWN]
            named = ", ".join(f"{short_value(value)} {kinds.total():,}" for value, kinds in top)
            yield f"  by {group}: {named}"
    if outcome.with_flagged:
        f = tally.flagged
        yield (
            f"flagged before ({outcome.flagged_texts:,} texts), in the old version: "
            f"{f['edited']:,} edited, {f['same']:,} unchanged, {f['gone']:,} removed"
        )
    yield from _problems(outcome)
    yield f"findings: {out}/findings.parquet, {out}/findings.csv; counts: {out}/manifest.json"


def _problems(outcome: "DiffOutcome") -> Iterator[str]:
    for side, shard in outcome.dead_shards[:SHOWN]:
        yield f"dead shard of the {side} version {shard.name}: {shard.reason}: {shard.detail}"
    if (more := len(outcome.dead_shards) - SHOWN) > 0:
        yield f"... and {more:,} more dead shards, all in the manifest"
    for side, read in outcome.read.items():
        for reason, count in sorted(read.dead.items()):
            yield f"dead rows of the {side} version: {count:,} {reason}, listed in the manifest"
