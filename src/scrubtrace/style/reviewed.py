"""Columns that only rows have that reviewers saw."""

from collections.abc import Iterator

import pyarrow as pa

from scrubtrace.beam_pipelines.partitions import partition_keys
from scrubtrace.schemas.style import DECIDED_COLUMNS

LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)


def decided_column(schema: pa.Schema, path: str) -> str | None:
    """The first column of reviewed rows, with dots if it is a field of another one.

    Also one that stands in the path of the shard (``decision=dismissed/``). Upper and lower case
    are one; of a name with dots the last part counts. None if there is none.
    """
    named = [name for field in schema for name in _names(field, "")]
    named += partition_keys(path)
    return next((name for name in named if _last(name) in DECIDED_COLUMNS), None)


def _names(field: pa.Field, above: str) -> Iterator[str]:
    """The name of a column and of all fields in it, also of those in lists."""
    name = f"{above}{field.name}"
    yield name
    kind = field.type
    while any(is_list(kind) for is_list in LISTS):
        kind = kind.value_type
    if pa.types.is_struct(kind) or pa.types.is_map(kind):
        fields = [kind.item_field] if pa.types.is_map(kind) else list(kind)
        for inner in fields:
            yield from _names(inner, f"{name}.")


def _last(name: str) -> str:
    return name.strip().casefold().rpartition(".")[2]
