"""The user's columns in one shard: paths to types, text columns to shapes, both to leaves."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines.partitions import PartitionKeys, partition_keys
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.vocabulary import DeadReason

ROLE_FIELDS = ("role", "from")
CONTENT_FIELDS = ("content", "value", "text")
"""Names that the fields of a turn have by convention; ``from`` and ``value`` are ShareGPT's."""

PART_TYPE, PART_TEXT = "type", "text"
"""Fields of a part of a message, as in the OpenAI and Anthropic message formats."""

UNDERSTOOD = (
    "understood are texts (string or binary), lists of texts, and chat rows: lists of structs "
    "such as list<struct<role: string, content: string>>"
)
_UNDERSTOOD_OF = {
    "is_id": "texts (string or binary) and whole numbers",
    "is_string": "strings",
    "is_plain": "single values: texts, numbers, truth values, times",
}
_NAMES_SHOWN = 20

Steps = tuple[str, ...]
Fits = Callable[[pa.DataType], bool]


class ColumnError(ValueError):
    """A shard does not have a column as asked; the message names columns and types, no value."""

    def __init__(self, reason: DeadReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Column:
    """A top-level column, or a field within one: the user's path, its names, and its type.

    Without ``steps`` it stands in the path of the shard, and every row has ``value``.
    """

    path: str
    steps: Steps
    type: pa.DataType
    value: str | None = None


@dataclass(frozen=True)
class Content:
    """A field of a turn with its text, which may be in parts."""

    name: str
    has_parts: bool = False


@dataclass(frozen=True)
class TextColumn:
    """A text column of one shard and how its texts are found in it.

    ``contents`` is empty for texts and for lists of texts; a turn of a chat has the first that is
    not null. ``role`` is None also for chat rows without roles, all turns of which are judged.
    """

    column: Column
    is_list: bool = False
    role: str | None = None
    contents: tuple[Content, ...] = ()

    @property
    def shape(self) -> str:
        """The shape in a few words."""
        if not self.contents:
            return "list of texts" if self.is_list else "text"
        said = [f"{c.name} in parts" if c.has_parts else c.name for c in self.contents]
        fields = ", ".join(name for name in (self.role, " or ".join(said)) if name)
        return f"chat ({fields})"

    def wanted(self) -> Iterator[Steps]:
        """What has to be read: of chat rows only roles and contents."""
        steps = self.column.steps
        if not self.contents:
            yield steps
            return
        if self.role is not None:
            yield (*steps, self.role)
        for content in self.contents:
            inner = [(PART_TYPE,), (PART_TEXT,)] if content.has_parts else [()]
            yield from ((*steps, content.name, *part) for part in inner)


@dataclass(frozen=True)
class ShardColumns:
    """The user's columns as one shard has them."""

    texts: tuple[TextColumn, ...]
    chat: Chat
    id: Column | None = None
    language: Column | None = None
    groups: dict[str, Column] = field(default_factory=dict)

    def wanted(self) -> Iterator[Steps]:
        """What has to be read."""
        for text in self.texts:
            yield from text.wanted()
        others = (self.id, self.language, *self.groups.values())
        yield from (column.steps for column in others if column is not None and column.steps)


def find_columns(schema: pa.Schema, columns: Columns, shard: str = "") -> ShardColumns:
    """The user's columns in a shard's schema; raises `ColumnError` for the first that is amiss.

    Language and groups may also stand in the path of the ``shard`` (`partition_keys`); a column of
    the schema goes before.
    """
    keys = partition_keys(shard)
    groups = columns.groups.items()
    return ShardColumns(
        tuple(_text_column(schema, path, columns.chat) for path in columns.texts),
        columns.chat,
        _find(schema, columns.id, "id", is_id) if columns.id else None,
        _find(schema, columns.language, "language", is_string, keys) if columns.language else None,
        {name: _find(schema, path, name, is_plain, keys) for name, path in groups},
    )


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type as which values are read: text for UUIDs; of other extension types what is stored.

    Parquet files of other programs have such types for JSON and UUIDs.
    """
    if isinstance(kind, pa.UuidType):
        return pa.string()
    return stored_type(kind.storage_type) if isinstance(kind, pa.BaseExtensionType) else kind


def leaf_paths(file: pq.ParquetFile, wanted: Sequence[Steps]) -> list[str]:
    """Paths of the Parquet columns that hold what is wanted, in the order of the file.

    Arrow's leaves are Parquet's in the same order, whatever the lists in between are called.
    """
    schema, parquet = file.schema_arrow, file.metadata.schema
    leaves = [steps for field in schema for steps in _leaves(field.type, (field.name,))]
    if len(leaves) != len(parquet):
        return sorted({steps[0] for steps in wanted})
    numbered = enumerate(leaves)
    chosen = [i for i, steps in numbered if any(steps[: len(w)] == w for w in wanted)]
    return [parquet.column(i).path for i in chosen]


def _leaves(kind: pa.DataType, steps: Steps) -> Iterator[Steps]:
    kind = stored_type(kind)
    if pa.types.is_struct(kind):
        for inner in _fields(kind):
            yield from _leaves(inner.type, (*steps, inner.name))
    elif pa.types.is_map(kind):
        yield from _leaves(kind.key_type, steps)
        yield from _leaves(kind.item_type, steps)
    elif is_list(kind) or pa.types.is_fixed_size_list(kind):
        yield from _leaves(kind.value_type, steps)
    else:
        yield steps


def _find(
    schema: pa.Schema,
    path: str,
    role: str,
    fits: Fits | None = None,
    keys: PartitionKeys | None = None,
) -> Column:
    column = _resolve(list(schema), path)
    if column is None and keys and path in keys:
        return Column(path, (), pa.string(), keys[path])
    if column is None:
        in_path = f"; in its path: {_named([*keys])}" if keys else ""
        problem = f"has no {role} column {path!r}; {_nearest(schema, path)}{in_path}"
        raise ColumnError(DeadReason.MISSING_COLUMN, problem)
    count = schema.names.count(column.steps[0])
    if count > 1:
        problem = f"has {count} columns named, not one, {role} column {column.steps[0]!r}"
        raise ColumnError(DeadReason.MISSING_COLUMN, problem)
    if fits is not None and not fits(column.type):
        understood = _UNDERSTOOD_OF[fits.__name__]
        problem = f"{role} column {path!r} has type {column.type}; understood are {understood}"
        raise ColumnError(DeadReason.WRONG_TYPE, problem)
    return column


def _resolve(fields: list[pa.Field], path: str) -> Column | None:
    """The field with this name, dots and all, else the one that the path leads to."""
    for inner in fields:
        if inner.name == path:
            return Column(path, (path,), stored_type(inner.type))
    for inner in sorted(fields, key=lambda inner: len(inner.name), reverse=True):
        prefix = inner.name + "."
        if path.startswith(prefix) and pa.types.is_struct(stored_type(inner.type)):
            found = _resolve(_fields(stored_type(inner.type)), path.removeprefix(prefix))
            if found is not None:
                return Column(path, (inner.name, *found.steps), found.type)
    return None


def _nearest(schema: pa.Schema, path: str) -> str:
    """What there is instead of a path: the fields of its last part that exists, or the columns."""
    names = path.split(".")
    for stop in range(len(names) - 1, 0, -1):
        start = ".".join(names[:stop])
        column = _resolve(list(schema), start)
        if column is None:
            continue
        if pa.types.is_struct(column.type):
            return f"fields of {start!r}: {_named(f.name for f in _fields(column.type))}"
        itself = f": name {start!r} itself" if is_list(column.type) else ""
        return f"{start!r} has type {column.type}, and paths lead through structs only{itself}"
    return f"columns: {_named(schema.names)}"


def _named(names: "Iterator[str] | list[str]") -> str:
    listed = [repr(name) if _looks_other(name) else name for name in names]
    more = f" and {len(listed) - _NAMES_SHOWN} more" if len(listed) > _NAMES_SHOWN else ""
    return ", ".join(listed[:_NAMES_SHOWN]) + more


def _looks_other(name: str) -> bool:
    """Whether a name in a list of names would be taken for another one: blanks at its ends."""
    return name != name.strip() or "," in name or not name or not name.isprintable()


def _text_column(schema: pa.Schema, path: str, chat: Chat) -> TextColumn:
    column = _find(schema, path, "text")
    kind = column.type
    if is_text(kind):
        return TextColumn(column)
    turn = stored_type(kind.value_type) if is_list(kind) else None
    if turn is not None and is_text(turn):
        return TextColumn(column, is_list=True)
    if turn is not None and pa.types.is_struct(turn):
        return _chat_column(column, {inner.name: inner.type for inner in _fields(turn)}, chat)
    hint = ""
    if pa.types.is_struct(kind) and kind.num_fields:
        hint = f"; name a field of it, for example {path}.{kind.field(0).name}"
    problem = f"text column {path!r} has type {kind}; {UNDERSTOOD}{hint}"
    raise ColumnError(DeadReason.WRONG_TYPE, problem)


def _chat_column(column: Column, fields: dict[str, pa.DataType], chat: Chat) -> TextColumn:
    role = None
    if chat.judged_roles is not None:
        role = _there(column, fields, "role", chat.role_field, ROLE_FIELDS)[0]
        if not is_text(fields[role]):
            _wrong_field(column, "role", role, fields[role], "a string")
    names = _there(column, fields, "content", chat.content_field, CONTENT_FIELDS)
    contents = [
        Content(name, _is_parts(fields[name]))
        for name in names
        if is_text(fields[name]) or _is_parts(fields[name])
    ]
    if not contents:
        understood = "a string or list<struct<type, text>>"
        _wrong_field(column, "content", names[0], fields[names[0]], understood)
    return TextColumn(column, True, role, tuple(contents))


def _there(
    column: Column,
    fields: dict[str, pa.DataType],
    meaning: str,
    given: str | None,
    known: Sequence[str],
) -> list[str]:
    """Fields of a turn with this meaning, the likeliest first: the given one, else known names."""
    names = known if given is None else [given]
    there = [name for name in names if name in fields]
    if there:
        return there
    problem = (
        f"text column {column.path!r} has turns without a {meaning} field {' or '.join(names)}; "
        f"their fields: {_named(list(fields))}; name the right one as input.{meaning}_field"
    )
    if meaning == "role":
        problem += ", or judge every turn with --roles all"
    raise ColumnError(DeadReason.WRONG_TYPE, problem)


def _wrong_field(
    column: Column, meaning: str, name: str, kind: pa.DataType, understood: str
) -> None:
    problem = (
        f"text column {column.path!r}: its {meaning} field {name!r} has type {kind}, not "
        f"{understood}; another can be named as input.{meaning}_field"
    )
    raise ColumnError(DeadReason.WRONG_TYPE, problem)


def _is_parts(kind: pa.DataType) -> bool:
    """Whether a type is a list of parts, each with its type and, if it is text, its text."""
    part = stored_type(kind.value_type) if is_list(kind) else None
    if part is None or not pa.types.is_struct(part):
        return False
    fields = {inner.name: inner.type for inner in _fields(part)}
    return all(name in fields and is_text(fields[name]) for name in (PART_TYPE, PART_TEXT))


def _fields(kind: pa.DataType) -> list[pa.Field]:
    inner = (kind.field(number) for number in range(kind.num_fields))
    return [field.with_type(stored_type(field.type)) for field in inner]


def is_list(kind: pa.DataType) -> bool:
    """Whether a type is a list of any length: list, large_list, list_view, large_list_view."""
    types = pa.types
    views = types.is_list_view(kind) or types.is_large_list_view(kind)
    return bool(types.is_list(kind) or types.is_large_list(kind) or views)


def is_string(kind: pa.DataType) -> bool:
    """Whether a type is string-like: string, large_string, string_view, dictionaries of them.

    Also null, which pandas writes for a column that has no value in this shard.
    """
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(value)
        or pa.types.is_null(value)
        or pa.types.is_large_string(value)
        or pa.types.is_string_view(value)
    )


def is_text(kind: pa.DataType) -> bool:
    """Whether a type can hold text: string-like, or binary, which is read as UTF-8."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    binary = pa.types.is_binary(value) or pa.types.is_large_binary(value)
    return is_string(kind) or bool(binary or pa.types.is_binary_view(value))


def is_id(kind: pa.DataType) -> bool:
    """Whether a type can identify rows: text or a whole number."""
    return is_text(kind) or bool(pa.types.is_integer(kind))


def is_plain(kind: pa.DataType) -> bool:
    """Whether a type can be shown as one short value: text, number, truth value, time or null."""
    types = pa.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    plain = types.is_integer(value) or types.is_floating(value) or types.is_boolean(value)
    plain = plain or types.is_temporal(value) or types.is_decimal(value) or types.is_null(value)
    return is_text(kind) or bool(plain)
