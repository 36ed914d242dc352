"""Run by Alembic for each upgrade, on the connection that `scrubtrace.review.connection` gives."""

from alembic import context

from scrubtrace.review.table import METADATA, VERSION_TABLE

# The caller began the transaction, holds the lock and commits: an upgrade is all or nothing.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table=VERSION_TABLE,
)
context.run_migrations()
