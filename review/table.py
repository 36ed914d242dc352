"""Tables of the review database, as SQLAlchemy Core tables for SQLite and PostgreSQL.

``review_items`` has one row a `scrubtrace.schemas.review.ReviewItem`, ``review_runs`` one row a
committed run, ``review_decisions`` one row a decision, ``review_events`` one row an event.
``review_versions`` and ``review_texts`` say what a decision was about: earlier versions of items,
and digests of one text by several keys. ``review_people``, ``review_comments`` and ``review_salts``
hold what can be erased, ``review_erased`` what was. ``review_batches`` and ``review_batch_items``
say what reviewers were given for a purpose, ``review_controls`` and ``review_issued`` which texts
of known origin were among it. The migrations build the database; these tables are how the code
speaks to it.
"""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Double,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    TypeDecorator,
)

from scrubtrace.schemas.vocabulary import GROUPS

VERSION_TABLE = "review_schema_version"
"""Where Alembic keeps the revision; its default name could be another program's table."""


REVISION = "0004"
"""The revision of the schema that these tables describe: the newest file in the migrations."""


class StoredText(TypeDecorator[str]):
    """Text in which NUL is kept as U+2400 (symbol for null), in both databases alike.

    PostgreSQL cannot store NUL in text. One code point replaces one, so that offsets hold.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """The text without NUL."""
        return None if value is None else value.replace("\0", "\N{SYMBOL FOR NULL}")


class UtcTime(TypeDecorator[datetime]):
    """A time in UTC; always aware, also from SQLite, which keeps no time zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time in UTC; raises ValueError for a time without a zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a time of the review table needs a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The time, aware and in UTC."""
        if value is not None and value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return None if value is None else value.astimezone(UTC)


# Compared byte by byte, as SQLite and Python do; other PostgreSQL collations skip punctuation.
_ORDERED = Text().with_variant(Text(collation="C"), "postgresql")

METADATA = MetaData()

review_items = Table(
    "review_items",
    METADATA,
    Column("item_key", _ORDERED, nullable=False),
    Column("dataset", StoredText, nullable=False),
    Column("shard", StoredText, nullable=False),
    Column("row_index", BigInteger, nullable=False),
    Column("row_id", StoredText),
    Column("occurrence", BigInteger, nullable=False),
    Column("field", StoredText, nullable=False),
    Column("turn", BigInteger),
    Column("language", StoredText, nullable=False),
    *(Column(name, StoredText) for name in GROUPS),
    Column("text_digest", StoredText, nullable=False),
    Column("key_id", StoredText, nullable=False),
    Column("text_chars", BigInteger, nullable=False),
    Column("evidence_fingerprint", StoredText, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("why", StoredText, nullable=False),
    Column("policy", StoredText, nullable=False),
    Column("detectors", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("spans_left_out", BigInteger, nullable=False),
    Column("snippet", StoredText, nullable=False),
    Column("snippet_start", BigInteger, nullable=False),
    Column("first_run", _ORDERED, nullable=False),
    Column("last_run", _ORDERED, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("unseen_run", _ORDERED),
    PrimaryKeyConstraint("item_key", name="pk_review_items"),
    # Reviewers' order without a sort: all items, the flagged ones, the flagged ones of a dataset.
    Index("ix_review_items_order", "priority", "item_key"),
    Index("ix_review_items_flagged", "flagged", "priority", "item_key"),
    Index("ix_review_items_dataset", "dataset", "flagged", "priority", "item_key"),
    Index("ix_review_items_key_id", "key_id"),
    Index("ix_review_items_text", "text_digest"),
)
"""One judged text with evidence, as the newest run that saw it did.

