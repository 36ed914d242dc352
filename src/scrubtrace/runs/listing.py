"""The runs of an output folder, one line each.

Of a committed run only its specification and its manifest are read; of an unfinished one also the
plan, and the names of its receipts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of, started_at
from scrubtrace.exits import UsageStop
from scrubtrace.resolver import spec_or_none
from scrubtrace.runs.reading import age, manifest_of, table

HEAD = (
    "RUN", "DATA SET", "STATE", "ROWS", "SHARDS", "SCANNED", "KEPT", "FLAGGED", "DEAD R/S",
    "SAMPLE", "AGE",
)  # fmt: skip


class State(StrEnum):
    """How far a run has come; foreign: another format, or files that cannot be read."""

    COMMITTED = "committed"
    UNFINISHED = "unfinished"
    FOREIGN = "foreign"


@dataclass(frozen=True)
class RunLine:
    """What a list says of a run; None where it is not known.

    ``rows_scanned`` were read by this run, ``rows_kept`` have all their results from earlier runs;
    of an unfinished run, ``rows_scanned`` are those of the units scanned so far.
    """

    run: str
    state: State
    started: datetime | None
    dataset: str | None = None
    units: int | None = None
    units_scanned: int | None = None
    rows: int | None = None
    shards: int | None = None
    rows_scanned: int | None = None
    rows_kept: int | None = None
    flagged: int | None = None
    dead_rows: int | None = None
    dead_shards: int | None = None
    sample: float | None = None


def list_runs(out: str) -> list[RunLine]:
    """The runs of an output folder, newest first."""
    return [run_line(folder) for folder in reversed(runs_of(out))]


def run_line(folder: RunFolder) -> RunLine:
    """What a list says of one run; never raises for what is in its files."""
    started = started_at(folder.id)
    try:
        spec = spec_or_none(folder)
        if spec is not None:
            committed = folder.is_committed()
            about = _committed(folder) if committed else _unfinished(folder)
            state = State.COMMITTED if committed else State.UNFINISHED
            return RunLine(folder.id, state, started, spec.dataset, sample=spec.sample, **about)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, UsageStop):
        pass
    return RunLine(folder.id, State.FOREIGN, started)


def listed(lines: list[RunLine], now: datetime | None = None) -> Iterator[str]:
    """The list as lines of a table."""
    moment = now or datetime.now(UTC)
    yield from table(HEAD, [_cells(line, moment) for line in lines])


def _committed(folder: RunFolder) -> dict[str, Any]:
    manifest = manifest_of(folder)
    kept = min((manifest["rows_kept"].get(name, 0) for name in manifest["detectors"]), default=0)
    return {
        "rows": manifest["rows"],
        "shards": manifest["shards"],
        "rows_scanned": manifest["rows"] - kept,
        "rows_kept": kept,
        "flagged": sum(manifest["flagged"].values()),
        "dead_rows": sum(manifest["dead_rows"].values()),
        "dead_shards": len(manifest["dead_shards"]),
    }


def _unfinished(folder: RunFolder) -> dict[str, Any]:
    work = folder.work()
    done = folder.scanned_units()
    to_scan = {r.shard.name for unit in work.units for r in unit.ranges}
    kept = {entry.shard.name: entry.shard.rows for entry in work.kept}
    rows_kept = sum(rows for name, rows in kept.items() if name not in to_scan)
    return {
        "units": len(work.units),
        "units_scanned": sum(unit.key in done for unit in work.units),
        "rows": work.rows + rows_kept,
        "shards": len(to_scan | set(kept)),
        "rows_scanned": sum(unit.rows for unit in work.units if unit.key in done),
        "rows_kept": rows_kept,
        "dead_shards": len(work.dead),
    }


def _cells(line: RunLine, now: datetime) -> tuple[str, ...]:
    state = str(line.state)
    if line.units is not None:
        state = f"{line.units_scanned:,} of {line.units:,} units"
    dead = f"{_number(line.dead_rows)}/{_number(line.dead_shards)}"
    return (
        line.run,
        line.dataset or "-",
        state,
        _number(line.rows),
        _number(line.shards),
        _number(line.rows_scanned),
        _number(line.rows_kept),
        _number(line.flagged),
        "-" if dead == "-/-" else dead,
        "-" if line.sample is None else f"{line.sample:g}",
        age(line.started, now),
    )


def _number(count: int | None) -> str:
    return "-" if count is None else f"{count:,}"
