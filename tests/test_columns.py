"""Columns: paths to types, types to shapes, shapes to the leaves that are read."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines.columns import ColumnError, Content, find_columns, leaf_paths
from scrubtrace.schemas.plan import Chat, Columns

STRING = pa.string()
PART = pa.struct([("type", STRING), ("text", STRING), ("image", pa.binary())])
INDEXED = pa.dictionary(pa.int32(), STRING)


def chat(*names: str, content: pa.DataType = STRING, role: pa.DataType = STRING) -> pa.DataType:
    """List of structs with these fields; the last one is the content."""
    fields = [(name, role) for name in names[:-1]] + [(names[-1], content)]
    return pa.list_(pa.struct(fields))


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (STRING, "text"),
        (pa.null(), "text"),
        (pa.list_(pa.null()), "list of texts"),
        (pa.binary_view(), "text"),
        (INDEXED, "text"),
        (pa.list_(STRING), "list of texts"),
        (pa.large_list(pa.large_string()), "list of texts"),
        (pa.list_view(STRING), "list of texts"),
        (pa.list_(INDEXED), "list of texts"),
        (chat("role", "content"), "chat (role, content)"),
        (chat("from", "value"), "chat (from, value)"),
        (chat("role", "text"), "chat (role, text)"),
        (chat("name", "from", "role", "value"), "chat (role, value)"),
        (chat("role", "content", role=INDEXED, content=pa.string_view()), "chat (role, content)"),
        (pa.large_list(chat("role", "content").value_type), "chat (role, content)"),
        (chat("role", "content", content=pa.list_(PART)), "chat (role, content in parts)"),
        (chat("text", "role", "content"), "chat (role, content or text)"),
        (chat("role", "text", "content", content=pa.int64()), "chat (role, text)"),
    ],
    ids=str,
)
def test_shapes_are_understood(kind: pa.DataType, shape: str) -> None:
    (text,) = find_columns(pa.schema([("text", kind)]), Columns("text")).texts
    assert text.shape == shape


@pytest.mark.parametrize(
    ("kind", "chat_fields", "message"),
    [
        (pa.int64(), Chat(), "has type int64; understood are texts"),
        (pa.map_(STRING, STRING), Chat(), r"has type map<string, string.*>; understood are texts"),
        (pa.list_(pa.int64()), Chat(), "has type list<item: int64>; understood"),
        (pa.list_(pa.list_(STRING)), Chat(), "understood are texts"),
        (pa.struct([("body", STRING)]), Chat(), "name a field of it, for example text.body"),
        (
            chat("speaker", "content"),
            Chat(),
            "turns without a role field role or from; their fields: speaker, content; "
            "name the right one as input.role_field, or judge every turn with --roles all",
        ),
        (
            chat("role", "said"),
            Chat(),
            "without a content field content or value or text; .* input.content_field",
        ),
        (chat("role", "content"), Chat("who"), "without a role field who; their fields: role"),
        (chat("role", "content", content=pa.int64()), Chat(), "content field 'content' has type"),
        (chat("role", "content", role=pa.int8()), Chat(), "role field 'role' has type int8, not a"),
        (
            chat("role", "content", content=pa.list_(pa.struct([("kind", STRING)]))),
            Chat(),
            r"not a string or list<struct<type, text>>; another can be named",
        ),
    ],
)
def test_other_types_are_told_what_is_understood(
    kind: pa.DataType, chat_fields: Chat, message: str
) -> None:
    with pytest.raises(ColumnError, match=message) as raised:
        find_columns(pa.schema([("text", kind)]), Columns("text", chat=chat_fields))
    assert raised.value.reason == "wrong_type"


def test_fields_of_turns_can_be_named_and_roles_left_out() -> None:
    schema = pa.schema([("text", chat("who", "role", "said"))])
    named = find_columns(schema, Columns("text", chat=Chat("who", "said"))).texts[0]
    assert (named.role, named.contents) == ("who", (Content("said"),))
    every = find_columns(schema, Columns("text", chat=Chat(None, "said", ("All",)))).texts[0]
    assert (every.role, every.contents) == (None, (Content("said"),))


INNER = pa.struct([("b", STRING), ("b.c", STRING), ("d", pa.struct([("e", pa.int64())]))])
NESTED = pa.schema(
    [("a.b", STRING), ("a", INNER), ("a.x", pa.struct([("y", STRING)])), ("turns", pa.list_(INNER))]
)


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("a.b", ("a.b",)),
        ("a.b.c", ("a", "b.c")),
        ("a.d.e", ("a", "d", "e")),
        ("a.x.y", ("a.x", "y")),
    ],
)
def test_paths_lead_through_structs_and_whole_names_win(path: str, steps: tuple[str, ...]) -> None:
    found = find_columns(NESTED, Columns("a.b", id=path)).id
    assert found is not None
    assert found.steps == steps


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("gone", r"has no id column 'gone'; columns: a\.b, a, a\.x, turns"),
        ("a.gone", r"has no id column 'a\.gone'; fields of 'a': b, b\.c, d"),
        ("a.d.e.f", r"'a\.d\.e' has type int64, and paths lead through structs only"),
        ("turns.b", r"'turns' has type list<.*>, and paths .* only: name 'turns' itself"),
    ],
)
def test_a_path_that_leads_nowhere_says_how_far_it_leads(path: str, message: str) -> None:
    with pytest.raises(ColumnError, match=message) as raised:
        find_columns(NESTED, Columns("a.b", id=path))
    assert raised.value.reason == "missing_column"


def test_names_that_look_like_others_stand_in_quotes() -> None:
    names = ["text ", " id", "a,b", "", "two\nlines", "two words"]
    schema = pa.schema([(name, pa.string()) for name in names])
    message = r"columns: 'text ', ' id', 'a,b', '', 'two\\nlines', two words$"
    with pytest.raises(ColumnError, match=message):
        find_columns(schema, Columns("text"))


def test_every_column_may_be_nested() -> None:
    columns = Columns("a.b", id="a.d.e", language="a.x.y", groups={"stage": "a.b.c"})
    found = find_columns(NESTED, columns)
    assert found.language is not None
    assert list(found.wanted()) == [("a.b",), ("a", "d", "e"), ("a.x", "y"), ("a", "b.c")]


def test_leaves_are_found_whatever_the_writer_called_the_lists(tmp_path: Path) -> None:
    content = pa.list_(PART)
    turn = pa.struct([("role", STRING), ("content", content), ("tools", pa.map_(STRING, STRING))])
    schema = pa.schema([("x", pa.int64()), ("in", pa.struct([("turns", pa.list_(turn))]))])
    columns = find_columns(schema, Columns("in.turns"))
    for compliant in (True, False):
        path = tmp_path / f"{compliant}.parquet"
        pq.write_table(schema.empty_table(), path, use_compliant_nested_type=compliant)
        found = leaf_paths(pq.ParquetFile(path), list(columns.wanted()))
        item = "element" if compliant else "item"
        start = f"in.turns.list.{item}"
        parts = f"{start}.content.list.{item}"
        assert found == [f"{start}.role", f"{parts}.type", f"{parts}.text"]
