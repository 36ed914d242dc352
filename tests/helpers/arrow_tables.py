"""Tables of random Arrow types, nested ones too, for properties about Parquet."""

import datetime
import decimal
from typing import Any, NamedTuple

import pyarrow as pa
from hypothesis import strategies as st


class Kind(NamedTuple):
    """A type and its values."""

    type: pa.DataType
    values: st.SearchStrategy[Any]


_TEXTS = st.text(max_size=6)
_ZONE = pa.timestamp("us", "UTC")
_MOMENTS = st.datetimes(datetime.datetime(1980, 1, 1), datetime.datetime(2040, 1, 1))
_TURN = pa.struct([("role", pa.string()), ("content", pa.string())])


def _or_null(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), values)


def _list(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return _or_null(st.lists(values, max_size=3))


_TURNS = _or_null(st.fixed_dictionaries({"role": _or_null(_TEXTS), "content": _or_null(_TEXTS)}))

TYPES: dict[str, Kind] = {
    "int8": Kind(pa.int8(), _or_null(st.integers(-128, 127))),
    "uint32": Kind(pa.uint32(), _or_null(st.integers(0, (1 << 32) - 1))),
    "int64": Kind(pa.int64(), _or_null(st.integers(-(1 << 63), (1 << 63) - 1))),
    "float": Kind(pa.float32(), _or_null(st.floats(width=32))),
    "double": Kind(pa.float64(), _or_null(st.floats())),
    "bool": Kind(pa.bool_(), _or_null(st.booleans())),
    "null": Kind(pa.null(), st.none()),
    "string": Kind(pa.string(), _or_null(_TEXTS)),
    "large": Kind(pa.large_string(), _or_null(_TEXTS)),
    "view": Kind(pa.string_view(), _or_null(_TEXTS)),
    "binary": Kind(pa.binary(), _or_null(st.binary(max_size=5))),
    "fixed": Kind(pa.binary(3), _or_null(st.binary(min_size=3, max_size=3))),
    "date": Kind(pa.date32(), _or_null(st.dates(datetime.date(1980, 1, 1)))),
    "moment": Kind(_ZONE, _or_null(_MOMENTS.map(lambda m: m.replace(tzinfo=datetime.UTC)))),
    "decimal": Kind(
        pa.decimal128(9, 2), _or_null(st.integers(-999, 999).map(lambda n: decimal.Decimal(n) / 4))
    ),
    "dictionary": Kind(pa.dictionary(pa.int8(), pa.string()), _or_null(st.sampled_from("abc"))),
    "list": Kind(pa.list_(pa.int32()), _list(_or_null(st.integers(0, 9)))),
    "largelist": Kind(pa.large_list(pa.string()), _list(_or_null(_TEXTS))),
    "lists": Kind(pa.list_(pa.list_(pa.string())), _list(_list(_or_null(_TEXTS)))),
    "struct": Kind(_TURN, _TURNS),
    "chat": Kind(pa.list_(_TURN), _list(_TURNS)),
    "map": Kind(
        pa.map_(pa.string(), pa.int32()),
        _or_null(st.dictionaries(_TEXTS, _or_null(st.integers(0, 9)), max_size=2).map(
            lambda entries: list(entries.items()))),
    ),
}  # fmt: skip


@st.composite
def tables(draw: st.DrawFn, min_rows: int = 0, max_rows: int = 12) -> pa.Table:
    """A table of one to four columns; a column's name begins with the key of its type."""
    names = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=4))
    rows = draw(st.integers(min_rows, max_rows))
    columns = {}
    for number, name in enumerate(names):
        kind = TYPES[name]
        values = draw(st.lists(kind.values, min_size=rows, max_size=rows))
        columns[f"{name} {number}"] = pa.array(values, kind.type)
    return pa.table(columns)
