"""Where the items of a decisions file are after rows and turns went: their new rows and keys."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scrubtrace.schemas.identity import item_key
from scrubtrace.schemas.removal import ITEM_MAP

MAP_ROWS = 10_000
"""Places that are mapped at a time."""

NAMES = ("item_key", "shard", "row_index", "row_id", "occurrence", "field", "turn")


@dataclass(frozen=True)
class _Gone:
    """What went from one shard: whole rows with their ids, in order, and turns by row."""

    rows: NDArray[np.int64]
    ids: pa.ChunkedArray
    turns: dict[int, list[int]]

    @classmethod
    def of(cls, moved: pa.Table) -> "_Gone":
        """From rows of `REMOVED` of one shard."""
        whole = moved.filter(moved.column("whole"))
        cut = moved.filter(pc.invert(moved.column("whole"))).select(["row_index", "turns"])
        turns = {row["row_index"]: row["turns"] for row in cut.to_pylist()}
        return cls(whole.column("row_index").to_numpy(), whole.column("row_id"), turns)


def item_maps(
    moved: Mapping[str, pa.Table], decisions: pa.Table, dataset: str
) -> Iterator[pa.Table]:
    """New places and keys of the items that were in shards that rows or turns went from.

    ``moved`` has rows of `REMOVED` by shard. An item whose row has an id is gone if a row with this
    id is, wherever it was; of ids that repeat only the row at the item's place counts.
    """
    gone = {shard: _Gone.of(table) for shard, table in moved.items()}
    ids = _unique_ids(gone, decisions)
    own = pc.or_(
        pc.is_in(decisions.column("shard"), pa.array(list(gone), pa.string())),
        pc.is_in(decisions.column("row_id"), ids),
    )
    for batch in decisions.select(NAMES).filter(own).to_batches(max_chunksize=MAP_ROWS):
        is_gone = pc.is_in(batch.column("row_id"), ids).to_pylist()
        pairs = zip(batch.to_pylist(), is_gone, strict=True)
        moves = (_moved(row, by_id, gone.get(row["shard"]), dataset) for row, by_id in pairs)
        yield pa.Table.from_pylist([move for move in moves if move is not None], ITEM_MAP)


def _unique_ids(gone: Mapping[str, _Gone], decisions: pa.Table) -> pa.Array:
    """Ids of rows that went, without those that are known to repeat."""
    found = [chunk for own in gone.values() for chunk in own.ids.chunks]
    ids = pa.concat_arrays([pa.array([], pa.string()), *found]).drop_null()
    again = decisions.filter(pc.greater(decisions.column("occurrence"), 0)).column("row_id")
    return ids.filter(pc.invert(pc.is_in(ids, again.combine_chunks())))


def _moved(
    row: dict[str, Any], by_id: bool, gone: _Gone | None, dataset: str
) -> dict[str, Any] | None:
    """The new place and key of an item; None if nothing of it is another one."""
    place = (None, None) if by_id else _new_place(row, gone)
    key = None
    if place[0] is not None:
        own = (row["shard"], place[0], row["row_id"], row["occurrence"])
        key = item_key(dataset, *own, row["field"], place[1])
    if (key, place[0]) == (row["item_key"], row["row_index"]):
        return None
    known = {name: row[name] for name in ("item_key", "shard", "row_index", "turn")}
    return known | {"new_item_key": key, "new_row_index": place[0], "new_turn": place[1]}


def _new_place(row: dict[str, Any], gone: _Gone | None) -> tuple[int | None, int | None]:
    """Row and turn now; None and None if the item went."""
    index, turn = row["row_index"], row["turn"]
    if gone is None:
        return index, turn
    before = int(np.searchsorted(gone.rows, index))
    if before < len(gone.rows) and gone.rows[before] == index:
        there = gone.ids[before].as_py()
        if there is None or row["row_id"] in (None, there):
            return None, None
    turns: Sequence[int] = gone.turns.get(index, ())
    if turn in turns:
        return None, None
    return index - before, None if turn is None else turn - sum(own < turn for own in turns)
