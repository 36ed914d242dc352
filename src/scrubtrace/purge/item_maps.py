"""Where the items of a decisions file are after rows and turns went: their new rows and keys."""

from bisect import bisect_left
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

MOVED = ["row_index", "row_id", "whole", "turns", "turn_fields"]
"""Columns of `REMOVED` that say where the other rows and turns are now."""

Places = Mapping[str, Sequence[tuple[int, int]]]
"""Rows that went by their id, each as number of the shard and row, in order."""

NAMES = ("item_key", "shard", "row_index", "row_id", "occurrence", "field", "turn")


@dataclass(frozen=True)
class _Gone:
    """What went from one shard: whole rows with their ids, in order, and turns by row and field."""

    rows: NDArray[np.int64]
    ids: pa.ChunkedArray
    turns: dict[tuple[int, str], list[int]]

    @classmethod
    def of(cls, moved: pa.Table) -> "_Gone":
        """From rows of `REMOVED` of one shard."""
        whole = moved.filter(moved.column("whole"))
        turns: dict[tuple[int, str], list[int]] = {}
        for row in moved.filter(pc.invert(moved.column("whole"))).to_pylist():
            for turn, name in zip(row["turns"], row["turn_fields"], strict=True):
                turns.setdefault((row["row_index"], name), []).append(turn)
        return cls(whole.column("row_index").to_numpy(), whole.column("row_id"), turns)


def item_maps(
    moved: Mapping[str, pa.Table], decisions: pa.Table, dataset: str, shards: Sequence[str]
) -> Iterator[pa.Table]:
    """New places and keys of the items that were in shards that rows or turns went from.

    ``moved`` has the columns `MOVED` by shard, ``shards`` the names of all shards in order. An item
    whose row has an id is gone if a row with this id is, wherever it was; of ids that repeat only
    the row at the item's place counts, and later rows with the id are counted anew.
    """
    gone = {shard: _Gone.of(table) for shard, table in moved.items()}
    numbers = {shard: number for number, shard in enumerate(shards)}
    ids, again = _ids_of(gone, decisions)
    before = _places(gone, numbers, set(again.to_pylist()))
    own = pc.or_(
        pc.is_in(decisions.column("shard"), pa.array(list(gone), pa.string())),
        pc.is_in(decisions.column("row_id"), pa.concat_arrays([ids, again])),
    )
    for batch in decisions.select(NAMES).filter(own).to_batches(max_chunksize=MAP_ROWS):
        is_gone = pc.is_in(batch.column("row_id"), ids).to_pylist()
        pairs = zip(batch.to_pylist(), is_gone, strict=True)
        moves = (
            _moved(row, by_id, gone.get(row["shard"]), dataset, _earlier(row, before, numbers))
            for row, by_id in pairs
        )
        yield pa.Table.from_pylist([move for move in moves if move is not None], ITEM_MAP)


def _ids_of(gone: Mapping[str, _Gone], decisions: pa.Table) -> tuple[pa.Array, pa.Array]:
    """Ids of rows that went: those that are not known to repeat, and the others."""
    found = [chunk for own in gone.values() for chunk in own.ids.chunks]
    ids = pa.concat_arrays([pa.array([], pa.string()), *found]).drop_null()
    again = decisions.filter(pc.greater(decisions.column("occurrence"), 0)).column("row_id")
    repeats = pc.is_in(ids, again.combine_chunks())
    return ids.filter(pc.invert(repeats)), ids.filter(repeats)


def _places(gone: Mapping[str, _Gone], numbers: Mapping[str, int], ids: set[str]) -> Places:
    """Where the rows with one of the ids were that went."""
    found: dict[str, list[tuple[int, int]]] = {}
    for shard, own in gone.items():
        for row, row_id in zip(own.rows.tolist(), own.ids.to_pylist(), strict=True):
            if row_id in ids:
                found.setdefault(row_id, []).append((numbers[shard], row))
    return {row_id: sorted(places) for row_id, places in found.items()}


def _earlier(row: Mapping[str, Any], before: Places, numbers: Mapping[str, int]) -> int:
    """How many rows with the id of an item's row went that stood before it."""
    places = before.get(row["row_id"], ())
    if row["shard"] not in numbers:
        return 0
    return bisect_left(places, (numbers[row["shard"]], row["row_index"]))


def _moved(
    row: dict[str, Any], by_id: bool, gone: _Gone | None, dataset: str, earlier: int
) -> dict[str, Any] | None:
    """The new place and key of an item; None if nothing of it is another one."""
    place = (None, None) if by_id else _new_place(row, gone)
    key = None
    if place[0] is not None:
        own = (row["shard"], place[0], row["row_id"], row["occurrence"] - earlier)
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
    turns: Sequence[int] = gone.turns.get((index, row["field"]), ())
    if turn in turns:
        return None, None
    return index - before, None if turn is None else turn - sum(own < turn for own in turns)
