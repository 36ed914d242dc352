"""Entries of a log file, whatever holds them: JSON lines, a JSON array, CSV or Parquet.

An entry has the number of its line (JSON lines) or of its element or row, from 1. What cannot be
read is an entry too, with the reason; so the numbers have no gaps.
"""

import codecs
import csv
import io
import json
from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.files import (
    BROKEN,
    LONGEST_LINE,
    CallLogError,
    broken,
    is_parquet,
    lines,
    opened,
    valid,
)
from scrubtrace.schemas.calls import BadReason

BLANK = None
"""Stands for a line with nothing on it."""

Entry = dict[str, Any] | BadReason | None

SEPARATORS = ",;\t"
_CHUNK = 1 << 16
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)


def entries(path: str) -> Iterator[tuple[int, Entry]]:
    """Numbered entries of a file; raises CallLogError if it is Parquet that cannot be opened."""
    if is_parquet(path):
        yield from _parquet_rows(path)
        return
    start = first_line(path)
    if start.startswith("[") or start == "{":
        yield from _elements(path)
    elif not start.startswith("{") and (separator := _separator(start)):
        yield from _csv_rows(path, separator)
    else:
        yield from _json_lines(path)


def first_line(path: str) -> str:
    """The first line with anything on it, as far as it can be read; at most _CHUNK bytes of it."""
    with opened(path) as (file, encoding):
        try:
            start = file.read(_CHUNK)
        except BROKEN:
            return ""
    return start.decode(encoding, "replace").lstrip().partition("\n")[0].rstrip()


def _separator(header: str) -> str | None:
    """The separator of a CSV header: a line of nothing but names; None if it is none."""
    for separator in SEPARATORS:
        cells = [cell.strip().strip('"') for cell in header.split(separator)]
        if len(cells) > 2 and all(_is_name(cell) for cell in cells):
            return separator
    return None


def _is_name(cell: str) -> bool:
    plain = cell.removesuffix(" [UTC]")
    return 0 < len(plain) <= 64 and all(c.isalnum() or c in "_.- " for c in plain)


def _json_lines(path: str) -> Iterator[tuple[int, Entry]]:
    for number, line in enumerate(lines(path), 1):
        if isinstance(line, BadReason):
            yield number, line
        elif not line.strip():
            yield number, BLANK
        else:
            found = _loaded(line)
            if found is BadReason.NOT_JSON and not line.endswith("\n"):
                found = BadReason.TRUNCATED
            yield number, found


def _loaded(line: str) -> Entry:
    try:
        return _object(_DECODER.decode(line))
    except RecursionError:
        return BadReason.TOO_DEEP
    except ValueError:  # not JSON, or a whole number of thousands of digits
        return BadReason.NOT_JSON


def _object(value: Any) -> Entry:
    return value if isinstance(value, dict) else BadReason.NOT_AN_OBJECT


def _elements(path: str) -> Iterator[tuple[int, Entry]]:
    """Elements of an array, or objects one after the other, each over several lines.

    After an element that cannot be read the next one cannot be found: the file ends there.
    """
    with opened(path) as (file, encoding):
        buffer, number = _Buffer(file, encoding), 0
        while not buffer.gave_up:
            number += 1
            try:
                found = buffer.next_value()
            except StopIteration:
                return
            except RecursionError:
                yield number, BadReason.TOO_DEEP
                return
            except ValueError:
                yield number, buffer.problem or BadReason.NOT_JSON
                return
            yield number, found if isinstance(found, BadReason) else _object(found)


