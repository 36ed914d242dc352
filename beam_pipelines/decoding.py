"""Arrow columns to the texts of rows, with their places; a text that is not UTF-8 is only marked.

Texts stay in Arrow until it is known which are judged: contents of other turns are not decoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.columns import (
    PART_TEXT,
    PART_TYPE,
    Column,
    Content,
    ShardColumns,
    TextColumn,
    is_list,
)
from scrubtrace.schemas.receipts import Turns
from scrubtrace.schemas.vocabulary import DeadReason

Numbers = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Place(NamedTuple):
    """Where in its row a text stands: the path of its column, and its turn if that is a list."""

    field: str
    turn: int | None


class Dead(NamedTuple):
    """Why a row cannot be judged: the reason, the error's class, and the text at fault if any."""

    reason: str
    error: str
    place: Place | None = None


@dataclass(frozen=True)
class Rows:
    """Neighbouring rows of one shard with the texts of them that are judged.

    ``texts`` are in the order of the rows, within a row of the text columns as configured, within
    a column of the turns; None is a null text. ``text_rows`` gives the row of each text, within
    these rows, and ``places`` where in the row it stands. ``dead`` gives the rows that cannot be
    judged; they have no texts. ``turns`` counts the turns of each chat column. ``sampled_out`` rows
    were left out of a sample; they have no texts here.
    """

    start: int
    count: int
    texts: list[str | None]
    text_rows: Sequence[int]
    places: list[Place]
    ids: list[str | None] | None = None
    languages: list[str | None] | None = None
    groups: dict[str, pa.Array] = field(default_factory=dict)
    dead: dict[int, Dead] = field(default_factory=dict)
    turns: dict[str, Turns] = field(default_factory=dict)
    sampled_out: int = 0

    def __len__(self) -> int:
        return self.count

    def group_values(self, row: int) -> dict[str, str | None]:
        """The group columns of one row, as text; an empty text is none.

        Times are in ISO 8601, in UTC if they have a zone.
        """
        return {name: self.group_value(name, row) for name in self.groups}

    def group_value(self, name: str, row: int) -> str | None:
        """One group column of one row, as in `group_values`."""
        return shown_group(self.groups[name], row)


@dataclass(frozen=True)
class _Texts:
    """Texts with their rows and places; ``bad`` numbers those that are not UTF-8 (given None)."""

    texts: list[str | None]
    rows: Sequence[int]
    places: list[Place]
    bad: Sequence[int] = ()


def decode(batch: pa.RecordBatch, start: int, columns: ShardColumns) -> Rows:
    """Rows of a record batch; a judged text that is not UTF-8 makes its row dead."""
    turns: dict[str, Turns] = {}
    judged = columns.chat.judged_roles
    pieces = [_texts_of(batch, column, judged, turns) for column in columns.texts]
    found = pieces[0] if len(pieces) == 1 else _merged(pieces)
    dead: dict[int, Dead] = {}
    for number in found.bad:
        reason = (DeadReason.INVALID_UTF8.value, UnicodeDecodeError.__name__)
        dead.setdefault(found.rows[number], Dead(*reason, found.places[number]))
    if dead:
        found = _without_rows(found, dead)
    return Rows(
        start,
        batch.num_rows,
        found.texts,
        found.rows,
        found.places,
        _id_strings(column_of(batch, columns.id)) if columns.id else None,
        decode_text(column_of(batch, columns.language))[0] if columns.language else None,
        {name: column_of(batch, column) for name, column in columns.groups.items()},
        dead,
        turns,
    )


def column_of(batch: pa.RecordBatch, column: Column) -> pa.Array:
    """One column of a batch, or a field within one: null wherever what is around it is null."""
    if not column.steps:
        return pa.repeat(pa.scalar(column.value, column.type), batch.num_rows)
    values = _stored(batch.column(column.steps[0]))
    for step in column.steps[1:]:
        values = _field(values, step)
    return values


def _field(values: pa.Array, name: str) -> pa.Array:
    return _stored(pc.struct_field(values, name))


def _items(values: pa.Array) -> pa.Array:
    return _stored(pc.list_flatten(values))


def _stored(values: pa.Array) -> pa.Array:
    """The values as `stored_type`."""
    if isinstance(values.type, pa.UuidType):
        shown = [None if value is None else str(value) for value in values.to_pylist()]
        return pa.array(shown, pa.string())
    return _stored(values.storage) if isinstance(values, pa.ExtensionArray) else values


