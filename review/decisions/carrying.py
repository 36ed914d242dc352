"""Carrying decisions over to the items that their rows are now, where keys depend on row numbers.

Only decisions about one row (scope `row`) are carried: those about a text are found by the text.
They become decisions on the new item, by the same reviewer, of the same time.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, select

from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.decisions.file import DecidedLine, DecisionFile
from scrubtrace.review.decisions.importing import store_decisions
from scrubtrace.review.decisions.stored import decisions_with_names
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.table import (
    review_decisions,
    review_events,
    review_items,
)
from scrubtrace.review.texts import CHUNK, text_ids
from scrubtrace.review.trail.events import sha256_of
from scrubtrace.review.trail.salted import PERSON
from scrubtrace.schemas.review import Decision, Scope

Group = tuple[str, datetime]
"""Who decided, and when."""


@dataclass
class Carried:
    """What became of the decisions about rows that have another key now.

    ``known`` were carried before. ``waiting``: no run has looked at the rows where they are now, as
    the old item stands as it was decided on. ``other``: the new item is not in the table, or has
    another text or other evidence. ``nameless``: the name of their reviewer was erased.
    """

    stored: int = 0
    known: int = 0
    waiting: int = 0
    other: int = 0
    nameless: int = 0


def carry_decisions(engine: Engine, keys: Iterable[tuple[str, str]], head: str) -> Carried:
    """Decisions on old keys as decisions on new ones; the same call again changes nothing.

    ``keys`` are pairs of old and new key as they were when the log had the head ``head``: later
    decisions are about other rows. Raises ReviewError, also if the log never had that head.
    """
    found = Carried()
    groups: dict[Group, list[DecidedLine]] = {}
    with reading_as_one(engine) as connection:
        last = _event(connection, head)
        pairs = iter(keys)
        while chunk := dict(islice(pairs, CHUNK)):
            for group, line in _carried(connection, chunk, last, found):
                groups.setdefault(group, []).append(line)
    for (reviewer, decided_at), lines in sorted(groups.items(), key=lambda pair: pair[0]):
        digest = sha256_of([[line.item_key, *map(str, line.said)] for line in lines])
        made = store_decisions(
            engine, DecisionFile(digest, lines), reviewer, keep_going=True, decided_at=decided_at
        )
        found.stored += made.stored
        found.known += made.known
        found.other += len(made.bad)
    return found


def _event(connection: Connection, head: str) -> int:
    query = select(review_events.c.seq).where(review_events.c.hash == head)
    seq = connection.execute(query).scalar()
    if seq is None:
        raise ReviewError(
            "the log of this table never had the head that the decisions were exported with: "
            "give the table that they are from"
        )
    return int(seq)


def _carried(
    connection: Connection, keys: Mapping[str, str], last: int, found: Carried
) -> Iterator[tuple[Group, DecidedLine]]:
    """The decisions on old keys, as lines about the new items."""
    made = _decisions(connection, keys, last)
    old = {row["item_key"] for row in made}
    items = _items(connection, old | {keys[key] for key in old})
    digests = [row["text_digest"] for row in (*made, *items.values())]
    ids = text_ids(connection, digests)
    for number, row in enumerate(made, 1):
        item = items.get(keys[row["item_key"]])
        if item is None or _about(item, ids) != _about(row, ids):
            before = items.get(row["item_key"])
            stands = before is not None and before["unseen_run"] is None
            if before is not None and stands and _about(before, ids) == _about(row, ids):
                found.waiting += 1
            else:
                found.other += 1
        elif PERSON.fullmatch(row["who"]):
            found.nameless += 1
        else:
            yield (
                (row["who"], row["decided_at"]),
                DecidedLine(
                    number,
                    item["item_key"],
                    item["row_version"],
                    Scope.ROW,
                    Decision(row["decision"]),
                    row["reason"],
                    row["kept"] or row["comment"] or "",
                ),
            )


def _about(row: Mapping[str, Any], ids: Mapping[str, str]) -> tuple[str, str]:
    return ids[row["text_digest"]], row["evidence_fingerprint"]


def _decisions(connection: Connection, keys: Iterable[str], last: int) -> list[Mapping[str, Any]]:
    columns = review_decisions.c
    query = decisions_with_names(
        columns.item_key.in_(keys), columns.scope == str(Scope.ROW), columns.event <= last
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _items(connection: Connection, keys: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    names = ("item_key", "row_version", "text_digest", "evidence_fingerprint", "unseen_run")
    columns = [review_items.c[name] for name in names]
    query = select(*columns).where(review_items.c.item_key.in_(keys))
    return {row["item_key"]: dict(row) for row in connection.execute(query).mappings()}
