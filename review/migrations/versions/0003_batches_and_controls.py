"""Batches of texts for reviewers, controls of known origin, and which of them were given out."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

APPEND_ONLY = {
    "review_batches": ("name",),
    "review_batch_items": ("batch", "item_key"),
    "review_issued": ("item_key",),
}


def upgrade() -> None:
    """Create the tables, and the triggers that refuse changes of what reviewers were given."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    _batches(ordered)
    _controls(ordered)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if is_sqlite else _postgresql_triggers():
        op.execute(sa.text(statement))


def _batches(ordered: "sa.types.TypeEngine[str]") -> None:
    op.create_table(
        "review_batches",
        sa.Column("name", ordered, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("dataset", "purpose")),
        sa.Column("blind", sa.Boolean(), nullable=False),
        sa.Column("plan", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("event", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_review_batches"),
    )
    op.create_table(
        "review_batch_items",
        *(sa.Column(name, ordered, nullable=False) for name in ("batch", "item_key")),
        sa.Column("row_version", sa.BigInteger(), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("text_digest", "evidence_fingerprint", "stratum")
        ),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "item_key", name="pk_review_batch_items"),
    )
    op.create_index("ix_review_batch_items_item", "review_batch_items", ["item_key"])


def _controls(ordered: "sa.types.TypeEngine[str]") -> None:
    text, number = sa.Text(), sa.BigInteger()
    texts = ("origin", "source", "language", "field", "text_digest", "key_id")
    op.create_table(
        "review_controls",
        sa.Column("control_key", ordered, nullable=False),
        *(sa.Column(name, text, nullable=False) for name in texts),
        sa.Column("text_chars", number, nullable=False),
        sa.Column("evidence_fingerprint", text, nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("priority", number, nullable=False),
        sa.Column("why", text, nullable=False),
        *(sa.Column(name, sa.JSON(), nullable=False) for name in ("detectors", "evidence")),
        sa.Column("spans_left_out", number, nullable=False),
        sa.Column("snippet", text, nullable=False),
        sa.Column("snippet_start", number, nullable=False),
        sa.Column("event", number, nullable=False),
        sa.PrimaryKeyConstraint("control_key", name="pk_review_controls"),
    )
    op.create_table(
        "review_issued",
        *(sa.Column(name, ordered, nullable=False) for name in ("item_key", "control_key")),
        sa.Column("row_version", number, nullable=False),
        sa.Column("batch", ordered),
        sa.Column("reviewer", text, nullable=False),
        sa.Column("event", number, nullable=False),
        sa.PrimaryKeyConstraint("item_key", name="pk_review_issued"),
    )
    op.create_index("ix_review_issued_control", "review_issued", ["control_key"])


def _sqlite_triggers() -> list[str]:
    refusals = [
        f"CREATE TRIGGER {table}_no_{doing} BEFORE {doing} ON {table}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table in APPEND_ONLY
        for doing in ("update", "delete")
    ]
    # INSERT OR REPLACE fires no trigger for the row that it removes.
    replacing = [
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {_same(key)})"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        for table, key in APPEND_ONLY.items()
    ]
    return [*refusals, *replacing]


def _same(key: tuple[str, ...]) -> str:
    return " AND ".join(f"{name} = NEW.{name}" for name in key)


def _postgresql_triggers() -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION review_append_only()"
        for table in APPEND_ONLY
    ]
