"""Which digests are of the same text: after a rotation of keys, a text has one by each key."""

from collections.abc import Iterable, Sequence
from itertools import islice

from sqlalchemy import Connection, Engine, func, insert, select, union, update
from sqlalchemy.sql.elements import ColumnElement

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.table import (
    review_controls,
    review_decisions,
    review_items,
    review_texts,
    review_versions,
)
from scrubtrace.review.trail.events import EventKind, append_event, lines_sha256, lock_log
from scrubtrace.schemas.review import ReviewItem

CHUNK = 1_000
"""Values of one IN list; SQLite takes 32,766 parameters a statement."""


def text_id(digest: ColumnElement[str]) -> ColumnElement[str]:
    """SQL: what the digests of one text have in common; needs an outer join with `review_texts`."""
    return func.coalesce(review_texts.c.text_id, digest)


def chunks(values: Iterable[str]) -> Iterable[list[str]]:
    """The values, as many at a time as a statement takes."""
    remaining = iter(values)
    while chunk := list(islice(remaining, CHUNK)):
        yield chunk


def text_ids(connection: Connection, digests: Iterable[str]) -> dict[str, str]:
    """The id of the text of each digest."""
    found: dict[str, str] = {}
    columns = review_texts.c
    for chunk in chunks(set(digests)):
        query = select(columns.text_digest, columns.text_id).where(columns.text_digest.in_(chunk))
        known = {row.text_digest: row.text_id for row in connection.execute(query)}
        found |= {digest: known.get(digest, digest) for digest in chunk}
    return found


def digests_of(connection: Connection, ids: Iterable[str]) -> dict[str, set[str]]:
    """All digests of each text, by its id; the id is one of them."""
    found = {text: {text} for text in ids}
    columns = review_texts.c
    for chunk in chunks(sorted(found)):
        query = select(columns.text_digest, columns.text_id).where(columns.text_id.in_(chunk))
        for row in connection.execute(query):
            found[row.text_id].add(row.text_digest)
    return found


def link_digests(engine: Engine, items: Iterable[ReviewItem]) -> int:
    """Remember that an item's digests by retired keys are of the text of its digest today.

    Only digests that the table knows, from an item, an earlier version, a decision or a control, so
    that what was decided on a text is found after a rotation, and that it was erased. Gives the
    number of digests that are new; then there is an event. Raises ReviewError.
    """
    groups = [(item.text_digest, *item.earlier_digests.values()) for item in items]
    groups = [group for group in groups if len(group) > 1]
    if not groups:
        return 0
    with reading(engine) as connection:
        if not _unlinked(connection, groups):
            return 0
    with writing(engine) as connection:
        lock_log(connection)
        return _link(connection, _unlinked(connection, groups))


def _unlinked(
    connection: Connection, groups: Sequence[tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Known digests of each text of which not all are linked yet, by the digest of today."""
    known = _known(connection, {digest for group in groups for digest in group[1:]})
    wanted = {
        group[0]: (group[0], *(digest for digest in group[1:] if digest in known))
        for group in groups
    }
    wanted = {digest: group for digest, group in wanted.items() if len(group) > 1}
    ids = text_ids(connection, (digest for group in wanted.values() for digest in group))
    return {
        digest: group
        for digest, group in wanted.items()
        if len({ids[member] for member in group}) > 1
    }


def _known(connection: Connection, digests: Iterable[str]) -> set[str]:
    tables = (review_items, review_versions, review_decisions, review_controls)
    known: set[str] = set()
    for chunk in chunks(digests):
        columns = [table.c.text_digest for table in tables]
        query = union(*(select(column).where(column.in_(chunk)) for column in columns))
        known.update(connection.execute(query).scalars())
    return known


def _link(connection: Connection, groups: dict[str, tuple[str, ...]]) -> int:
    """Give all digests of a group one id: that of the oldest one."""
    linked: list[str] = []
    for group in groups.values():
        ids = text_ids(connection, group)
        target = ids[group[-1]]
        joined = {text for text in ids.values() if text != target}
        for text in sorted(joined):
            columns = review_texts.c
            moved = update(review_texts).where(columns.text_id == text)
            connection.execute(moved.values(text_id=target))
            connection.execute(insert(review_texts), {"text_digest": text, "text_id": target})
            linked.append(f"{text} {target}")
    if linked:
        about = {"digests": len(linked), "sha256": lines_sha256(linked)}
        append_event(connection, EventKind.ROTATION, about)
    return len(linked)
