"""Checking what was erased: everything that is gone has its event, and nothing else is gone.

A name, a comment and the salt of a file are either there, and give the digest that the log has, or
`review_erased` says by which event they went, and that event says so as well. A text that was
erased is not in the review table any more.
"""

from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, or_, select

from scrubtrace.review.table import (
    review_comments,
    review_controls,
    review_decisions,
    review_erased,
    review_items,
    review_people,
    review_salts,
    review_texts,
)
from scrubtrace.review.texts import chunks, text_id, text_ids
from scrubtrace.review.trail.events import EventKind, lines_sha256, sha256_of
from scrubtrace.review.trail.salted import PERSON, person_id, salted

TEXT, COMMENT, NAME = "text", "comment", "name"
"""What can be erased; its subject is the digest of a text, a decision, a person."""

PAGE_ROWS = 1_000


@dataclass(frozen=True)
class LogEntry:
    """What an event says about persons, salts and erasures."""

    seq: int
    kind: str
    persons: frozenset[str]
    salt: str | None = None
    erased: int = 0
    sha256: str = ""

    @classmethod
    def of(cls, seq: int, actor: str, kind: str, payload: Mapping[str, Any]) -> "LogEntry":
        """The entry of an event; values of another type than they should have say nothing."""
        named = [actor, payload.get("reviewer"), *_list(payload.get("reviewers"))]
        persons = frozenset(
            name for name in named if isinstance(name, str) and PERSON.fullmatch(name)
        )
        salt, count = payload.get("salt"), payload.get("subjects")
        return cls(
            seq,
            kind,
            persons,
            salt if isinstance(salt, str) else None,
            count if kind == EventKind.ERASED and isinstance(count, int) else 0,
            str(payload.get("sha256")),
        )


def erased_line(kind: str, subject: str) -> str:
    """One erasure in the digest of its event."""
    return f"{kind} {subject}"


def has_text(snippet: str, evidence: Iterable[Mapping[str, Any]]) -> bool:
    """Whether something of a text is there: its snippet, or a value of its evidence."""
    return bool(snippet) or any(span.get("value") for span in evidence)


def erasure_problems(
    connection: Connection, entries: Sequence[LogEntry], counts: MutableMapping[str, int]
) -> Iterator[str]:
    """What is gone without an event, and what is there in spite of one; ``counts`` by kind."""
    recorded: dict[str, set[str]] = {TEXT: set(), COMMENT: set(), NAME: set()}
    for row in connection.execute(select(review_erased.c.kind, review_erased.c.subject)):
        recorded.setdefault(row.kind, set()).add(row.subject)
    counts.update({kind: len(subjects) for kind, subjects in recorded.items() if subjects})
    if recorded[TEXT]:  # a text has a digest by each key that it was seen under
        counts[TEXT] = len(set(text_ids(connection, recorded[TEXT]).values()))
    yield from _events(connection, entries)
    yield from _names(connection, entries, recorded[NAME])
    yield from _comments(connection, recorded[COMMENT])
    yield from _salts(connection, entries)
    yield from _texts(connection, recorded[TEXT])


def _events(connection: Connection, entries: Sequence[LogEntry]) -> Iterator[str]:
    """Each entry of ``review_erased`` is covered by its event, and the other way round."""
    said = {entry.seq: entry for entry in entries if entry.kind == EventKind.ERASED}
    columns = review_erased.c
    rows = connection.execute(select(review_erased).order_by(columns.event))
    for seq, group in groupby(rows, key=lambda row: int(row.event)):
        lines = [erased_line(row.kind, row.subject) for row in group]
        entry = said.pop(seq, None)
        if entry is None:
            yield f"{len(lines):,} erasures name event {seq}, which is not an erasure"
        elif (entry.erased, entry.sha256) != (len(lines), lines_sha256(lines)):
            yield f"event {seq}: other erasures are recorded than it says"
    for seq, entry in said.items():
        if entry.erased:
            yield f"event {seq}: {entry.erased:,} erasures, 0 are recorded"


