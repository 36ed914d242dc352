"""Decisions and the event log, both append-only; earlier versions of items; digests of one text."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

APPEND_ONLY = {"review_decisions": "decision_id", "review_events": "seq"}
VERSIONED = "item_key, row_version, text_digest, key_id, evidence_fingerprint, last_run"


def upgrade() -> None:
    """Create the tables and triggers; ``review_items`` learns which run did not see an item."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("review_items", sa.Column("unseen_run", ordered))
    op.create_index("ix_review_items_text", "review_items", ["text_digest"])
    _versions_and_texts(ordered)
    _events()
    _decisions(ordered)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if is_sqlite else _postgresql_triggers():
        op.execute(sa.text(statement))


def _versions_and_texts(ordered: "sa.types.TypeEngine[str]") -> None:
    op.create_table(
        "review_versions",
        sa.Column("item_key", ordered, nullable=False),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        sa.Column("text_digest", sa.Text(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("evidence_fingerprint", sa.Text(), nullable=False),
        sa.Column("last_run", ordered, nullable=False),
        sa.PrimaryKeyConstraint("item_key", "row_version", name="pk_review_versions"),
    )
    op.create_index("ix_review_versions_text", "review_versions", ["text_digest"])
    op.create_table(
        "review_texts",
        sa.Column("text_digest", ordered, nullable=False),
        sa.Column("text_id", ordered, nullable=False),
        sa.PrimaryKeyConstraint("text_digest", name="pk_review_texts"),
    )
    op.create_index("ix_review_texts_text_id", "review_texts", ["text_id"])


def _events() -> None:
    op.create_table(
        "review_events",
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("actor", "kind", "payload")),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("previous", "hash")),
        sa.PrimaryKeyConstraint("seq", name="pk_review_events"),
    )
    op.create_index("ix_review_events_hash", "review_events", ["hash"], unique=True)


def _decisions(ordered: "sa.types.TypeEngine[str]") -> None:
    text, number, time = sa.Text(), sa.BigInteger(), sa.DateTime(timezone=True)
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "decision_id": ordered,
        "text_digest": ordered,
        "key_id": text,
        "item_key": ordered,
        "dataset": text,
        "scope": text,
        "decision": text,
        "reason": text,
        "comment": text,
        "reviewer": text,
        "run_id": ordered,
        "evidence_fingerprint": text,
        "row_version": number,
        "decided_at": time,
        "imported_at": time,
        "batch": text,
        "line": number,
        "event": number,
    }
    op.create_table(
        "review_decisions",
        *(sa.Column(name, kind, nullable=False) for name, kind in columns.items()),
        sa.PrimaryKeyConstraint("decision_id", name="pk_review_decisions"),
    )
    op.create_index("ix_review_decisions_text", "review_decisions", ["text_digest"])
    op.create_index("ix_review_decisions_item", "review_decisions", ["item_key"])
    op.create_index("ix_review_decisions_event", "review_decisions", ["event"])


def _sqlite_triggers() -> list[str]:
    old = ", ".join(f"OLD.{name}" for name in VERSIONED.split(", "))
    # Not INSERT OR REPLACE: the statement that fires a trigger decides about its conflicts.
    versions = (
        "CREATE TRIGGER review_items_version AFTER UPDATE ON review_items"
        " WHEN NEW.row_version <> OLD.row_version BEGIN"
        " DELETE FROM review_versions"
        " WHERE item_key = OLD.item_key AND row_version = OLD.row_version;"
        f" INSERT INTO review_versions ({VERSIONED}) VALUES ({old}); END"
    )
    refusals = [
        f"CREATE TRIGGER {table}_no_{doing} BEFORE {doing} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in APPEND_ONLY
        for doing in ("update", "delete")
    ]
    # INSERT OR REPLACE fires no trigger for the row that it removes.
    replacing = [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table, key in APPEND_ONLY.items()
    ]
    return [versions, *refusals, *replacing]


def _postgresql_triggers() -> list[str]:
    old = ", ".join(f"OLD.{name}" for name in VERSIONED.split(", "))
    renewed = ", ".join(f"{name} = EXCLUDED.{name}" for name in VERSIONED.split(", ")[2:])
    statements = [
        "CREATE FUNCTION review_items_version() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        f" INSERT INTO review_versions ({VERSIONED}) VALUES ({old})"
        f" ON CONFLICT (item_key, row_version) DO UPDATE SET {renewed};"
        " RETURN NULL; END $$",
        "CREATE TRIGGER review_items_version AFTER UPDATE ON review_items FOR EACH ROW"
        " WHEN (NEW.row_version <> OLD.row_version) EXECUTE FUNCTION review_items_version()",
        "CREATE FUNCTION review_append_only() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$",
    ]
    return statements + [
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION review_append_only()"
        for table in APPEND_ONLY
    ]