def decoded_bytes(column: pa.Array) -> int:
    """Bytes that the rows of a column take; what they share in a dictionary is not counted."""
    if pa.types.is_dictionary(column.type):
        return int(column.indices.nbytes)
    if is_list(column.type):
        return decoded_bytes(pc.list_flatten(column))
    if pa.types.is_struct(column.type):
        inner = range(column.type.num_fields)
        return sum(decoded_bytes(pc.struct_field(column, [number])) for number in inner)
    return int(column.nbytes)


def _texts_of(
    batch: pa.RecordBatch,
    text: TextColumn,
    judged: frozenset[str] | None,
    turns: dict[str, Turns],
) -> _Texts:
    values, path = column_of(batch, text.column), text.column.path
    if not text.is_list:
        texts, bad = decode_text(values)
        return _Texts(texts, range(len(texts)), [Place(path, None)] * len(texts), bad)
    rows = _numbers(pc.list_parent_indices(values))
    numbers = np.arange(len(rows)) - np.searchsorted(rows, rows)
    values = _items(values)
    if not text.contents:
        texts, bad = decode_text(values)
    else:
        mask, turns[path] = _judged_turns(values, text.role, judged)
        texts, bad = _contents(values, mask, text.contents)
        rows, numbers = rows[mask], numbers[mask]
    places = [Place(path, turn) for turn in numbers.tolist()]
    return _Texts(texts, rows.tolist(), places, bad)


def _judged_turns(
    values: pa.Array, role: str | None, judged: frozenset[str] | None
) -> tuple[Mask, Turns]:
    """Which turns are judged, and the count; a turn of no role is judged only if all are."""
    if judged is None or role is None:
        return np.ones(len(values), np.bool_), Turns(judged=len(values))
    names, which = _distinct(_field(values, role))
    known = [name is not None and name.strip().casefold() in judged for name in names]
    mask = np.array(known, np.bool_)[which]
    others = [name or "" for name, is_known in zip(names, known, strict=True) if not is_known]
    turns = Turns()
    turns.add(Turns(int(mask.sum()), int(len(mask) - mask.sum()), others))
    return mask, turns


def _contents(
    turns: pa.Array, mask: Mask, contents: Sequence[Content]
) -> tuple[list[str | None], list[int]]:
    """Contents of the turns in the mask, and which of them are not UTF-8.

    A turn has the content of the first field in which it is not null.
    """
    texts: list[str | None] = [None] * int(mask.sum())
    bad: list[int] = []
    left, numbers = mask, np.cumsum(mask) - 1
    for content in contents:
        values = _field(turns, content.name)
        said, undecoded = _of_field(values, left, content.has_parts)
        places = numbers[left].tolist()
        for place, text in zip(places, said, strict=True):
            texts[place] = text
        bad += [places[number] for number in undecoded]
        left = left & _nulls(values)
        if not left.any():
            break
    return texts, sorted(bad)


def _of_field(values: pa.Array, mask: Mask, has_parts: bool) -> tuple[list[str | None], list[int]]:
    """What the turns in the mask have in one field, and which of it is not UTF-8."""
    if not has_parts:
        return decode_text(_chosen(values, mask))
    owners = _numbers(pc.list_parent_indices(values))
    parts = _items(values)
    names, which = _distinct(_field(parts, PART_TYPE))
    wanted = np.array([_is_text_part(name) for name in names], np.bool_)[which] & mask[owners]
    texts, bad = decode_text(_chosen(_field(parts, PART_TEXT), wanted))
    numbers = np.cumsum(mask) - 1
    owners = numbers[owners[wanted]]
    is_null = _nulls(values)[mask].tolist()
    said: list[list[str]] = [[] for _ in is_null]
    for owner, text in zip(owners.tolist(), texts, strict=True):
        if text is not None:
            said[owner].append(text)
    joined = [None if null else "\n".join(s) for s, null in zip(said, is_null, strict=True)]
    return joined, sorted({int(owners[number]) for number in bad})


def _nulls(values: pa.Array) -> Mask:
    found: Mask = pc.is_null(values).to_numpy(zero_copy_only=False)
    return found


def _is_text_part(name: str | None) -> bool:
    """Parts of type text, input_text and output_text, or of no type; a null text adds nothing."""
    return name is None or name.casefold().endswith("text")


def _distinct(column: pa.Array) -> tuple[list[str | None], Numbers]:
    """The distinct strings of a column in order of occurrence, and which of them each row has."""
    encoded = pc.dictionary_encode(_binary(_plain(column)), null_encoding="encode")
    names = [
        None if name is None else name.decode(errors="backslashreplace")
        for name in encoded.dictionary.to_pylist()
    ]
    return names, _numbers(encoded.indices)


