"""Whether the rows that are to go are still the rows that were decided on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines.columns import ColumnError, ShardColumns, find_columns
from scrubtrace.beam_pipelines.decoding import decode
from scrubtrace.beam_pipelines.purging.rows import chosen
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Columns
from scrubtrace.schemas.removal import Problem, PurgeSpec

Wanted = dict[str, Any]
Place = tuple[int, str, int | None]

Keys = Mapping[str, DigestKey]
"""The digest keys by id."""


class Checker:
    """Compares wanted rows of one shard with what stands there; only those rows are decoded.

    ``wanted`` has the columns of `WANTED`. A text column that the shard does not have, or not as a
    text, is no error: its texts are a `Problem`.
    """

    def __init__(self, schema: pa.Schema, wanted: pa.Table, spec: PurgeSpec, keys: Keys) -> None:
        self._keys = keys
        self._has_ids = spec.id_column is not None
        chat = spec.chat.with_all_roles()
        asked = pc.unique(wanted.column("field")).drop_null().to_pylist()
        fields = [f for f in asked if _has(schema, Columns(f, None, None, {}, chat))]
        self._columns: ShardColumns | None = None
        if fields or self._has_ids:
            columns = Columns(tuple(fields), spec.id_column, None, {}, chat)
            self._columns = find_columns(schema, columns)

    def names(self) -> list[str]:
        """The columns of the shard that are looked at."""
        wanted = self._columns.wanted() if self._columns is not None else ()
        return sorted({steps[0] for steps in wanted})

    def problems(
        self, batch: pa.RecordBatch, first: int, entries: Sequence[Wanted]
    ) -> list[Problem | None]:
        """Why each wanted row of a batch may not go, None if it may.

        ``first`` is the row of the shard that the batch begins with.
        """
        texts, ids = self._read(batch, first, sorted({entry["row_index"] for entry in entries}))
        return [self._problem(entry, texts, ids) for entry in entries]

    def _read(
        self, batch: pa.RecordBatch, first: int, rows: Sequence[int]
    ) -> tuple[dict[Place, str], dict[int, str | None]]:
        """Texts by row, field and turn, and ids by row."""
        texts: dict[Place, str] = {}
        ids: dict[int, str | None] = {}
        if self._columns is None:
            return texts, ids
        mask = np.zeros(batch.num_rows, np.bool_)
        mask[np.array(rows, np.int64) - first] = True
        done = 0
        for piece in chosen(batch, mask):
            found = decode(piece, 0, self._columns)
            own = rows[done : done + piece.num_rows]
            done += piece.num_rows
            for row, place, text in zip(found.text_rows, found.places, found.texts, strict=True):
                texts[own[row], place.field, place.turn] = text or ""
            ids |= dict(zip(own, found.ids or [], strict=False))
        return texts, ids

    def _problem(
        self, entry: Wanted, texts: Mapping[Place, str], ids: Mapping[int, str | None]
    ) -> Problem | None:
        row, row_id = entry["row_index"], entry["row_id"]
        if self._has_ids and row_id is not None and ids[row] != row_id:
            return Problem.OTHER_ID
        if entry["field"] is None:
            return None
        text = texts.get((row, entry["field"], entry["turn"]))
        if text is None:
            return Problem.NO_TEXT
        digest = self._keys[entry["key_id"]].digest(text)
        return None if digest == entry["text_digest"] else Problem.CHANGED


def _has(schema: pa.Schema, columns: Columns) -> bool:
    try:
        find_columns(schema, columns)
    except ColumnError:
        return False
    return True
