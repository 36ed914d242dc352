"""Whether shards have the columns that a purge needs, in a form that it can work with."""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines.columns import ColumnError, find_columns, is_text
from scrubtrace.beam_pipelines.purging.leaving import REASONS
from scrubtrace.beam_pipelines.purging.turns import can_cut
from scrubtrace.beam_pipelines.units import Footer
from scrubtrace.config import Config
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.plan import Columns


def check_columns(footers: Sequence[Footer], wanted: pa.Table, config: Config) -> None:
    """Raises `UsageStop` that names a shard and its column.

    A text column that a shard lacks is no matter: its texts are told as not removed.
    """
    policy = config.purge
    chat = config.input.chat.with_all_roles()
    turns = wanted.filter(pc.is_valid(wanted.column("turn")))
    fields = pc.unique(turns.column("field")).to_pylist() if policy.chat == "turn" else []
    for footer in footers:
        name, schema = footer.shard.name, footer.schema
        if policy.lineage_column is not None and policy.lineage_column not in schema.names:
            raise UsageStop(f"shard {name} has no lineage column {policy.lineage_column!r}")
        if policy.lineage_column is not None:
            kind = schema.field(policy.lineage_column).type
            if not _is_id(kind):
                raise UsageStop(
                    f"shard {name}: lineage column {policy.lineage_column!r} of type {kind} has no "
                    "ids: it has to be a text or whole number, or a list of them"
                )
        if taken := sorted(set(REASONS.names) & set(schema.names)):
            raise UsageStop(
                f"shard {name} has a column {taken[0]}, which quarantine shards need: it is a "
                "quarantine shard itself; rename the column"
            )
        for field in fields:
            kind = _type(schema, Columns(field, None, None, {}, chat))
            if kind is not None and not can_cut(kind):
                raise UsageStop(
                    f"shard {name}: turns cannot be taken out of column {field!r} of type {kind}: "
                    "set purge.chat to row"
                )


def _is_id(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        kind = kind.value_type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)


def _type(schema: pa.Schema, columns: Columns) -> pa.DataType | None:
    try:
        return find_columns(schema, columns).texts[0].column.type
    except ColumnError:
        return None
