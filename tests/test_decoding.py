"""Decoding: the texts of rows with their places, of every kind of column."""

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.beam_pipelines.columns import find_columns
from scrubtrace.beam_pipelines.decoding import Place, Rows, decode, decode_text, decoded_bytes
from scrubtrace.schemas.plan import Chat, Columns
from scrubtrace.schemas.receipts import NO_NAME, ROLES_SEEN, Turns

ALL = Chat(roles=("all",))


def decoded(
    *text: str, chat: Chat | None = None, start: int = 0, **columns: pa.Array | list[Any]
) -> Rows:
    table = pa.table(columns)
    wanted = Columns(text, chat=chat or Chat())
    (batch,) = table.combine_chunks().to_batches()
    return decode(batch, start, find_columns(table.schema, wanted))


def found(rows: Rows) -> list[tuple[int, str, int | None, str | None]]:
    triples = zip(rows.text_rows, rows.places, rows.texts, strict=True)
    return [(row, place.field, place.turn, text) for row, place, text in triples]


def turns_of(kind: pa.DataType, *chats: list[tuple[str | None, str | None]] | None) -> pa.Array:
    """Chat rows whose strings are of a kind that Arrow cannot always make from Python values."""
    flat = [turn for chat in chats for turn in chat or []]
    columns = [pa.array([turn[i] for turn in flat], pa.string()) for i in (0, 1)]
    if pa.types.is_dictionary(kind):
        columns = [column.dictionary_encode() for column in columns]
    else:
        columns = [column.cast(kind) for column in columns]
    offsets = [0]
    for chat in chats:
        offsets.append(offsets[-1] + len(chat or []))
    turns = pa.StructArray.from_arrays(columns, ["role", "content"])
    missing = pa.array([chat is None for chat in chats])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), turns, mask=missing)


KINDS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_chats_of_every_kind_of_string_read_the_same(kind: pa.DataType) -> None:
    chats = turns_of(
        kind,
        [("user", "Hi."), ("Assistant", "Grüezi."), ("user", None), ("assistant", None)],
        None,
        [],
        [("system", "Be brief."), (None, "Who?")],
        [("GPT ", "好的")],
    )
    rows = decoded("x", x=chats)
    assert found(rows) == [(0, "x", 1, "Grüezi."), (0, "x", 3, None), (4, "x", 0, "好的")]
    assert rows.turns == {"x": Turns(3, 4, ["user", "system", NO_NAME])}
    every = decoded("x", x=chats.slice(3), chat=ALL)
    assert found(every) == [(0, "x", 0, "Be brief."), (0, "x", 1, "Who?"), (1, "x", 0, "好的")]
    assert every.turns == {"x": Turns(3)}


@pytest.mark.parametrize(
    "kind",
    [
        pa.list_(pa.string()),
        pa.large_list(pa.string()),
        pa.list_view(pa.string()),
        pa.large_list_view(pa.string()),
        pa.list_(pa.binary_view()),
    ],
    ids=str,
)
def test_lists_of_every_kind_read_the_same(kind: pa.DataType) -> None:
    values = [["a", None, ""], None, [], ["ü"]]
    encoded = [v and [t and t.encode() for t in v] for v in values]
    column = pa.array(encoded if kind.value_type == pa.binary_view() else values, kind)
    rows = decoded("x", x=column)
    expected = [(0, "x", 0, "a"), (0, "x", 1, None), (0, "x", 2, ""), (3, "x", 0, "ü")]
    assert found(rows) == expected
    assert found(decoded("x", x=column.slice(1))) == [(2, "x", 0, "ü")]
    assert rows.turns == {}


def part(kind: str | None, text: str | None) -> dict[str, Any]:
    return {"type": kind, "text": text, "image": None}


def test_the_text_parts_of_a_message_are_joined() -> None:
    parts = [
        {"role": "user", "content": [part("text", "left out")]},
        {"role": "assistant", "content": [part("text", "a"), part("image", None), part(None, "b")]},
        {"role": "assistant", "content": [part("tool", "left out"), part("output_text", "c")]},
        {"role": "assistant", "content": []},
        {"role": "assistant", "content": None},
    ]
    rows = decoded("x", x=[parts, [parts[2]]])
    assert found(rows) == [
        (0, "x", 1, "a\nb"),
        (0, "x", 2, "c"),
        (0, "x", 3, ""),
        (0, "x", 4, None),
        (1, "x", 0, "c"),
    ]


PARTS = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))


