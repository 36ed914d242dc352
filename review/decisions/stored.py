"""Decisions in the review table: found by what they are about."""

from collections.abc import Iterable, Iterator

from sqlalchemy import ColumnElement, Connection, select, true

from scrubtrace.review.table import review_decisions, review_texts
from scrubtrace.review.texts import chunks, text_id
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


def newest_said(
    connection: Connection, reviewer: str, item_keys: Iterable[str]
) -> dict[str, tuple[object, ...]]:
    """What the reviewer said last of each item, as `DecidedLine.said` has it."""
    columns = review_decisions.c
    order = (columns.decided_at, columns.event, columns.line)
    said: dict[str, tuple[object, ...]] = {}
    for chunk in chunks(item_keys):
        query = select(review_decisions).where(
            columns.reviewer == reviewer, columns.item_key.in_(chunk)
        )
        for row in connection.execute(query.order_by(*order)):
            what = (row.row_version, row.scope, row.decision, row.reason, row.comment)
            said[row.item_key] = what
    return said


def _opinions(connection: Connection, which: ColumnElement[bool]) -> Iterator[Opinion]:
    columns = review_decisions.c
    query = (
        select(review_decisions, text_id(columns.text_digest).label("text"))
        .outerjoin(review_texts, review_texts.c.text_digest == columns.text_digest)
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
            reviewer=row.reviewer,
            order=(row.decided_at, row.event, row.line),
        )


def all_opinions(connection: Connection) -> list[Opinion]:
    """Every decision there is, oldest first."""
    return sorted(_opinions(connection, true()), key=lambda opinion: opinion.order)
