"""Controls in the review table: added with an event, counted, and found by their keys."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Engine, Select, exists, func, insert, select, update
from sqlalchemy.engine import RowMapping

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.decisions.file import BadLine
from scrubtrace.review.erasing.texts import erased_digests, lock_texts
from scrubtrace.review.store import PAGE_ITEMS
from scrubtrace.review.table import review_controls, review_issued, review_people
from scrubtrace.review.texts import chunks
from scrubtrace.review.trail.events import (
    EventKind,
    append_event,
    lines_sha256,
    lock_log,
    next_event,
)
from scrubtrace.review.trail.salted import remembered
from scrubtrace.schemas.batches import Control, Issued, Origin

_FIELDS = tuple(field.name for field in fields(Control))


def control_key(text_digest: str) -> str:
    """Key of a control: ``c`` and the first 32 digits of the keyed digest of its text."""
    return "c" + text_digest[:32]


@dataclass(frozen=True)
class NumberedControl:
    """A control, the number of its row, and the digests of its text by retired keys."""

    row: int
    control: Control
    earlier_digests: tuple[str, ...] = ()


@dataclass
class Added:
    """What became of the rows of a file.

    ``known`` texts were there or are twice in the file; ``renewed`` of them have other evidence
    now. Rows whose text was ``erased`` are left out. With ``bad`` rows, which give the same text
    another origin, nothing was stored.
    """

    human: int = 0
    llm: int = 0
    known: int = 0
    renewed: int = 0
    erased: int = 0
    bad: list[BadLine] = field(default_factory=list)


@dataclass(frozen=True)
class ControlCount:
    """Number of controls that look alike, and how many of them were never given out."""

    origin: Origin
    language: str
    kind: str
    controls: int
    unissued: int


def add_controls(engine: Engine, rows: Sequence[NumberedControl]) -> Added:
    """Store controls in one transaction, with one event if anything changes.

    The same text with the same origin is the same control; it takes the evidence that is found in
    it today. Raises ReviewError.
    """
    found = Added()
    with writing(engine) as connection:
        lock_log(connection)
        # As those who write items: the text of a control may be erased at the same time.
        lock_texts(connection)
        rows = _not_erased(connection, rows, found)
        stored = _stored(connection, rows)
        new: dict[str, Control] = {}
        renewed: dict[str, Control] = {}
        for row in rows:
            earlier = _earlier(row, stored) or new.get(row.control.control_key)
            if earlier is None:
                new[row.control.control_key] = row.control
            elif earlier.origin != row.control.origin:
                found.bad.append(BadLine(row.row, f"the same text is there as {earlier.origin}"))
            else:
                found.known += 1
                _renew(row.control, earlier, new, renewed)
        if not found.bad:
            _write(connection, new, renewed, found)
    return found


def _not_erased(
    connection: Connection, rows: Sequence[NumberedControl], found: Added
) -> list[NumberedControl]:
    texts = ((row.control.text_digest, row.earlier_digests) for row in rows)
    erased = erased_digests(connection, texts)
    kept = [row for row in rows if row.control.text_digest not in erased]
    found.erased = len(rows) - len(kept)
    return kept


def _stored(connection: Connection, rows: Iterable[NumberedControl]) -> dict[str, Control]:
    """Controls in the table by the digest of their text."""
    digests = {d for row in rows for d in (row.control.text_digest, *row.earlier_digests)}
    stored = {}
    for chunk in chunks(sorted(digests)):
        query = select(review_controls).where(review_controls.c.text_digest.in_(chunk))
        for row in connection.execute(query).mappings():
            stored[row["text_digest"]] = _control(row)
    return stored


def _earlier(row: NumberedControl, stored: dict[str, Control]) -> Control | None:
    digests = (row.control.text_digest, *row.earlier_digests)
    return next((stored[digest] for digest in digests if digest in stored), None)


def _renew(
    control: Control, earlier: Control, new: dict[str, Control], renewed: dict[str, Control]
) -> None:
    """Remember what changed of a control, which keeps its key and the name of its source."""
    if earlier.control_key not in new:
        same = replace(control, control_key=earlier.control_key, source=earlier.source)
        if same != earlier:
            renewed[same.control_key] = same


def _write(
    connection: Connection, new: dict[str, Control], renewed: dict[str, Control], found: Added
) -> None:
    origins = [control.origin for control in new.values()]
    found.human, found.llm = origins.count(Origin.HUMAN), origins.count(Origin.LLM)
    found.renewed = len(renewed)
    if not new and not renewed:
        return
    event, now = next_event(connection)
    ordered = iter(sorted(new.values(), key=lambda control: control.control_key))
    while page := [vars(control) | {"event": event} for control in islice(ordered, PAGE_ITEMS)]:
        connection.execute(insert(review_controls), page)
    for key, control in sorted(renewed.items()):
        own = review_controls.c.control_key == key
        connection.execute(update(review_controls).where(own).values(**vars(control)))
    payload = {
        "human": found.human,
        "llm": found.llm,
        "renewed": found.renewed,
        "sha256": lines_sha256(control_line(c.control_key, c.origin) for c in new.values()),
    }
    append_event(connection, EventKind.CONTROLS, payload, at=now)


def control_line(key: str, origin: str) -> str:
    """What the event of adding a control has a digest of: its origin cannot be changed later."""
    return f"{key} {origin}"


def store_issued(connection: Connection, issued: Sequence[Issued], event: int) -> str:
    """Store controls that are given out by an event; gives the digest that the event has of them.

    To be called in the transaction of the event. Reviewers are stored as persons.
    """
    names = sorted({one.reviewer for one in issued} - {""})
    persons = {name: remembered(connection, name) for name in names}
    issued = [replace(one, reviewer=persons.get(one.reviewer, "")) for one in issued]
    for start in range(0, len(issued), PAGE_ITEMS):
        rows = [vars(one) | {"event": event} for one in issued[start : start + PAGE_ITEMS]]
        connection.execute(insert(review_issued), rows)
    return lines_sha256(map(issued_line, issued))


def last_issued(connection: Connection, batch: str | None) -> int:
    """Number of the newest event that gave out controls with the batch, or without one; else 0."""
    columns = review_issued.c
    newest = select(func.max(columns.event)).where(columns.batch == batch)
    return connection.execute(newest).scalar() or 0


def issued_line(issued: Issued) -> str:
    """What the event of an export has a digest of.

    Keys of controls and of what is given out cannot be guessed, so the digest tells nothing.
    """
    named = (issued.item_key, issued.control_key, str(issued.row_version), issued.batch or "")
    return " ".join([*named, issued.reviewer])


def control_counts(engine: Engine) -> list[ControlCount]:
    """Controls by origin, language and kind; raises ReviewError."""
    columns = review_controls.c
    is_issued = exists().where(review_issued.c.control_key == columns.control_key)
    looks = (columns.origin, columns.language, columns.kind)
    query = select(*looks, is_issued.label("is_issued"), func.count().label("controls"))
    counts: dict[tuple[str, str, str], list[int]] = {}
    with reading(engine) as connection:
        for row in connection.execute(query.group_by(*looks, is_issued)):
            both = counts.setdefault((row.origin, row.language, row.kind), [0, 0])
            both[0] += row.controls
            both[1] += 0 if row.is_issued else row.controls
    return [
        ControlCount(Origin(origin), language, kind, controls, unissued)
        for (origin, language, kind), (controls, unissued) in sorted(counts.items())
    ]


def _with_names() -> Select[Any]:
    """What was given out, with the names of reviewers that are not erased."""
    who = func.coalesce(review_people.c.name, review_issued.c.reviewer).label("who")
    is_theirs = review_people.c.person == review_issued.c.reviewer
    return select(review_issued, who).outerjoin(review_people, is_theirs)


def controls_by_key(connection: Connection, keys: Iterable[str]) -> dict[str, Control]:
    """The controls with these keys."""
    found = {}
    for chunk in chunks(keys):
        query = select(review_controls).where(review_controls.c.control_key.in_(chunk))
        for row in connection.execute(query).mappings():
            found[row["control_key"]] = _control(row)
    return found


def issued_by_key(connection: Connection, item_keys: Iterable[str]) -> dict[str, Issued]:
    """What was given out, by the key that it was given out under; other keys are left out."""
    found: dict[str, Issued] = {}
    for chunk in chunks(item_keys):
        query = _with_names().where(review_issued.c.item_key.in_(chunk))
        found |= {issued.item_key: issued for issued in _issued(connection, query)}
    return found


def all_issued(connection: Connection) -> list[Issued]:
    """Everything that was given out, by its key."""
    query = _with_names().order_by(review_issued.c.item_key)
    return list(_issued(connection, query))


def _issued(connection: Connection, query: Select[Any]) -> Iterator[Issued]:
    for row in connection.execute(query):
        yield Issued(row.item_key, row.control_key, row.row_version, row.batch, row.who, row.event)


def _control(row: RowMapping) -> Control:
    return Control(**{name: row[name] for name in _FIELDS} | {"origin": Origin(row["origin"])})
