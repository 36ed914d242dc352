"""Texts that were erased, and what is left of an item without its text."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, select, text

from scrubtrace.review.table import review_erased
from scrubtrace.review.texts import chunks, digests_of, text_ids
from scrubtrace.review.trail.erased import TEXT

_TEXTS_LOCK = 0x5C2B7EAD0


def lock_texts(connection: Connection, alone: bool = False) -> None:
    """Keeps those who write items and one who changes many of them (``alone``) apart, to the end.

    Otherwise a run could store a text again that is being erased, and two could wait for each
    other's rows in a circle. A writing transaction of SQLite holds its lock from the beginning. To
    be called behind `lock_log`, where both are needed.
    """
    if connection.dialect.name == "postgresql":
        kind = "" if alone else "_shared"
        connection.execute(
            text(f"SELECT pg_advisory_xact_lock{kind}(:lock)"), {"lock": _TEXTS_LOCK}
        )


def without_text(evidence: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Values of the columns of an item or a control that hold its text, without it."""
    spans = [{**span, "value": None} for span in evidence]
    return {"snippet": "", "snippet_start": 0, "evidence": spans}


def erased_digests(connection: Connection, texts: Iterable[tuple[str, Iterable[str]]]) -> set[str]:
    """Those of the digests whose text was erased; each comes with its others, by retired keys."""
    is_text = review_erased.c.kind == TEXT
    if connection.execute(select(review_erased.c.subject).where(is_text).limit(1)).first() is None:
        return set()
    all_digests = [(digest, {digest, *earlier}) for digest, earlier in texts]
    gone = _erased_among(connection, set().union(*(digests for _, digests in all_digests)))
    return {digest for digest, digests in all_digests if gone & digests}


def _erased_among(connection: Connection, digests: Iterable[str]) -> set[str]:
    """Those of the digests whose text was erased, under any of its digests."""
    ids = text_ids(connection, digests)
    members = digests_of(connection, set(ids.values()))
    erased: set[str] = set()
    for chunk in chunks(sorted(set(ids).union(*members.values()))):
        columns = review_erased.c
        query = select(columns.subject).where(columns.kind == TEXT, columns.subject.in_(chunk))
        erased.update(connection.execute(query).scalars())
    return {digest for digest, of_text in ids.items() if erased & {digest, *members[of_text]}}
