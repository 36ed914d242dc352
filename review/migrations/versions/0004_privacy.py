"""What can be erased, apart from what the log is about: names, comments, salts of file digests."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

ERASABLE = {
    "review_people": ("person", "kind = 'name' AND subject = OLD.person"),
    "review_comments": ("decision_id", "kind = 'comment' AND subject = OLD.decision_id"),
    "review_salts": ("event", "event > OLD.event"),
}
"""Tables that only lose rows: the key, and the entry of ``review_erased`` that has to be there."""


def upgrade() -> None:
    """Create the tables and their triggers; a decision learns the digest of its comment."""
    ordered = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    text, number = sa.Text(), sa.BigInteger()
    digest = sa.Column("comment_digest", text, nullable=False, server_default="")
    op.add_column("review_decisions", digest)
    op.create_table(
        "review_people",
        sa.Column("person", ordered, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("salt", text, nullable=False),
        sa.PrimaryKeyConstraint("person", name="pk_review_people"),
    )
    op.create_table(
        "review_comments",
        sa.Column("decision_id", ordered, nullable=False),
        sa.Column("comment", text, nullable=False),
        sa.Column("salt", text, nullable=False),
        sa.PrimaryKeyConstraint("decision_id", name="pk_review_comments"),
    )
    op.create_table(
        "review_salts",
        sa.Column("event", number, nullable=False, autoincrement=False),
        sa.Column("salt", text, nullable=False),
        sa.PrimaryKeyConstraint("event", name="pk_review_salts"),
    )
    op.create_table(
        "review_erased",
        sa.Column("kind", text, nullable=False),
        sa.Column("subject", ordered, nullable=False),
        sa.Column("event", number, nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_review_erased"),
    )
    op.create_index("ix_review_erased_event", "review_erased", ["event"])
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _sqlite_triggers() if is_sqlite else _postgresql_triggers():
        op.execute(sa.text(statement))


def _sqlite_triggers() -> list[str]:
    keys = {table: f"{key} = NEW.{key}" for table, (key, _) in ERASABLE.items()}
    keys["review_erased"] = "kind = NEW.kind AND subject = NEW.subject"
    statements = [_refusing("review_erased", "delete", "DELETE")]
    for table, same in keys.items():
        statements.append(_refusing(table, "update", "UPDATE"))
        # INSERT OR REPLACE fires no trigger for the row that it removes.
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"
        statements.append(_refusing(table, "replace", "INSERT", there))
    for table, (_, recorded) in ERASABLE.items():
        missing = f"NOT EXISTS (SELECT 1 FROM review_erased WHERE {recorded})"
        statements.append(_refusing(table, "delete", "DELETE", missing))
    return statements


def _refusing(table: str, name: str, doing: str, when: str = "TRUE") -> str:
    return (
        f"CREATE TRIGGER {table}_no_{name} BEFORE {doing} ON {table} WHEN {when}"
        f" BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


def _postgresql_triggers() -> list[str]:
    whole = "FOR EACH STATEMENT EXECUTE FUNCTION review_append_only()"
    statements = [
        "CREATE TRIGGER review_erased_no_change BEFORE UPDATE OR DELETE OR TRUNCATE"
        f" ON review_erased {whole}"
    ]
    for table, (_, recorded) in ERASABLE.items():
        statements += [
            f"CREATE TRIGGER {table}_no_change BEFORE UPDATE OR TRUNCATE ON {table} {whole}",
            f"CREATE FUNCTION {table}_delete() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            f" IF NOT EXISTS (SELECT 1 FROM review_erased WHERE {recorded}) THEN"
            " RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END IF;"
            " RETURN OLD; END $$",
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {table}_delete()",
        ]
    return statements
