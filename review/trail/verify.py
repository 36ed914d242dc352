"""Checking the event log, and decisions, runs, erasures, controls and batches against it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Engine, select
from sqlalchemy.engine import RowMapping

from scrubtrace.review.batches.checking import batch_problems
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.controls.checking import control_problems
from scrubtrace.review.decisions.record import FORM, content_line, id_of
from scrubtrace.review.store import PAGE_ITEMS
from scrubtrace.review.table import review_decisions, review_events, review_runs
from scrubtrace.review.trail.erased import LogEntry, erasure_problems
from scrubtrace.review.trail.events import BEFORE_ALL, Event, EventKind, lines_sha256


@dataclass
class Verified:
    """What was checked: ``problems`` say where it breaks, in the order of events; empty if not.

    ``erased`` counts texts, comments and names. ``head`` is the hash of the newest
    event, to be kept elsewhere.
    """

    events: int = 0
    decisions: int = 0
    erased: dict[str, int] = field(default_factory=dict)
    head: str = BEFORE_ALL
    problems: list[str] = field(default_factory=list)


def verify(engine: Engine, heads: Sequence[str] = ()) -> Verified:
    """Recompute the chain; compare with it decisions, erasures, controls and batches.

    All of one state of the database: what is written meanwhile is not looked at.
    What was erased is compared with the event that says so: the rest can be checked as before.
    ``heads`` are hashes that were recorded elsewhere, as in the manifest of a run: each must be in
    the chain, otherwise events after it, or it itself, were taken out. Raises ReviewError if the
    database cannot be read.
    """
    found = Verified()
    with reading_as_one(engine) as connection:
        hashes = {BEFORE_ALL}
        imports: dict[int, dict[str, Any]] = {}
        runs: dict[str, str] = {}
        entries: list[LogEntry] = []
        measured: dict[int, dict[str, Any]] = {}
        batches: dict[int, dict[str, Any]] = {}
        for event in _checked_chain(connection, found):
            hashes.add(event.hash)
            payload = _payload(event, found)
            entries.append(LogEntry.of(event.seq, event.actor, event.kind, payload))
            if event.kind == EventKind.IMPORT:
                imports[event.seq] = payload
            elif event.kind == EventKind.RUN:
                runs[str(payload.get("run_id"))] = str(payload.get("manifest_sha256"))
            elif event.kind == EventKind.BATCH:
                batches[event.seq] = payload
            elif event.kind in (EventKind.CONTROLS, EventKind.EXPORT):
                measured[event.seq] = payload
        _check_decisions(connection, imports, found)
        _check_runs(connection, runs, found)
        found.problems += erasure_problems(connection, entries, found.erased)
        found.problems += control_problems(connection, measured)
        found.problems += batch_problems(connection, batches)
    for head in heads:
        if head not in hashes:
            found.problems.append(f"head {head} is not in the log: later events were taken out")
    return found


def _checked_chain(connection: Connection, found: Verified) -> Iterator[Event]:
    """Events in order; what does not follow from the one before is a problem."""
    query = select(review_events).order_by(review_events.c.seq)
    rows = connection.execute(query.execution_options(yield_per=PAGE_ITEMS)).mappings()
    for row in rows:
        event = Event(**row)
        found.events += 1
        if event.seq != found.events:
            found.problems.append(f"event {found.events} is missing: the next is {event.seq}")
            found.events = event.seq
        elif event.previous != found.head:
            found.problems.append(f"event {event.seq} does not follow the event before")
        if event.computed_hash() != event.hash:
            found.problems.append(f"event {event.seq} was changed: its hash is another one")
        found.head = event.hash
        yield event


def _payload(event: Event, found: Verified) -> dict[str, Any]:
    try:
        payload = json.loads(event.payload)
    except ValueError:
        payload = None
    if not isinstance(payload, dict):
        found.problems.append(f"event {event.seq} was changed: its payload is not a JSON object")
        return {}
    return payload


def _check_decisions(
    connection: Connection, imports: dict[int, dict[str, Any]], found: Verified
) -> None:
    columns = review_decisions.c
    query = select(review_decisions).order_by(columns.event, columns.decision_id)
    rows = connection.execute(query.execution_options(yield_per=PAGE_ITEMS)).mappings()
    seen = set()
    for number, decisions in groupby(rows, key=lambda row: int(row["event"])):
        seen.add(number)
        _check_batch(number, decisions, imports.get(number), found)
    for number in sorted(imports.keys() - seen):
        if imports[number].get("decisions") != 0:
            found.problems.append(_other_number(number, imports[number], 0))


def _check_batch(
    number: int, rows: Iterator[RowMapping], imported: dict[str, Any] | None, found: Verified
) -> None:
    """The decisions of one event; each names itself by its content, all are in its digest."""
    form = FORM if (imported or {}).get("form") == FORM else 1
    lines, changed = [], []
    for row in rows:
        lines.append(content_line(row, form))
        # Decisions of today's form have their comments elsewhere.
        if id_of(row, form) != row["decision_id"] or (form == FORM and row["comment"]):
            changed.append(str(row["decision_id"]))
    found.decisions += len(lines)
    found.problems += [f"event {number}: decision {one} was changed" for one in changed]
    if imported is None:
        found.problems.append(
            f"{len(lines):,} decisions name event {number}, which is not an import"
        )
    elif imported.get("decisions") != len(lines):
        found.problems.append(_other_number(number, imported, len(lines)))
    elif imported.get("sha256") != lines_sha256(lines) and not changed:
        found.problems.append(f"event {number}: a decision was changed or replaced")


def _other_number(number: int, imported: dict[str, Any], there: int) -> str:
    """That there are not as many decisions of an event as it says, if it says a number."""
    said = imported.get("decisions")
    if isinstance(said, int):
        return f"event {number}: {said:,} decisions imported, {there:,} are there"
    return f"event {number}: {there:,} decisions are there, it does not say how many were imported"


def _check_runs(connection: Connection, runs: dict[str, str], found: Verified) -> None:
    """Runs from before there were events have none."""
    query = select(review_runs.c.run_id, review_runs.c.manifest_sha256)
    recorded = {row.run_id: row.manifest_sha256 for row in connection.execute(query)}
    for run_id, manifest in sorted(runs.items()):
        if recorded.get(run_id) != manifest:
            found.problems.append(f"run {run_id}: another manifest is recorded than in its event")