class _Buffer:
    """The unread rest of a file, as much as is needed for one element."""

    def __init__(self, file: io.BufferedReader, encoding: str) -> None:
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        self._decode = codecs.getincrementaldecoder(encoding)(errors).decode
        self._file = file
        self._text = ""
        self._at = 0
        self._within = False
        self._ended = False
        self.problem: BadReason | None = None
        self.gave_up = False

    def next_value(self) -> Any:
        """The next element, or why it cannot be read, if the next one can be.

        Raises StopIteration at the end, ValueError if the end or the element is not as it must be;
        ``problem`` says more, if more is known.
        """
        while True:
            self._skip()
            if self._at == len(self._text):
                if self.problem or self._within:
                    self.problem = self.problem or BadReason.TRUNCATED
                    raise ValueError
                raise StopIteration
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                if not self._may_continue(error):
                    raise
                if self._ended:
                    self.problem = self.problem or BadReason.TRUNCATED
                    raise
            else:
                if self._ended or end < len(self._text):
                    raw, self._at = self._text[self._at : end], end
                    return value if valid(raw) else BadReason.INVALID_ENCODING
            if len(self._text) - self._at > LONGEST_LINE:
                self.gave_up = True
                return BadReason.TOO_LONG
            self._fill(max(_CHUNK, len(self._text) - self._at))

    def _may_continue(self, error: json.JSONDecodeError) -> bool:
        """Whether the error may come from the end of what was read so far."""
        return error.msg.startswith("Unterminated") or error.pos > len(self._text) - 16

    def _skip(self) -> None:
        """Go on to the next element, past what stands between elements."""
        while True:
            rest = self._text[self._at :] if self._at > _CHUNK else None
            if rest is not None:
                self._text, self._at = rest, 0
            while self._at < len(self._text) and self._passes(self._text[self._at]):
                self._at += 1
            if self._at < len(self._text) or self._ended:
                return
            self._fill(_CHUNK)

    def _passes(self, char: str) -> bool:
        """Whether the character stands between elements; keeps count of the array around them."""
        if char == ("]" if self._within else "["):
            self._within = not self._within
            return True
        return char in " \t\r\n,"

    def _fill(self, size: int) -> None:
        """Read at least so many more characters, or to the end."""
        pieces = [self._text[self._at :]]
        self._at = 0
        while size > 0 and not self._ended:
            try:
                read = self._file.read1(_CHUNK)
                pieces.append(self._decode(read, not read))
                size -= len(pieces[-1])
                self._ended = not read
            except (*BROKEN, UnicodeDecodeError) as error:
                self.problem, self._ended = broken(error), True
        self._text = "".join(pieces)


def _csv_rows(path: str, separator: str) -> Iterator[tuple[int, Entry]]:
    csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
    with opened(path) as (file, encoding):
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        text = io.TextIOWrapper(file, encoding, errors=errors, newline="")
        rows = csv.reader(text, delimiter=separator, strict=True)
        header: list[str] | None = None
        number = 0
        while True:
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                cut = "unexpected end" in str(error)
                number += 1
                yield number, BadReason.TRUNCATED if cut else BadReason.NOT_CSV
                continue
            except (*BROKEN, UnicodeDecodeError) as error:
                yield number + 1, broken(error)
                return
            if header is None:
                header = [cell.strip() for cell in cells] if cells else None
                continue
            number += 1
            yield number, _row(header, cells)


def _row(header: list[str], cells: list[str]) -> Entry:
    if not cells:
        return BLANK
    if len(cells) != len(header):
        return BadReason.UNKNOWN_SHAPE
    if not all(map(valid, cells)):
        return BadReason.INVALID_ENCODING
    return dict(zip(header, cells, strict=True))


def _parquet_rows(path: str) -> Iterator[tuple[int, Entry]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path)
    except (pa.ArrowException, OSError):
        raise CallLogError(f"{path} begins as Parquet but cannot be read: copy it again") from None
    number = 0
    with table:
        try:
            for batch in table.iter_batches(batch_size=256):
                for index in range(batch.num_rows):
                    number += 1
                    yield number, _parquet_row(batch.slice(index, 1))
        except (pa.ArrowException, OSError):
            yield number + 1, BadReason.DAMAGED


def _parquet_row(row: Any) -> Entry:
    try:
        return _object(_whole_microseconds(row).to_pylist()[0])
    except (ValueError, OverflowError):
        return BadReason.INVALID_ENCODING


def _whole_microseconds(row: Any) -> Any:
    """A row whose times are such as Python has: nanoseconds are cut off."""
    import pyarrow as pa

    for number, field in enumerate(row.schema):
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns":
            cut = row.column(number).cast(pa.timestamp("us", field.type.tz), safe=False)
            row = row.set_column(number, field.name, cut)
    return row
