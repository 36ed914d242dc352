"""Decisions in the review table: found by what they are about."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, select, true

from scrubtrace.review.decisions.file import DecidedLine
from scrubtrace.review.table import (
    review_comments,
    review_decisions,
    review_people,
    review_texts,
)
from scrubtrace.review.texts import chunks, text_id
from scrubtrace.review.trail.salted import Person
from scrubtrace.schemas.review import Decision, Opinion, Scope


def opinions_about(
    connection: Connection, texts: Iterable[str], item_keys: Iterable[str]
) -> list[Opinion]:
    """Decisions on any of the texts, by their ids, or any of the items; none twice."""
    digests = set(texts)
    for chunk in chunks(sorted(digests)):
        query = select(review_texts.c.text_digest).where(review_texts.c.text_id.in_(chunk))
        digests.update(connection.execute(query).scalars())
    found: dict[str, Opinion] = {}
    columns = review_decisions.c
    for column, values in ((columns.text_digest, digests), (columns.item_key, set(item_keys))):
        for chunk in chunks(sorted(values)):
            found |= {o.decision_id: o for o in _opinions(connection, column.in_(chunk))}
    return list(found.values())


def decisions_with_names(*which: ColumnElement[bool]) -> Select[Any]:
    """Query of decisions in the order of their imports, with what stands in other tables.

    ``kept`` is the comment, null if there is none or it was erased, ``who`` the reviewer by name,
    or as a person if the name was erased.
    """
    columns = review_decisions.c
    who = func.coalesce(review_people.c.name, columns.reviewer).label("who")
    return (
        select(review_decisions, review_comments.c.comment.label("kept"), who)
        .outerjoin(review_comments, review_comments.c.decision_id == columns.decision_id)
        .outerjoin(review_people, review_people.c.person == columns.reviewer)
        .where(*which)
        .order_by(columns.event, columns.line)
    )


class Said(NamedTuple):
    """What a reviewer said of an item once; ``comment`` is None if it was erased."""

    what: tuple[object, ...]
    comment: str | None
    decided_at: datetime

    @property
    def row_version(self) -> object:
        """Version of the item that it was said of."""
        return self.what[0]

    def is_like(self, line: DecidedLine) -> bool:
        """Whether a line of a file says the same, as far as it can still be told."""
        return self.what == line.said[:-1] and self.comment in (None, line.comment)


def said_of(
    connection: Connection, reviewer: Person | None, item_keys: Iterable[str]
) -> dict[str, list[Said]]:
    """What the reviewer, None for any, said of each item, the oldest first."""
    columns = review_decisions.c
    order = (columns.decided_at, columns.event, columns.line)
    its = columns.reviewer.in_([reviewer.person, reviewer.name]) if reviewer else true()
    said: dict[str, list[Said]] = {}
    for chunk in chunks(item_keys):
        query = (
            select(review_decisions, review_comments.c.comment.label("kept"))
            .outerjoin(review_comments, review_comments.c.decision_id == columns.decision_id)
            .where(its, columns.item_key.in_(chunk))
        )
        for row in connection.execute(query.order_by(*order)):
            what = (row.row_version, row.scope, row.decision, row.reason)
            comment = row.kept if row.comment_digest else row.comment
            said.setdefault(row.item_key, []).append(Said(what, comment, row.decided_at))
    return said


def _opinions(connection: Connection, which: ColumnElement[bool]) -> Iterator[Opinion]:
    columns = review_decisions.c
    # A name, also of decisions that have it themselves; a person whose name was erased.
    reviewer = func.coalesce(review_people.c.name, columns.reviewer)
    query = (
        select(review_decisions, text_id(columns.text_digest).label("text"), reviewer.label("who"))
        .outerjoin(review_texts, review_texts.c.text_digest == columns.text_digest)
        .outerjoin(review_people, review_people.c.person == columns.reviewer)
        .where(which)
    )
    for row in connection.execute(query):
        yield Opinion(
            decision_id=row.decision_id,
            item_key=row.item_key,
            text=row.text,
            evidence_fingerprint=row.evidence_fingerprint,
            scope=Scope(row.scope),
            decision=Decision(row.decision),
            reason=row.reason,
            reviewer=row.who,
            order=(row.decided_at, row.event, row.line),
        )


def all_opinions(connection: Connection) -> list[Opinion]:
    """Every decision there is, oldest first."""
    return sorted(_opinions(connection, true()), key=lambda opinion: opinion.order)