def _chosen(column: pa.Array, mask: Mask) -> pa.Array:
    if mask.all():
        return column
    values = column if pa.types.is_dictionary(column.type) else _binary(column)
    return values.filter(pa.array(mask))


def _numbers(column: pa.Array) -> Numbers:
    numbers: Numbers = column.to_numpy(zero_copy_only=False).astype(np.int64)
    return numbers


def _merged(pieces: list[_Texts]) -> _Texts:
    """The texts of several columns, by row; within a row in the order of the columns."""
    texts = [text for piece in pieces for text in piece.texts]
    rows = [row for piece in pieces for row in piece.rows]
    places = [place for piece in pieces for place in piece.places]
    offsets = np.cumsum([0, *(len(piece.texts) for piece in pieces)]).tolist()
    bad = {at + n for at, piece in zip(offsets, pieces, strict=False) for n in piece.bad}
    order = sorted(range(len(rows)), key=rows.__getitem__)
    return _Texts(
        [texts[number] for number in order],
        [rows[number] for number in order],
        [places[number] for number in order],
        [new for new, old in enumerate(order) if old in bad] if bad else [],
    )


def _without_rows(found: _Texts, dead: dict[int, Dead]) -> _Texts:
    kept = [number for number, row in enumerate(found.rows) if row not in dead]
    return _Texts(
        [found.texts[number] for number in kept],
        [found.rows[number] for number in kept],
        [found.places[number] for number in kept],
    )


def decode_text(column: pa.Array) -> tuple[list[str | None], list[int]]:
    """Texts of a string-like or binary column, and the rows that are not UTF-8 (given None).

    Of a dictionary every text is decoded once, however many rows have it.
    """
    if pa.types.is_dictionary(column.type):
        return _decode_dictionary(column)
    texts: list[str | None] = []
    bad: list[int] = []
    for row, value in enumerate(_binary(column).to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            bad.append(row)
    return texts, bad


def _decode_dictionary(column: pa.DictionaryArray) -> tuple[list[str | None], list[int]]:
    used = column.indices.unique().drop_null()
    values, bad_values = decode_text(_binary(column.dictionary).take(used))
    numbers = used.to_pylist()
    texts = dict(zip(numbers, values, strict=True))
    indices = column.indices.to_pylist()
    bad = {numbers[value] for value in bad_values}
    return (
        [None if number is None else texts[number] for number in indices],
        [row for row, number in enumerate(indices) if number in bad] if bad else [],
    )


def _binary(column: pa.Array) -> pa.Array:
    """The bytes of a text column: not all kernels know views, and strings must be UTF-8."""
    return column if pa.types.is_binary(column.type) else column.cast(pa.large_binary())


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def id_array(column: pa.Array) -> pa.Array:
    """Ids as texts, those of a scan: whole numbers in digits, bytes that are not UTF-8 null."""
    values = _plain(column)
    try:
        return values.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.array(_id_strings(values), pa.string())


def _id_strings(column: pa.Array) -> list[str | None]:
    values = _plain(column)
    if pa.types.is_integer(values.type):
        return [None if value is None else str(value) for value in values.to_pylist()]
    return decode_text(values)[0]


def shown_value(column: pa.Array, row: int) -> str | None:
    """One value of a plain column as text; times in ISO 8601, in UTC if they have a zone."""
    value = _plain(column.slice(row, 1))
    if pa.types.is_temporal(value.type) or pa.types.is_decimal(value.type):
        value = _iso_8601(value) if pa.types.is_timestamp(value.type) else value.cast(pa.string())
    try:
        shown = value[0].as_py()
    except UnicodeDecodeError:
        shown = value.cast(pa.large_binary())[0].as_py()
    if isinstance(shown, bytes):
        return shown.decode(errors="backslashreplace")
    return None if shown is None else str(shown)


def shown_group(column: pa.Array, row: int) -> str | None:
    """The same of a group column; an empty text names nobody and nothing, and is null."""
    return shown_value(column, row) or None


def _iso_8601(moments: pa.Array) -> pa.Array:
    """Timestamps as text; with a zone in UTC, which needs no database of time zones."""
    if moments.type.tz is not None:
        moments = moments.cast(pa.timestamp(moments.type.unit, "UTC"))
    return pc.replace_substring_regex(moments.cast(pa.string()), r"(\d) ", r"\1T")
