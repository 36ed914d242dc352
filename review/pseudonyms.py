"""Pseudonyms in the review table: for names from before, and anew after a rotation of keys."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Engine, and_, bindparam, select, update

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.erasing.texts import lock_texts
from scrubtrace.review.store import PAGE_ITEMS, TRANSACTION_ITEMS
from scrubtrace.review.table import review_items
from scrubtrace.review.trail.events import EventKind, append_event, lines_sha256, lock_log
from scrubtrace.schemas.identity import PSEUDONYM


def renew_pseudonyms(
    engine: Engine,
    groups: Iterable[str],
    pseudonym: Callable[[str, str], str],
    renewed: Mapping[str, Mapping[str, str]],
) -> int:
    """Put pseudonyms where items have names, and ``renewed`` ones where they have older ones.

    A value that does not look like a pseudonym is a name from before there were any. A transaction
    and an event for each 1,000 items of a group, so that other writers wait well under a second.
    After an interruption the same call goes on. Gives the number of items. Raises ReviewError.
    """
    items = 0
    for group in sorted(groups):
        column = review_items.c[group]
        with reading(engine) as connection:
            stored = set(connection.execute(select(column).distinct()).scalars()) - {None}
        names = {value for value in stored if not PSEUDONYM.fullmatch(value)}
        new = {name: pseudonym(group, name) for name in names}
        new |= {old: now for old, now in renewed.get(group, {}).items() if old in stored}
        if new:
            items += _replace(engine, group, new)
    return items


def _replace(engine: Engine, group: str, new: Mapping[str, str]) -> int:
    items, changes = 0, _changes(engine, group, new)
    while batch := list(islice(changes, TRANSACTION_ITEMS)):
        items += _replace_batch(engine, group, batch)
    return items


def _changes(engine: Engine, group: str, new: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """Old and new value of each item that has one to replace, by key; reads the table once."""
    columns, last = review_items.c, ""
    query = select(columns.item_key, columns[group]).order_by(columns.item_key).limit(PAGE_ITEMS)
    while True:
        with reading(engine) as connection:
            page = connection.execute(query.where(columns.item_key > last)).all()
        for item_key, old in page:
            if old in new:
                yield {"of_item": item_key, "old": old, "now": new[old]}
        if len(page) < PAGE_ITEMS:
            return
        last = page[-1].item_key


def _replace_batch(engine: Engine, group: str, batch: Sequence[Mapping[str, str]]) -> int:
    columns = review_items.c
    # Only where the value is still the old one: another writer may have come in between.
    is_as_read = and_(columns.item_key == bindparam("of_item"), columns[group] == bindparam("old"))
    changed = update(review_items).where(is_as_read).values({group: bindparam("now")})
    values = {one["now"] for one in batch}
    with writing(engine) as connection:
        lock_log(connection)
        lock_texts(connection, alone=True)
        items = connection.execute(changed, list(batch)).rowcount
        payload = {
            "group": group,
            "values": len(values),
            "items": items,
            "sha256": lines_sha256(values),
        }
        if items:
            append_event(connection, EventKind.PSEUDONYMS, payload)
    return items
