"""Digest keys in the review table: which are in use, and what a rotation carries over."""

from collections.abc import Iterable

from sqlalchemy import Engine, bindparam, func, select, update

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.erasing.texts import lock_texts
from scrubtrace.review.table import review_items
from scrubtrace.review.trail.events import EventKind, append_event, lines_sha256, lock_log
from scrubtrace.schemas.review import ReviewItem

DROPPED = "dropped:"
"""Stands before the key id of digests that were given up: nobody can compare them any more."""

PAGE_ITEMS = 1_000
"""Items of one transaction: few enough that other writers wait well under a second."""


def items_by_key(engine: Engine) -> dict[str, int]:
    """Number of items for each key id, also those of keys that were dropped; raises ReviewError."""
    key_id = review_items.c.key_id
    query = select(key_id, func.count().label("items")).group_by(key_id).order_by(key_id)
    with reading(engine) as connection:
        return {row.key_id: row.items for row in connection.execute(query)}


def key_ids(engine: Engine) -> set[str]:
    """Ids of the digest keys that the items need: with another key their digests do not compare.

    Digests that were given up need none. Raises ReviewError.
    """
    query = select(review_items.c.key_id).distinct()
    with reading(engine) as connection:
        found = set(connection.execute(query).scalars())
    return {key_id for key_id in found if not key_id.startswith(DROPPED)}


def carry_over(engine: Engine, items: Iterable[ReviewItem]) -> int:
    """Renew stored digests of retired keys; gives the number of items.

    An item whose stored digest is the incoming item's by the same retired key holds the same
    text: it gets the new digest and key id, and nothing else of it changes. In a transaction of its
    own: two passes over the same rows in one transaction could make two writers wait for each
    other in a circle. Raises ReviewError.
    """
    seen: dict[str, ReviewItem] = {}
    for item in items:
        if item.earlier_digests:
            seen.setdefault(item.item_key, item)
    if not seen:
        return 0
    columns = review_items.c
    retired = {key_id for item in seen.values() for key_id in item.earlier_digests}
    query = select(columns.item_key, columns.key_id, columns.text_digest).where(
        columns.item_key.in_(seen), columns.key_id.in_(retired)
    )
    with reading(engine) as connection:
        stored = connection.execute(query.order_by(columns.item_key)).all()
    renewed = [
        _renewal(seen[item_key], key_id)
        for item_key, key_id, digest in stored
        if seen[item_key].earlier_digests.get(key_id) == digest
    ]
    if renewed:
        with writing(engine) as connection:
            lock_texts(connection)
            connection.execute(_RENEW, renewed)
    return len(renewed)


def give_up_digests(engine: Engine, key_id: str) -> int:
    """Mark the digests of a key as beyond comparison; gives the number of items.

    A text of such an item counts as changed when a run sees it again. Raises ReviewError.
    """
    columns, given_up = review_items.c, 0
    page = (
        select(columns.item_key)
        .where(columns.key_id == key_id)
        .order_by(columns.item_key)
        .limit(PAGE_ITEMS)
        .with_for_update()
    )
    while True:
        with writing(engine) as connection:
            lock_log(connection)
            keys = connection.execute(page).scalars().all()
            mark = update(review_items).where(columns.item_key.in_(keys))
            connection.execute(mark.values(key_id=DROPPED + key_id))
            if keys:
                about = {"key_id": key_id, "items": len(keys), "sha256": lines_sha256(keys)}
                append_event(connection, EventKind.GIVEN_UP, about)
        given_up += len(keys)
        if len(keys) < PAGE_ITEMS:
            return given_up


_RENEW = (
    update(review_items)
    .where(
        review_items.c.item_key == bindparam("of_item"),
        review_items.c.key_id == bindparam("old_key"),
        review_items.c.text_digest == bindparam("old_digest"),
    )
    .values(text_digest=bindparam("new_digest"), key_id=bindparam("new_key"))
)
"""Only where the digest is still the old one: another writer may have come in between."""


def _renewal(item: ReviewItem, old_key: str) -> dict[str, str]:
    return {
        "of_item": item.item_key,
        "old_key": old_key,
        "old_digest": item.earlier_digests[old_key],
        "new_key": item.key_id,
        "new_digest": item.text_digest,
    }