def _names(connection: Connection, entries: Sequence[LogEntry], erased: set[str]) -> Iterator[str]:
    there = set()
    for row in connection.execute(select(review_people).order_by(review_people.c.person)):
        there.add(row.person)
        if row.person in erased:
            yield f"the name of {row.person} was erased, but is there"
        elif person_id(row.salt, row.name) != row.person:
            yield f"the name of {row.person} was changed"
    reviewers = connection.execute(select(review_decisions.c.reviewer).distinct()).scalars()
    named = {name for name in reviewers if PERSON.fullmatch(name)}
    named.update(*(entry.persons for entry in entries))
    for person in sorted(named - there - erased):
        yield f"the name of {person} is gone, and no event says so"


def _comments(connection: Connection, erased: set[str]) -> Iterator[str]:
    decisions, comments = review_decisions.c, review_comments.c
    query = (
        select(decisions.decision_id, decisions.comment_digest, comments.comment, comments.salt)
        .outerjoin(review_comments, comments.decision_id == decisions.decision_id)
        .where(or_(decisions.comment_digest != "", comments.decision_id.is_not(None)))
        .order_by(decisions.decision_id)
    )
    for row in connection.execute(query.execution_options(yield_per=PAGE_ROWS)):
        of = f"the comment of decision {row.decision_id}"
        if row.comment is None and row.decision_id not in erased:
            yield f"{of} is gone, and no event says so"
        elif row.comment is not None and row.decision_id in erased:
            yield f"{of} was erased, but is there"
        elif row.comment is not None and salted(row.salt, row.comment) != row.comment_digest:
            yield f"{of} was changed"
    known = select(decisions.decision_id)
    others = select(comments.decision_id).where(comments.decision_id.not_in(known))
    for decision_id in connection.execute(others.order_by(comments.decision_id)).scalars():
        yield f"a comment was added to decision {decision_id}, which there is not"


def _salts(connection: Connection, entries: Sequence[LogEntry]) -> Iterator[str]:
    there = {row.event: row.salt for row in connection.execute(select(review_salts))}
    last = max((entry.seq for entry in entries if entry.kind == EventKind.ERASED), default=0)
    for entry in entries:
        salt = there.pop(entry.seq, None)
        if entry.salt is None or (salt is None and entry.seq < last):
            continue
        if salt is None:
            yield f"event {entry.seq}: its salt is gone, and no event says so"
        elif sha256_of(salt) != entry.salt:
            yield f"event {entry.seq}: its salt was changed"


def _texts(connection: Connection, erased: set[str]) -> Iterator[str]:
    """An item without its snippet has an erased text, and an erased text has no item with one.

    Of a text that has digests by several keys, one is enough. Items of no characters, such as
    findings about calls, never had a text.
    """
    columns = review_items.c
    ids = set(text_ids(connection, erased).values())
    joined = select(
        columns.item_key, columns.snippet, text_id(columns.text_digest).label("text")
    ).outerjoin(review_texts, review_texts.c.text_digest == columns.text_digest)
    without = joined.where(columns.snippet == "", columns.text_chars > 0)
    without = without.order_by(columns.item_key)
    for row in connection.execute(without.execution_options(yield_per=PAGE_ROWS)):
        if row.text not in ids:
            yield f"the text of item {row.item_key} is gone, and no event says so"
    for chunk in chunks(sorted(ids)):
        chosen = joined.add_columns(columns.evidence).where(text_id(columns.text_digest).in_(chunk))
        for row in connection.execute(chosen.order_by(columns.item_key)):
            if has_text(row.snippet, row.evidence):
                yield f"the text of item {row.item_key} was erased, but is there"
    yield from _texts_of_controls(connection, ids)


def _texts_of_controls(connection: Connection, erased: set[str]) -> Iterator[str]:
    """The same of controls; the ids of texts that were erased are given."""
    query = select(review_controls).order_by(review_controls.c.control_key)
    controls = connection.execute(query).all()
    ids = text_ids(connection, (row.text_digest for row in controls))
    for row in controls:
        is_erased = ids[row.text_digest] in erased
        if is_erased and has_text(row.snippet, row.evidence):
            yield f"the text of control {row.control_key} was erased, but is there"
        elif not is_erased and not row.snippet:
            yield f"the text of control {row.control_key} is gone, and no event says so"


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