``first_run`` and ``last_run`` are run ids; ``row_version`` counts from 1 and grows when what a
reviewer sees or decides on changes. ``unseen_run`` is the run that should have found a flagged item
again but did not, or whose policy it is not enough for. ``evidence`` and ``detectors`` are JSON
lists of objects.
"""

review_runs = Table(
    "review_runs",
    METADATA,
    Column("run_id", _ORDERED, nullable=False),
    Column("dataset", StoredText, nullable=False),
    Column("key_id", StoredText, nullable=False),
    Column("manifest_sha256", StoredText, nullable=False),
    Column("flagged", BigInteger, nullable=False),
    Column("reported", BigInteger, nullable=False),
    Column("committed_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("run_id", name="pk_review_runs"),
)
"""One committed run: how many items it flagged and reported, and when it was committed (UTC)."""

review_versions = Table(
    "review_versions",
    METADATA,
    Column("item_key", _ORDERED, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("text_digest", StoredText, nullable=False),
    Column("key_id", StoredText, nullable=False),
    Column("evidence_fingerprint", StoredText, nullable=False),
    Column("last_run", _ORDERED, nullable=False),
    PrimaryKeyConstraint("item_key", "row_version", name="pk_review_versions"),
    Index("ix_review_versions_text", "text_digest"),
)
"""What earlier versions of an item were about; a trigger writes it when ``row_version`` changes."""

review_texts = Table(
    "review_texts",
    METADATA,
    Column("text_digest", _ORDERED, nullable=False),
    Column("text_id", _ORDERED, nullable=False),
    PrimaryKeyConstraint("text_digest", name="pk_review_texts"),
    Index("ix_review_texts_text_id", "text_id"),
)
"""Digests that are of the same text as another one, by a retired key: they share ``text_id``.

A digest that is not here is its own ``text_id``.
"""

review_events = Table(
    "review_events",
    METADATA,
    Column("seq", BigInteger, nullable=False, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", StoredText, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("payload", StoredText, nullable=False),
    Column("previous", StoredText, nullable=False),
    Column("hash", StoredText, nullable=False),
    PrimaryKeyConstraint("seq", name="pk_review_events"),
    Index("ix_review_events_hash", "hash", unique=True),
)
"""What was done to the table, in a hash chain; see `scrubtrace.review.trail.events`.

``seq`` counts from 1 without a gap; triggers refuse every change of a row.
"""

review_decisions = Table(
    "review_decisions",
    METADATA,
    Column("decision_id", _ORDERED, nullable=False),
    Column("text_digest", _ORDERED, nullable=False),
    Column("key_id", StoredText, nullable=False),
    Column("item_key", _ORDERED, nullable=False),
    Column("dataset", StoredText, nullable=False),
    Column("scope", StoredText, nullable=False),
    Column("decision", StoredText, nullable=False),
    Column("reason", StoredText, nullable=False),
    Column("comment", StoredText, nullable=False),
    Column("reviewer", StoredText, nullable=False),
    Column("run_id", _ORDERED, nullable=False),
    Column("evidence_fingerprint", StoredText, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
    Column("batch", StoredText, nullable=False),
    Column("line", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    Column("comment_digest", StoredText, nullable=False, server_default=""),
    PrimaryKeyConstraint("decision_id", name="pk_review_decisions"),
    Index("ix_review_decisions_text", "text_digest"),
    Index("ix_review_decisions_item", "item_key"),
    Index("ix_review_decisions_event", "event"),
)
"""One decision of one reviewer, as it was imported; triggers refuse every change of a row.

``text_digest`` (by key ``key_id``), ``evidence_fingerprint`` and ``run_id`` are those of version
``row_version`` of the item, which the decision was made on. ``reason`` may be empty. ``reviewer``
is a person of `review_people`; ``comment_digest`` is the salted digest of the comment, which
`review_comments` has, or empty. ``batch`` is the salted digest of the file, ``line`` where the
decision stands in it, ``event`` the number of the event of its import. Decisions from before
revision 0004 have the name in ``reviewer``, the comment in ``comment`` and a digest without salt.
"""

review_people = Table(
    "review_people",
    METADATA,
    Column("person", _ORDERED, nullable=False),
    Column("name", StoredText, nullable=False),
    Column("salt", StoredText, nullable=False),
    PrimaryKeyConstraint("person", name="pk_review_people"),
)
"""Names of reviewers and of users; everything else knows them as ``person``.

