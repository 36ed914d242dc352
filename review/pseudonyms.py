"""Pseudonyms in the review table: for names from before, and anew after a rotation of keys."""

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import Engine, select, update

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.erasing.texts import lock_texts
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

    A value that does not look like a pseudonym is a name from before there were any. One
    transaction and one event for each group with something to do; gives the number of items.
    Raises ReviewError.
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
    column, items = review_items.c[group], 0
    with writing(engine) as connection:
        lock_log(connection)
        lock_texts(connection, alone=True)
        for old, now in sorted(new.items()):
            changed = update(review_items).where(column == old).values({group: now})
            items += connection.execute(changed).rowcount
        payload = {
            "group": group,
            "values": len(new),
            "items": items,
            "sha256": lines_sha256(new.values()),
        }
        append_event(connection, EventKind.PSEUDONYMS, payload)
    return items
