"""Labelled Parquet files, as ``make eval`` reads them, or why they cannot be read.

Every file of a folder has columns of strings: text, label (human | llm), lang; and if it has them
attack and source. What is wrong is an error that names file and column: rows that are passed over,
or have an empty text, would make other figures, and nobody would see it.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.detectors.language import identify, normalise_code

NEEDED = ("text", "label", "lang")
STRINGS = (*NEEDED, "attack", "source")
NOT_NULL = ("text", "label")
"""Columns that may not be of the type null, which has no value at all."""

LABELS = ("human", "llm")
NO_ATTACK = "none"
LONGEST_LABEL = 20
"""Characters; longer values of the column ``label`` are texts, which are never printed."""


class LabelledError(Exception):
    """A file that is not labelled as the benchmarks need it; the message says what to do."""


@contextmanager
def wrong_data_is_named() -> Iterator[None]:
    """Ends the program with exit code 2 and the message of a `LabelledError`."""
    try:
        yield
    except LabelledError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None


def labelled_files(folder: Path) -> list[Path]:
    """The Parquet files of a folder, each checked; raises `LabelledError`."""
    files = sorted(folder.glob("*.parquet"))
    for file in files:
        with _opened(file) as opened:
            _checked(file, opened, ["label"])
    return files


def labelled_rows(file: Path, optional: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Rows of a file: text, label, lang, attack and source, and the ``optional`` columns it has.

    A null text is empty, a null language is identified, others are their code; a null attack is
    ``none``, a null source that of the file. Raises `LabelledError`.
    """
    with _opened(file) as opened:
        names = [name for name in (*STRINGS, *optional) if name in opened.schema_arrow.names]
        rows: list[dict[str, Any]] = _checked(file, opened, names).to_pylist()
    for row in rows:
        row["text"] = row["text"] or ""
        row["lang"] = normalise_code(row["lang"]) if row["lang"] else identify(row["text"])
        row["attack"] = row.get("attack") or NO_ATTACK
        row["source"] = row.get("source") or file.stem
    return rows


@contextmanager
def _opened(file: Path) -> Iterator[pq.ParquetFile]:
    try:
        with pq.ParquetFile(file) as opened:
            yield opened
    except (pa.ArrowException, OSError) as error:
        told = str(error).partition("\n")[0]
        raise LabelledError(
            f"{file}: cannot be read as Parquet ({told}); write it again, or take it out of the "
            "folder"
        ) from None


def _checked(file: Path, opened: pq.ParquetFile, names: Sequence[str]) -> pa.Table:
    """Some columns of a file whose schema and labels are as they must be."""
    schema = opened.schema_arrow
    for name in STRINGS:
        count = schema.names.count(name)
        if count > 1:
            raise LabelledError(f"{file}: {count} columns {name}; leave one of them")
        if name in NEEDED and not count:
            raise LabelledError(
                f"{file}: no column {name}; text, label (human or llm) and lang are needed: "
                "rename what holds them"
            )
        if count and not _is_text(schema.field(name).type, may_be_null=name not in NOT_NULL):
            raise LabelledError(
                f"{file}: column {name} is {schema.field(name).type}; write it as strings"
            )
    table = opened.read(columns=list(names))
    for place, name in enumerate(table.column_names):
        if name in STRINGS:
            table = table.set_column(place, name, _strings(file, name, table[name]))
    _check_labels(file, table["label"].to_pylist())
    return table


def _is_text(kind: pa.DataType, may_be_null: bool) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view,
             pa.types.is_binary, pa.types.is_large_binary)  # fmt: skip
    return any(is_kind(kind) for is_kind in known) or (may_be_null and pa.types.is_null(kind))


def _strings(file: Path, name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The column as strings; bytes have to be UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    try:
        made = column.cast(pa.large_string())
        made.validate(full=True)
    except pa.ArrowInvalid:
        raise LabelledError(
            f"{file}: column {name} has bytes that are not UTF-8; write it as strings"
        ) from None
    return made


def _check_labels(file: Path, labels: Sequence[str | None]) -> None:
    other = Counter(label for label in labels if label not in LABELS)
    if other:
        told = ", ".join(_told(label) for label, _ in other.most_common(3))
        raise LabelledError(
            f"{file}: column label has {told} in {other.total():,} of {len(labels):,} rows; "
            "write human or llm"
        )


def _told(label: str | None) -> str:
    if label is None:
        return "null"
    return repr(label) if len(label) <= LONGEST_LABEL else f"a text of {len(label):,} characters"