A person is a salted digest of the name; see `scrubtrace.review.trail.salted`. Triggers refuse every
change, and let a row go only if `review_erased` has the person.
"""

review_comments = Table(
    "review_comments",
    METADATA,
    Column("decision_id", _ORDERED, nullable=False),
    Column("comment", StoredText, nullable=False),
    Column("salt", StoredText, nullable=False),
    PrimaryKeyConstraint("decision_id", name="pk_review_comments"),
)
"""Comments of decisions, with the salt of their digests; triggers as for `review_people`."""

review_salts = Table(
    "review_salts",
    METADATA,
    Column("event", BigInteger, nullable=False, autoincrement=False),
    Column("salt", StoredText, nullable=False),
    PrimaryKeyConstraint("event", name="pk_review_salts"),
)
"""Salts of the digests of files in events; a later erasure removes them."""

review_erased = Table(
    "review_erased",
    METADATA,
    Column("kind", StoredText, nullable=False),
    Column("subject", _ORDERED, nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "subject", name="pk_review_erased"),
    Index("ix_review_erased_event", "event"),
)
"""What was erased, and by which event: a text by digest, a comment by decision, a name by person.

Triggers refuse every change of a row.
"""

review_batches = Table(
    "review_batches",
    METADATA,
    Column("name", _ORDERED, nullable=False),
    Column("dataset", StoredText, nullable=False),
    Column("purpose", StoredText, nullable=False),
    Column("blind", Boolean, nullable=False),
    Column("plan", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("name", name="pk_review_batches"),
)
"""One row a `scrubtrace.schemas.batches.Batch`; triggers refuse every change of a row."""

review_batch_items = Table(
    "review_batch_items",
    METADATA,
    Column("batch", _ORDERED, nullable=False),
    Column("item_key", _ORDERED, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("text_digest", StoredText, nullable=False),
    Column("evidence_fingerprint", StoredText, nullable=False),
    Column("stratum", StoredText, nullable=False),
    Column("probability", Double, nullable=False),
    Column("flagged", Boolean, nullable=False),
    PrimaryKeyConstraint("batch", "item_key", name="pk_review_batch_items"),
    Index("ix_review_batch_items_item", "item_key"),
)
"""One row a `scrubtrace.schemas.batches.BatchItem`; triggers refuse every change of a row."""

review_controls = Table(
    "review_controls",
    METADATA,
    Column("control_key", _ORDERED, nullable=False),
    Column("origin", StoredText, nullable=False),
    Column("source", StoredText, nullable=False),
    Column("language", StoredText, nullable=False),
    Column("field", StoredText, nullable=False),
    Column("text_digest", StoredText, nullable=False),
    Column("key_id", StoredText, nullable=False),
    Column("text_chars", BigInteger, nullable=False),
    Column("evidence_fingerprint", StoredText, nullable=False),
    Column("flagged", Boolean, nullable=False),
    Column("kind", StoredText, nullable=False),
    Column("priority", BigInteger, nullable=False),
    Column("why", StoredText, nullable=False),
    Column("detectors", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("spans_left_out", BigInteger, nullable=False),
    Column("snippet", StoredText, nullable=False),
    Column("snippet_start", BigInteger, nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("control_key", name="pk_review_controls"),
)
"""One row a `scrubtrace.schemas.batches.Control`; ``event`` is that of adding it."""

review_issued = Table(
    "review_issued",
    METADATA,
    Column("item_key", _ORDERED, nullable=False),
    Column("control_key", _ORDERED, nullable=False),
    Column("row_version", BigInteger, nullable=False),
    Column("batch", _ORDERED),
    Column("reviewer", StoredText, nullable=False),
    Column("event", BigInteger, nullable=False),
    PrimaryKeyConstraint("item_key", name="pk_review_issued"),
    Index("ix_review_issued_control", "control_key"),
)
"""Controls that were given out, each under a key of its own that looks like that of an item.

``row_version`` is one that lines of the export have. ``batch`` is null for an export without one,
``reviewer`` empty unless the export assigned it. Decisions on it stand in ``review_decisions`` with
the control's key as their ``text_digest``, so that they are never about a text of the data.
Triggers refuse every change of a row.
"""
