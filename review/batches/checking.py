"""Checking batches against the event log: what was drawn, and how, is as it was made."""

from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, select

from scrubtrace.review.batches.store import batch_items, find_batch
from scrubtrace.review.table import review_batch_items, review_batches
from scrubtrace.review.trail.events import lines_sha256, sha256_of


def batch_problems(
    connection: Connection, events: Mapping[int, Mapping[str, Any]]
) -> Iterator[str]:
    """What of the batches is not as the events say that made them.

    ``events`` are the payloads of such events, by number.
    """
    columns = review_batches.c
    rows = connection.execute(select(columns.name, columns.event).order_by(columns.event)).all()
    made = {row.event: row.name for row in rows}
    for number, payload in sorted(events.items()):
        name = made.pop(number, None)
        if name is None:
            yield f"event {number}: its batch is gone"
        elif not _about(connection, name).items() <= payload.items():
            yield f"event {number}: batch {name} or its items were changed"
    for number, name in made.items():
        yield f"batch {name} names event {number}, which did not make it"
    known = select(columns.name)
    items = review_batch_items.c
    others = select(items.batch).where(items.batch.not_in(known)).distinct().order_by(items.batch)
    for name in connection.execute(others).scalars():
        yield f"items are there of batch {name}, which there is not"


def _about(connection: Connection, name: str) -> dict[str, Any]:
    """What the event of a batch says of it, from what is there."""
    batch = find_batch(connection, name)
    lines = [sha256_of(vars(item)) for item in batch_items(connection, name)]
    return {
        "batch": name,
        "purpose": str(batch.purpose),
        "dataset": batch.dataset,
        "blind": batch.blind,
        "plan_sha256": sha256_of(batch.plan),
        "items": len(lines),
        "items_sha256": lines_sha256(lines),
    }