@pytest.mark.parametrize("kind", [*KINDS, PARTS], ids=str)
def test_a_turn_has_the_first_content_that_is_not_null(kind: pa.DataType) -> None:
    turns = [
        ("user", None, "left out"),
        ("assistant", None, "a"),
        ("assistant", "b", "not this"),
        ("assistant", None, None),
        ("assistant", "", "nor this"),
        ("gpt", None, "c"),
    ]
    said = pa.array([content for _, content, _ in turns], pa.string())
    if pa.types.is_list(kind):
        parts = [None if text is None else [part("text", text)] for text in said.to_pylist()]
        contents = pa.array(parts, kind)
    else:
        contents = said.dictionary_encode() if pa.types.is_dictionary(kind) else said.cast(kind)
    columns = [pa.array([role for role, _, _ in turns]), contents]
    columns += [pa.array([text for *_, text in turns])]
    chats = pa.StructArray.from_arrays(columns, ["role", "content", "text"])
    rows = decoded("x", x=pa.ListArray.from_arrays([0, 3, 6], chats))
    expected = [(0, "x", 1, "a"), (0, "x", 2, "b"), (1, "x", 0, None), (1, "x", 1, "")]
    assert found(rows) == [*expected, (1, "x", 2, "c")]
    assert rows.turns["x"].judged == 5


def test_a_null_field_of_contents_leaves_the_other() -> None:
    kind = pa.list_(
        pa.struct([("role", pa.string()), ("content", pa.null()), ("text", pa.binary())])
    )
    turn = {"role": "assistant", "content": None}
    rows = [[turn | {"text": b"a"}], [turn | {"text": b"\xff"}], [turn | {"text": None}]]
    decoded_rows = decoded("x", x=pa.array(rows, kind))
    assert found(decoded_rows) == [(0, "x", 0, "a"), (2, "x", 0, None)]
    assert list(decoded_rows.dead) == [1]


def test_texts_come_in_the_order_of_rows_then_columns_then_turns() -> None:
    rows = decoded(
        "b", "meta.a", "c", start=7, b=["b0", None], c=[["c0", "c1"], []], meta=[{"a": "a0"}, None]
    )
    assert found(rows) == [
        (0, "b", None, "b0"),
        (0, "meta.a", None, "a0"),
        (0, "c", 0, "c0"),
        (0, "c", 1, "c1"),
        (1, "b", None, None),
        (1, "meta.a", None, None),
    ]
    assert (rows.start, len(rows)) == (7, 2)


BAD = b"canary \xff"


def test_a_judged_text_that_is_not_utf8_makes_its_row_dead_once() -> None:
    role = [b"user", b"assistant", b"assistant"]
    chats = [
        [{"role": r, "content": c} for r, c in zip(role, contents, strict=True)]
        for contents in ([BAD, b"a", b"b"], [b"a", b"b", BAD], [b"a", BAD, BAD])
    ]
    rows = decoded("y", "x", x=chats, y=[b"0", b"1", b"2"])
    assert rows.dead == {
        1: ("invalid_utf8", "UnicodeDecodeError", Place("x", 2)),
        2: ("invalid_utf8", "UnicodeDecodeError", Place("x", 1)),
    }
    assert found(rows) == [(0, "y", None, "0"), (0, "x", 1, "a"), (0, "x", 2, "b")]


def test_parts_that_are_not_utf8_make_the_row_dead() -> None:
    content = [{"type": b"text", "text": b"a"}, {"type": b"text", "text": BAD}]
    chats = [[{"role": b"gpt", "content": content}], [{"role": b"gpt", "content": content[:1]}]]
    rows = decoded("x", x=chats)
    assert rows.dead[0].place == Place("x", 0)
    assert found(rows) == [(1, "x", 0, "a")]


def test_a_role_that_is_not_utf8_is_another_role() -> None:
    rows = decoded("x", x=[[{"role": b"gpt\xff", "content": b"a"}]])
    assert (found(rows), rows.dead) == ([], {})
    assert rows.turns["x"].roles_not_judged == [NO_NAME]


def test_few_names_of_roles_are_kept() -> None:
    chats = [[{"role": f"role{number}", "content": "a"}] for number in range(50)]
    seen = decoded("x", x=chats).turns["x"]
    assert (seen.judged, seen.not_judged) == (0, 50)
    assert seen.roles_not_judged == [f"role{number}" for number in range(ROLES_SEEN)]


def test_text_in_the_place_of_a_role_is_not_repeated() -> None:
    said = ["The canary sang.", "再见", "x" * 25, "", "1234"]
    chats = [[{"role": text, "content": "user"}] for text in said]
    assert decoded("x", x=chats).turns["x"].roles_not_judged == [NO_NAME]


TEXT = st.none() | st.binary(max_size=4)


@given(st.lists(TEXT, max_size=20))
def test_dictionaries_decode_like_plain_columns(values: list[bytes | None]) -> None:
    plain = pa.array(values, pa.binary())
    assert decode_text(plain.dictionary_encode()) == decode_text(plain)


def test_what_is_not_utf8_is_marked_and_the_others_live() -> None:
    column = pa.array([b"fine", b"\xff\xfe", None, "ü".encode()[:1]], pa.binary())
    assert decode_text(column) == (["fine", None, None, None], [1, 3])


def test_shared_texts_count_once() -> None:
    large = pa.array(["x" * 1000] * 100)
    assert decoded_bytes(large) > 100_000
    assert decoded_bytes(large.dictionary_encode()) < 1000
    chats = turns_of(pa.string(), [("user", "x" * 1000)])
    assert 1000 < decoded_bytes(chats) < 1100
