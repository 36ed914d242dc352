"""Whether the rows that are to go are still the rows that were decided on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.columns import ColumnError, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import Rows, decode
from scrubtrace.beam_pipelines.purging.rows import Group, chosen, groups_of
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.removal import Problem, PurgeSpec
from scrubtrace.schemas.vocabulary import ALL_ROLES

Wanted = dict[str, Any]

PROBLEMS: tuple[Problem | None, ...] = (None, *Problem)
"""What the codes of `check_rows` stand for."""

Codes = NDArray[np.int8]

Keys = Mapping[str, DigestKey]
"""The digest keys by id."""


def check_rows(file: pq.ParquetFile, wanted: pa.Table, spec: PurgeSpec, keys: Keys) -> Codes:
    """A code of `PROBLEMS` for each wanted row, 0 where it may go; shape (wanted rows,).

    ``wanted`` has the columns of `WANTED` and rows of this shard only, by row. Read are only the
    texts in question, of row groups with wanted rows. Raises `UnreadableError`.
    """
    rows = wanted.column("row_index").to_numpy()
    codes = np.full(len(rows), PROBLEMS.index(Problem.GONE), np.int8)
    columns, fields = _columns(file, wanted, spec)
    leaves = None
    if columns is not None:
        leaves = leaf_paths(file, list(find_columns(file.schema_arrow, columns).wanted()))
    for group in groups_of(file, leaves):
        low, high = np.searchsorted(rows, [group.start, group.start + group.rows])
        if low == high:
            continue
        if columns is None:
            entries = wanted.slice(low, high - low).to_pylist()
            codes[low:high] = [_code(entry, {}, None, fields, keys) for entry in entries]
            continue
        _check_group(group, wanted, codes, columns, fields, spec, keys)
    return codes


def _check_group(
    group: Group,
    wanted: pa.Table,
    codes: Codes,
    columns: Columns,
    fields: set[str],
    spec: PurgeSpec,
    keys: Keys,
) -> None:
    rows = wanted.column("row_index").to_numpy()
    found = find_columns(group.file.schema_arrow, columns)
    for first, batch in group.read(spec.batch_bytes):
        low, high = np.searchsorted(rows, [first, first + batch.num_rows])
        if low == high:
            continue
        own = np.unique(rows[low:high]) - first
        mask = np.zeros(batch.num_rows, np.bool_)
        mask[own] = True
        texts: dict[tuple[int, str, int | None], str] = {}
        ids: dict[int, str | None] = {}
        done = 0
        for piece in chosen(batch, mask):
            decoded = decode(piece, 0, found)
            numbers = (own[done : done + piece.num_rows] + first).tolist()
            done += piece.num_rows
            texts |= _texts(decoded, numbers)
            if decoded.ids is not None:
                ids |= dict(zip(numbers, decoded.ids, strict=True))
        entries = wanted.slice(low, high - low).to_pylist()
        has_ids = ids if spec.id_column else None
        codes[low:high] = [_code(entry, texts, has_ids, fields, keys) for entry in entries]


def _texts(rows: Rows, numbers: Sequence[int]) -> dict[tuple[int, str, int | None], str]:
    places = zip(rows.text_rows, rows.places, rows.texts, strict=True)
    return {(numbers[row], place.field, place.turn): text or "" for row, place, text in places}


def _code(
    entry: Wanted,
    texts: dict[tuple[int, str, int | None], str],
    ids: dict[int, str | None] | None,
    fields: set[str],
    keys: Keys,
) -> int:
    return PROBLEMS.index(_problem(entry, texts, ids, fields, keys))


def _problem(
    entry: Wanted,
    texts: dict[tuple[int, str, int | None], str],
    ids: dict[int, str | None] | None,
    fields: set[str],
    keys: Keys,
) -> Problem | None:
    if (
        entry["row_id"] is not None
        and ids is not None
        and ids[entry["row_index"]] != entry["row_id"]
    ):
        return Problem.OTHER_ID
    if entry["field"] is None:
        return None
    text = texts.get((entry["row_index"], entry["field"], entry["turn"]))
    if entry["field"] not in fields or text is None:
        return Problem.NO_TEXT
    digest = keys[entry["key_id"]].digest(text)
    return None if digest == entry["text_digest"] else Problem.CHANGED


def _columns(
    file: pq.ParquetFile, wanted: pa.Table, spec: PurgeSpec
) -> tuple[Columns | None, set[str]]:
    """The columns to read, None if there are none, and the fields that the shard has."""
    chat = Chat(spec.chat.role_field, spec.chat.content_field, (ALL_ROLES,))
    asked = wanted.column("field").unique().drop_null().to_pylist()
    fields = [field for field in asked if _has(file, Columns(field, None, None, {}, chat))]
    if not fields and spec.id_column is None:
        return None, set()
    columns = Columns(tuple(fields), spec.id_column, None, {}, chat)
    return columns, set(fields)


def _has(file: pq.ParquetFile, columns: Columns) -> bool:
    try:
        find_columns(file.schema_arrow, columns)
    except ColumnError:
        return False
    return True
