"""The first tables: items under review, and the runs that were committed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

GROUPS = ("labeler", "vendor", "source", "stage", "market", "task", "created_at")


def upgrade() -> None:
    """Create ``review_items`` and ``review_runs``."""
    text = sa.Text()
    # Compared byte by byte, as SQLite and Python do; other PostgreSQL collations skip punctuation.
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    number = sa.BigInteger()
    op.create_table(
        "review_items",
        sa.Column("item_key", ordered, nullable=False),
        sa.Column("dataset", text, nullable=False),
        sa.Column("shard", text, nullable=False),
        sa.Column("row_index", number, nullable=False),
        sa.Column("row_id", text),
        sa.Column("occurrence", number, nullable=False),
        sa.Column("field", text, nullable=False),
        sa.Column("turn", number),
        sa.Column("language", text, nullable=False),
        *(sa.Column(name, text) for name in GROUPS),
        sa.Column("text_digest", text, nullable=False),
        sa.Column("key_id", text, nullable=False),
        sa.Column("text_chars", number, nullable=False),
        sa.Column("evidence_fingerprint", text, nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("priority", number, nullable=False),
        sa.Column("why", text, nullable=False),
        sa.Column("policy", text, nullable=False),
        sa.Column("detectors", sa.JSON(), nullable=False),
        sa.Column("evidence", sa.JSON(), nullable=False),
        sa.Column("spans_left_out", number, nullable=False),
        sa.Column("snippet", text, nullable=False),
        sa.Column("snippet_start", number, nullable=False),
        sa.Column("first_run", ordered, nullable=False),
        sa.Column("last_run", ordered, nullable=False),
        sa.Column("row_version", number, nullable=False),
        sa.PrimaryKeyConstraint("item_key", name="pk_review_items"),
    )
    _indexes_of_items()
    op.create_table(
        "review_runs",
        sa.Column("run_id", ordered, nullable=False),
        sa.Column("dataset", text, nullable=False),
        sa.Column("key_id", text, nullable=False),
        sa.Column("manifest_sha256", text, nullable=False),
        sa.Column("flagged", number, nullable=False),
        sa.Column("reported", number, nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name="pk_review_runs"),
    )


def _indexes_of_items() -> None:
    order = ["priority", "item_key"]
    indexes = {
        "ix_review_items_order": order,
        "ix_review_items_flagged": ["flagged", *order],
        "ix_review_items_dataset": ["dataset", "flagged", *order],
        "ix_review_items_key_id": ["key_id"],
    }
    for name, columns in indexes.items():
        op.create_index(name, "review_items", columns)
