"""What leaves a batch: whole rows and turns, with the reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines.columns import find_columns
from scrubtrace.beam_pipelines.decoding import id_array
from scrubtrace.beam_pipelines.purging.rows import chosen
from scrubtrace.beam_pipelines.purging.turns import without_turns
from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.removal import PurgeSpec

REASONS = pa.schema(
    [
        pa.field("scrubtrace_row_index", pa.int64(), nullable=False),
        pa.field("scrubtrace_reasons", pa.list_(pa.string()), nullable=False),
        pa.field("scrubtrace_item_keys", pa.list_(pa.string()), nullable=False),
        pa.field("scrubtrace_turns", pa.list_(pa.int64()), nullable=False),
        pa.field("scrubtrace_turn_fields", pa.list_(pa.string()), nullable=False),
    ]
)
"""Columns that quarantine shards have behind those of the shard; ``turns`` empty: the whole row.

``turn_fields`` has the text column of each turn.
"""


@dataclass
class Leaving:
    """One row that goes, or loses turns (by field)."""

    row_index: int
    whole: bool = False
    row_id: str | None = None
    source: str | None = None
    stage: str | None = None
    turns: dict[str, set[int]] = field(default_factory=dict)
    reasons: set[str] = field(default_factory=set)
    item_keys: set[str] = field(default_factory=set)

    def add(self, entry: dict[str, Any], by_turn: bool) -> None:
        """Adds one wanted text or row."""
        if by_turn and entry["turn"] is not None:
            self.turns.setdefault(entry["field"], set()).add(entry["turn"])
        else:
            self.whole = True
        for name in ("row_id", "source", "stage"):
            if entry[name] is not None:
                setattr(self, name, entry[name])
        self.reasons.add(entry["reason"])
        if entry["item_key"] is not None:
            self.item_keys.add(entry["item_key"])

    @property
    def all_turns(self) -> list[tuple[int, str]]:
        """The turns that go, each with its text column; none if the whole row does."""
        if self.whole:
            return []
        return sorted((turn, name) for name, own in self.turns.items() for turn in own)

    def removed(self, spec: PurgeSpec, shard: str, digest: bytes) -> dict[str, Any]:
        """As a row of `REMOVED`."""
        return {
            "shard": shard,
            "row_index": self.row_index,
            "row_id": self.row_id,
            "row_key": item_key(spec.dataset, shard, self.row_index, self.row_id),
            "whole": self.whole,
            "turns": [turn for turn, _ in self.all_turns],
            "turn_fields": [name for _, name in self.all_turns],
            "reasons": sorted(self.reasons),
            "item_keys": sorted(self.item_keys),
            "source": self.source,
            "stage": self.stage,
            "digest": digest,
        }


def leaving_of(entries: Sequence[dict[str, Any]], by_turn: bool) -> dict[int, Leaving]:
    """What goes, by row of the shard, from the wanted rows that were found to be the same still."""
    found: dict[int, Leaving] = {}
    for entry in entries:
        row = entry["row_index"]
        found.setdefault(row, Leaving(row)).add(entry, by_turn)
    return found


def split(
    batch: pa.RecordBatch, first: int, leaving: dict[int, Leaving], chat: Chat
) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """The rows that stay, without the turns that go, and the rows that ``leaving`` is about as
    they were, in order.

    A row that no turn is left of goes whole; its `Leaving` says so afterwards.
    """
    if not leaving:
        return [batch], []
    cut = _without_turns(batch, first, leaving, chat)
    touched, whole = (np.zeros(batch.num_rows, np.bool_) for _ in range(2))
    for row, own in leaving.items():
        touched[row - first] = True
        whole[row - first] = own.whole
    return chosen(cut, ~whole), chosen(batch, touched)


def _without_turns(
    batch: pa.RecordBatch, first: int, leaving: dict[int, Leaving], chat: Chat
) -> pa.RecordBatch:
    fields = {field for own in leaving.values() if not own.whole for field in own.turns}
    for name in sorted(fields):
        own = [entry for entry in leaving.values() if not entry.whole and name in entry.turns]
        turns = {entry.row_index - first: entry.turns[name] for entry in own}
        batch, left = without_turns(batch, steps_of(batch.schema, name, chat), turns)
        for entry, count in zip(own, left, strict=True):
            entry.whole = entry.whole or count == 0
    return batch


def steps_of(schema: pa.Schema, name: str, chat: Chat) -> tuple[str, ...]:
    """Names that lead to a text column; raises `ColumnError` if there is none."""
    columns = Columns(name, None, None, {}, chat.with_all_roles())
    return find_columns(schema, columns).texts[0].column.steps


def with_reasons(batch: pa.RecordBatch, own: Sequence[Leaving]) -> pa.RecordBatch:
    """Rows that went, with the columns of `REASONS`."""
    rows = [
        {
            "scrubtrace_row_index": entry.row_index,
            "scrubtrace_reasons": sorted(entry.reasons),
            "scrubtrace_item_keys": sorted(entry.item_keys),
            "scrubtrace_turns": [turn for turn, _ in entry.all_turns],
            "scrubtrace_turn_fields": [name for _, name in entry.all_turns],
        }
        for entry in own
    ]
    added = pa.RecordBatch.from_pylist(rows, REASONS)
    return pa.RecordBatch.from_arrays(
        [*batch.columns, *added.columns], schema=quarantine_schema(batch.schema)
    )


def quarantine_schema(schema: pa.Schema) -> pa.Schema:
    """The schema of a shard with the columns of `REASONS` behind it."""
    return pa.schema([*schema, *REASONS], schema.metadata)


def derived(batch: pa.RecordBatch, column: str, parents: pa.Array) -> int:
    """Rows of which the lineage column (an id, or a list of ids) names one of the parents."""
    values = batch.column(batch.schema.get_field_index(column))
    if pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        rows = pc.list_parent_indices(values)
        hits = pc.is_in(id_array(pc.list_flatten(values)), parents)
        return len(pc.unique(rows.filter(hits)))
    return int(pc.sum(pc.is_in(id_array(values), parents)).as_py() or 0)
