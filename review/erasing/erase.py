"""Erasing: one transaction and one event, whatever is erased.

What is erased is first entered in ``review_erased``, whose triggers let it go, then removed. The
event says how many things of which kind were erased and why, with a digest of their names, which
are digests and ids themselves. The salts of all files in earlier events go as well: a digest of a
file could otherwise be compared with guesses at what was erased from it.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, delete, insert, or_, select, update

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.erasing.texts import lock_texts, without_text
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.table import (
    review_comments,
    review_controls,
    review_decisions,
    review_erased,
    review_issued,
    review_items,
    review_people,
    review_salts,
    review_texts,
)
from scrubtrace.review.texts import chunks, digests_of, text_id, text_ids
from scrubtrace.review.trail.erased import COMMENT, NAME, TEXT, erased_line, has_text
from scrubtrace.review.trail.events import (
    EventKind,
    append_event,
    lines_sha256,
    lock_log,
    next_event,
)

REASON_CHARS = 500
"""Longest reason of an erasure or an unmasking."""


@dataclass(frozen=True)
class Erased:
    """What was erased now, without what was erased before.

    A text counts once, however many digests it has; ``items`` had one of the texts, controls among
    them.
    """

    texts: int = 0
    items: int = 0
    comments: int = 0
    names: int = 0


def checked_reason(reason: str) -> str:
    """A reason without spaces around it; raises ReviewError if it is empty, long or not plain."""
    reason = " ".join(reason.split())
    if not reason or len(reason) > REASON_CHARS or not reason.isprintable():
        raise ReviewError(f"a reason has 1 to {REASON_CHARS} printable characters")
    return reason


def erase(
    engine: Engine,
    reason: str,
    texts: Collection[str] = (),
    comments: Collection[str] = (),
    names: Collection[str] = (),
) -> Erased:
    """Erase texts by digest, comments by decision and names by person; the log stays whole.

    All items and controls with one of the texts lose snippet and values, under whichever key their
    digest is.
    What was erased before is left out; without anything left there is no event. Raises ReviewError.
    """
    reason = checked_reason(reason)
    with writing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        lock_log(connection)
        lock_texts(connection, alone=True)
        ids = set(text_ids(connection, texts).values())
        digests = set().union(*digests_of(connection, ids).values())
        subjects = {
            TEXT: sorted(digests - _recorded(connection, digests)),
            COMMENT: _known(connection, review_comments.c.decision_id, comments),
            NAME: _known(connection, review_people.c.person, names),
        }
        event, time = next_event(connection)
        entries: list[dict[str, Any]] = [
            {"kind": kind, "subject": subject, "event": event}
            for kind, its in subjects.items()
            for subject in its
        ]
        if entries:
            connection.execute(insert(review_erased), entries)
        new_texts = set(text_ids(connection, subjects[TEXT]).values())
        items = _remove_texts(connection, ids) + _remove_controls(connection, digests)
        if not entries and not items:
            return Erased()
        _delete(connection, review_comments.c.decision_id, subjects[COMMENT])
        _delete(connection, review_people.c.person, subjects[NAME])
        connection.execute(delete(review_salts).where(review_salts.c.event < event))
        lines = (erased_line(entry["kind"], entry["subject"]) for entry in entries)
        payload = {
            "subjects": len(entries),
            "sha256": lines_sha256(lines),
            "reason": reason,
            "items": items,
            **{kind: len(its) for kind, its in subjects.items()},
        }
        append_event(connection, EventKind.ERASED, payload, at=time)
    _flush(engine)
    return Erased(len(new_texts), items, len(subjects[COMMENT]), len(subjects[NAME]))


def texts_of(
    engine: Engine,
    *,
    item_key: str | None = None,
    text_digest: str | None = None,
    row_id: str | None = None,
    dataset: str | None = None,
) -> set[str]:
    """Digests of the texts of the items that the choices name; raises ReviewError.

    A control is found by the digest of its text, and by each key that it was given out under.
    """
    columns = review_items.c
    chosen = {
        columns.item_key: item_key,
        columns.text_digest: text_digest,
        columns.row_id: row_id,
        columns.dataset: dataset,
    }
    query = select(columns.text_digest).distinct()
    query = query.where(*(column == value for column, value in chosen.items() if value is not None))
    with reading(engine) as connection:
        found = set(connection.execute(query).scalars())
        return found | _control_texts(connection, item_key, text_digest)


def _control_texts(
    connection: Connection, item_key: str | None, text_digest: str | None
) -> set[str]:
    columns = review_controls.c
    given = select(review_issued.c.control_key).where(review_issued.c.item_key == item_key)
    chosen = or_(columns.control_key.in_(given), columns.text_digest == text_digest)
    return set(connection.execute(select(columns.text_digest).where(chosen)).scalars())


def check_has_comment(engine: Engine, decision_id: str) -> None:
    """Raises ReviewError unless the decision has, or had, a comment that can be erased."""
    columns = review_decisions.c
    query = select(columns.comment, columns.comment_digest)
    with reading(engine) as connection:
        row = connection.execute(query.where(columns.decision_id == decision_id)).first()
    if row is None:
        raise ReviewError("there is no such decision: ids are in the Parquet export")
    if row.comment:
        raise ReviewError(f"decision {decision_id} {_TOO_OLD}")
    if not row.comment_digest:
        raise ReviewError(f"decision {decision_id} has no comment")


def persons_named(engine: Engine, name: str) -> set[str]:
    """Persons of that name; raises ReviewError also if decisions have the name in themselves."""
    columns = review_decisions.c
    old = select(columns.decision_id).where(columns.reviewer == name).limit(1)
    persons = select(review_people.c.person).where(review_people.c.name == name)
    with reading(engine) as connection:
        if connection.execute(old).first() is not None:
            raise ReviewError(f"a decision of this reviewer {_TOO_OLD}")
        return set(connection.execute(persons).scalars())


_TOO_OLD = (
    "was imported before the table had salted digests: the log would not fit any more; export what "
    "you need, and go on with a new table"
)


def _recorded(connection: Connection, digests: Collection[str]) -> set[str]:
    """Digests that were erased before."""
    columns, recorded = review_erased.c, set[str]()
    for chunk in chunks(sorted(digests)):
        query = select(columns.subject).where(columns.kind == TEXT, columns.subject.in_(chunk))
        recorded.update(connection.execute(query).scalars())
    return recorded


def _known(connection: Connection, column: Any, values: Iterable[str]) -> list[str]:
    known: list[str] = []
    for chunk in chunks(sorted(set(values))):
        known += connection.execute(select(column).where(column.in_(chunk))).scalars()
    return known


def _delete(connection: Connection, column: Any, values: Iterable[str]) -> None:
    for chunk in chunks(values):
        connection.execute(delete(column.table).where(column.in_(chunk)))


def _remove_texts(connection: Connection, texts: Iterable[str]) -> int:
    """Number of items that lost their text; the ids of texts are given."""
    columns, items = review_items.c, 0
    for chunk in chunks(sorted(texts)):
        query = (
            select(columns.item_key, columns.snippet, columns.evidence)
            .outerjoin(review_texts, review_texts.c.text_digest == columns.text_digest)
            .where(text_id(columns.text_digest).in_(chunk))
        )
        values = [
            {"of_item": row.item_key} | without_text(row.evidence)
            for row in connection.execute(query.order_by(columns.item_key))
            if has_text(row.snippet, row.evidence)
        ]
        if values:
            connection.execute(_WITHOUT_TEXT, values)
        items += len(values)
    return items


def _remove_controls(connection: Connection, digests: Iterable[str]) -> int:
    """Number of controls that lost their text; all digests of the texts are given."""
    columns, controls = review_controls.c, 0
    for chunk in chunks(sorted(digests)):
        query = select(columns.control_key, columns.evidence)
        query = query.where(columns.text_digest.in_(chunk), columns.snippet != "")
        for row in connection.execute(query.order_by(columns.control_key)).all():
            own = update(review_controls).where(columns.control_key == row.control_key)
            connection.execute(own.values(without_text(row.evidence)))
            controls += 1
    return controls


_WITHOUT_TEXT = (
    update(review_items)
    .where(review_items.c.item_key == bindparam("of_item"))
    .values({name: bindparam(name) for name in without_text(())})
)


def _flush(engine: Engine) -> None:
    """Empty SQLite's log, which has the pages as they were, as far as other readers allow it."""
    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            raw.close()
