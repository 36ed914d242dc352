"""Making a batch, once and for good, and reading it back."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from sqlalchemy import Connection, Engine, insert, select

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import PAGE_ITEMS, upsert_items
from scrubtrace.review.table import review_batch_items, review_batches, review_items
from scrubtrace.review.texts import chunks
from scrubtrace.review.trail.events import (
    EventKind,
    append_event,
    lines_sha256,
    lock_log,
    next_event,
    sha256_of,
)
from scrubtrace.schemas.batches import Batch, BatchItem, Purpose
from scrubtrace.schemas.review import ReviewItem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

TAKEN = (
    "there is a batch {name} already, and it is whole: export it with review export --batch "
    "{name}, or give another name"
)

_FIELDS = tuple(field.name for field in fields(BatchItem))


def store_drawn(engine: Engine, items: Sequence[ReviewItem], run_id: str) -> None:
    """Add texts that were drawn at random; what the table knows of a text already stays.

    ``run_id`` is the committed run whose data they were drawn from. Raises ReviewError.
    """
    upsert_items(engine, items, run_id, only_new=True)


def create_batch(engine: Engine, batch: Batch, items: Sequence[BatchItem]) -> Batch:
    """Store a batch with one event, in one transaction; gives it with time and event.

    Every item must be in the review table. Raises ReviewError, also for a name that is taken.
    """
    if not NAME.fullmatch(batch.name):
        raise ReviewError(
            "the name of a batch has 1 to 100 letters, digits, dots, - and _ and begins with "
            "a letter or a digit"
        )
    with writing(engine) as connection:
        lock_log(connection)
        taken = select(review_batches.c.name).where(review_batches.c.name == batch.name)
        if connection.execute(taken).first() is not None:
            raise ReviewError(TAKEN.format(name=batch.name))
        _check_known(connection, items)
        event, now = next_event(connection)
        made = {"created_at": now, "event": event}
        connection.execute(insert(review_batches), vars(batch) | made)
        for start in range(0, len(items), PAGE_ITEMS):
            rows = [{"batch": batch.name} | vars(item) for item in items[start:][:PAGE_ITEMS]]
            connection.execute(insert(review_batch_items), rows)
        payload = {
            "batch": batch.name,
            "purpose": str(batch.purpose),
            "dataset": batch.dataset,
            "blind": batch.blind,
            "plan_sha256": sha256_of(batch.plan),
            "items": len(items),
            "items_sha256": lines_sha256(sha256_of(vars(item)) for item in items),
        }
        append_event(connection, EventKind.BATCH, payload, at=now)
    return Batch(**(vars(batch) | made))


def find_batch(connection: Connection, name: str) -> Batch:
    """The batch with this name; raises ReviewError with the names there are."""
    query = select(review_batches).where(review_batches.c.name == name)
    row = connection.execute(query).mappings().first()
    if row is None:
        names = connection.execute(select(review_batches.c.name).order_by("event")).scalars().all()
        known = ", ".join(names[-5:]) or "there are none"
        raise ReviewError(f"there is no batch {name!r}; the latest are: {known}")
    return Batch(**(dict(row) | {"purpose": Purpose(row["purpose"])}))


def list_batches(engine: Engine) -> list[Batch]:
    """All batches, oldest first; raises ReviewError."""
    with reading(engine) as connection:
        rows = connection.execute(select(review_batches).order_by("event")).mappings().all()
    return [Batch(**(dict(row) | {"purpose": Purpose(row["purpose"])})) for row in rows]


def batch_items(connection: Connection, name: str) -> Iterator[BatchItem]:
    """Items of a batch by key, PAGE_ITEMS in memory at a time."""
    columns = review_batch_items.c
    query = select(*(columns[name] for name in _FIELDS)).where(columns.batch == name)
    ordered = query.order_by(columns.item_key).execution_options(yield_per=PAGE_ITEMS)
    for row in connection.execute(ordered).mappings():
        yield BatchItem(**row)


def _check_known(connection: Connection, items: Sequence[BatchItem]) -> None:
    if len({item.item_key for item in items}) < len(items):
        raise ReviewError("a text is in the batch twice")
    for keys in chunks(item.item_key for item in items):
        query = select(review_items.c.item_key).where(review_items.c.item_key.in_(keys))
        known = set(connection.execute(query).scalars())
        if missing := [key for key in keys if key not in known]:
            raise ReviewError(f"item {missing[0]} of the batch is not in the review table")
