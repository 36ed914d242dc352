"""Items under review and files with decisions on them, as several tests and a drill need them."""

import csv
import dataclasses
import io
from collections.abc import Sequence
from typing import Any

from samples import ITEM
from sqlalchemy import Engine, func, select, text

from scrubtrace.review.decisions.states import Place, Standing, standing_of
from scrubtrace.review.decisions.stored import opinions_about
from scrubtrace.review.store import iter_items
from scrubtrace.review.table import (
    review_comments,
    review_decisions,
    review_events,
    review_people,
)
from scrubtrace.review.texts import text_ids
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.review import ReviewItem

HEADER = ("item_key", "row_version", "decision", "reason", "comment", "snippet")


def key(number: int) -> str:
    """Key of item ``number``."""
    return item_key("chats", "part-0.parquet", number)


def item(number: int, **changes: Any) -> ReviewItem:
    """Item ``number``, with a text of its own."""
    about = {"item_key": key(number), "row_index": number, "text_digest": f"{number:064x}"}
    detectors = [{"name": "boilerplate", "version": "1"}]
    return dataclasses.replace(ITEM, **(about | {"detectors": detectors} | changes))


def line(number: int, *cells: str, version: int = 1) -> list[str]:
    """A line about item ``number``; ``cells`` are its decision, reason, comment and snippet."""
    return [key(number), str(version), *cells, *[""] * (4 - len(cells))]


def saved(
    rows: Sequence[Sequence[str]],
    header: Sequence[str] = HEADER,
    delimiter: str = ",",
    encoding: str = "utf-8",
    end: str = "\r\n",
    quoting: int = csv.QUOTE_ALL,
) -> bytes:
    """A file as a spreadsheet saves it."""
    text = io.StringIO()
    options: dict[str, Any] = {"delimiter": delimiter, "lineterminator": end, "quoting": quoting}
    csv.writer(text, **options).writerows([header, *rows])
    return text.getvalue().encode(encoding)


def stored(engine: Engine) -> list[dict[str, Any]]:
    """Every decision, by its line, with its comment and the name of its reviewer."""
    columns, comment = review_decisions.c, review_comments.c.comment
    name = func.coalesce(review_people.c.name, columns.reviewer)
    query = (
        select(review_decisions, comment.label("kept"), name.label("name"))
        .outerjoin(review_comments, review_comments.c.decision_id == columns.decision_id)
        .outerjoin(review_people, review_people.c.person == columns.reviewer)
    )
    with engine.connect() as connection:
        found = connection.execute(query.order_by(columns.event, columns.line)).mappings()
        return [{**row, "comment": row["kept"] or "", "reviewer": row["name"]} for row in found]


def events(engine: Engine) -> int:
    """Number of events."""
    with engine.connect() as connection:
        return len(connection.execute(select(review_events.c.seq)).all())


def standings(engine: Engine) -> dict[str, Standing]:
    """What the decisions on each item add up to."""
    items = list(iter_items(engine))
    with engine.connect() as connection:
        ids = text_ids(connection, (entry.item.text_digest for entry in items))
        opinions = opinions_about(connection, ids.values(), (e.item.item_key for e in items))
    found = {}
    for entry in items:
        about = (ids[entry.item.text_digest], entry.item.evidence_fingerprint)
        place = Place(entry.item.item_key, *about, entry.unseen_run is not None)
        found[entry.item.item_key] = standing_of(place, opinions)
    return found


def unprotected(engine: Engine, statement: Any, table: str = "review_events") -> None:
    """Changes a table as somebody does who owns the database."""
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        else:
            for doing in ("update", "delete"):
                connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_{doing}"))
        connection.execute(statement)
