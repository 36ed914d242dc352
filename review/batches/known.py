"""What the review table knows of texts that are, or may be, drawn."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Engine, select

from scrubtrace.review.batches.store import NAME, TAKEN
from scrubtrace.review.connection import reading
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import PAGE_ITEMS
from scrubtrace.review.table import review_batches, review_items
from scrubtrace.review.texts import chunks
from scrubtrace.schemas.batches import BatchItem


def flagged_keys(engine: Engine, dataset: str) -> Iterator[tuple[str, str]]:
    """Shard and key of every flagged item of a data set, by shard and key; raises ReviewError."""
    columns = review_items.c
    query = select(columns.shard, columns.item_key)
    query = query.where(columns.dataset == dataset, columns.flagged.is_(True))
    ordered = query.order_by(columns.shard, columns.item_key)
    with reading(engine) as connection:
        for row in connection.execute(ordered.execution_options(yield_per=PAGE_ITEMS)):
            yield row.shard, row.item_key


def known_items(engine: Engine, keys: Iterable[str]) -> dict[str, BatchItem]:
    """Items of the table among these keys as they are now, without stratum and probability.

    Raises ReviewError.
    """
    columns = review_items.c
    names = ("item_key", "row_version", "text_digest", "evidence_fingerprint", "flagged")
    found: dict[str, BatchItem] = {}
    with reading(engine) as connection:
        for chunk in chunks(keys):
            query = select(*(columns[name] for name in names)).where(columns.item_key.in_(chunk))
            for row in connection.execute(query).mappings():
                found[row["item_key"]] = BatchItem(**row, stratum="", probability=1.0)
    return found


def places_of(engine: Engine, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Where the items among these keys stand, and their text digests with the key of each.

    Raises ReviewError.
    """
    columns = review_items.c
    names = ("item_key", "shard", "row_index", "field", "turn", "text_digest", "key_id")
    found: dict[str, dict[str, Any]] = {}
    with reading(engine) as connection:
        for chunk in chunks(keys):
            query = select(*(columns[name] for name in names)).where(columns.item_key.in_(chunk))
            for row in connection.execute(query).mappings():
                found[row["item_key"]] = dict(row)
    return found


def check_name(engine: Engine, name: str) -> None:
    """Raises ReviewError if a batch cannot have this name, also if one has it already."""
    if not NAME.fullmatch(name):
        raise ReviewError(
            f"{name!r} is no name of a batch: it has 1 to 100 letters, digits, dots, - and _ and "
            "begins with a letter or a digit"
        )
    taken = select(review_batches.c.name).where(review_batches.c.name == name)
    with reading(engine) as connection:
        if connection.execute(taken).first() is not None:
            raise ReviewError(TAKEN.format(name=name))
