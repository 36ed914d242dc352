"""Reading the rows of a range: streamed, projected, capped, and never dying on one bad row."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.schemas.plan import Columns, RowRange
from scrubtrace.schemas.vocabulary import DeadReason

READ_BUFFER = 1 << 20
"""Bytes read at a time from a column chunk, so that no chunk is held whole in memory."""

MIN_BATCH_ROWS = 16


@dataclass(frozen=True)
class Rows:
    """Neighbouring rows of one shard.

    ``texts`` has one entry a row: the text, or None where it is null. ``dead`` gives the row
    numbers (within these rows) that cannot be judged, with the reason and the error's class;
    their texts are None.
    """

    start: int
    texts: list[str | None]
    ids: list[str | None] | None = None
    languages: list[str | None] | None = None
    groups: dict[str, pa.Array] = field(default_factory=dict)
    dead: dict[int, tuple[str, str]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.texts)

    def group_values(self, row: int) -> dict[str, str | None]:
        """The group columns of one row, as text; times in ISO 8601, in UTC if they have a zone."""
        return {name: _shown(column, row) for name, column in self.groups.items()}


def read_range(
    row_range: RowRange, columns: Columns, batch_rows: int, batch_bytes: int
) -> Iterator[Rows]:
    """The rows of a range in order, in batches capped by rows and by decoded text bytes.

    Rows of a row group that cannot be read or decoded come as dead rows; the next row group is
    read all the same. Every row of the range comes exactly once. Damage is sure to be noticed only
    where the writer of the shard stored page checksums.
    """
    done = row_range.start
    try:
        with storage.open_read(row_range.shard.path) as opened:
            file = pq.ParquetFile(
                opened, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
            )
            group_start = 0
            for number in range(file.metadata.num_row_groups):
                group_stop = group_start + file.metadata.row_group(number).num_rows
                start, stop = max(done, group_start), min(row_range.stop, group_stop)
                if start < stop:
                    yield from _read_row_group(
                        file, number, (start - group_start, stop - group_start), start,
                        columns, batch_rows, batch_bytes,
                    )  # fmt: skip
                    done = stop
                group_start = group_stop
    except (OSError, pa.ArrowException) as error:
        yield from _dead_rows(done, row_range.stop, type(error).__name__, batch_rows)
        return
    yield from _dead_rows(done, row_range.stop, "RowsMissing", batch_rows)


def _read_row_group(
    file: pq.ParquetFile,
    number: int,
    wanted: tuple[int, int],
    first_row: int,
    columns: Columns,
    batch_rows: int,
    batch_bytes: int,
) -> Iterator[Rows]:
    """Rows ``wanted`` (half open, within the row group); ``first_row`` is the shard's number."""
    start, stop = wanted
    seen, done = 0, start
    size = _batch_size(file, number, columns, batch_rows, batch_bytes)
    batches = file.iter_batches(size, [number], columns=columns.names(), use_threads=False)
    while done < stop:
        try:
            batch = next(batches)
            low, high = max(start - seen, 0), min(stop - seen, batch.num_rows)
            seen += batch.num_rows
            if low >= high:
                continue
            rows = decode(batch.slice(low, high - low), first_row + done - start, columns)
        except (OSError, pa.ArrowException, KeyError, StopIteration) as error:
            problem = "RowsMissing" if isinstance(error, StopIteration) else type(error).__name__
            yield from _dead_rows(
                first_row + done - start, first_row + stop - start, problem, batch_rows
            )
            return
        done += len(rows)
        yield from _capped(rows, batch_bytes)


def _batch_size(
    file: pq.ParquetFile, number: int, columns: Columns, batch_rows: int, batch_bytes: int
) -> int:
    """Rows to decode at a time, from the row group's mean text size."""
    group = file.metadata.row_group(number)
    chunks = [group.column(i) for i in range(group.num_columns)]
    size = sum(c.total_uncompressed_size for c in chunks if c.path_in_schema == columns.text)
    mean = size / max(group.num_rows, 1)
    return max(MIN_BATCH_ROWS, min(batch_rows, int(batch_bytes / max(mean, 1))))


def _capped(rows: Rows, batch_bytes: int) -> Iterator[Rows]:
    """The rows in pieces of at most ``batch_bytes`` code points, or of one row."""
    start, chars = 0, 0
    for row, text in enumerate(rows.texts):
        length = len(text) if text else 0
        if chars + length > batch_bytes and row > start:
            yield _slice(rows, start, row)
            start, chars = row, 0
        chars += length
    yield rows if start == 0 else _slice(rows, start, len(rows))


def _slice(rows: Rows, start: int, stop: int) -> Rows:
    return Rows(
        rows.start + start,
        rows.texts[start:stop],
        rows.ids[start:stop] if rows.ids is not None else None,
        rows.languages[start:stop] if rows.languages is not None else None,
        {name: column.slice(start, stop - start) for name, column in rows.groups.items()},
        {row - start: why for row, why in rows.dead.items() if start <= row < stop},
    )


def _dead_rows(start: int, stop: int, error: str, batch_rows: int) -> Iterator[Rows]:
    for first in range(start, stop, batch_rows):
        count = min(batch_rows, stop - first)
        dead = dict.fromkeys(range(count), (DeadReason.UNREADABLE.value, error))
        yield Rows(first, [None] * count, dead=dead)


def decode(batch: pa.RecordBatch, start: int, columns: Columns) -> Rows:
    """Rows of a decoded batch; text that is not UTF-8 makes its row dead."""
    texts, bad = decode_text(batch.column(columns.text))
    reason = (DeadReason.INVALID_UTF8.value, UnicodeDecodeError.__name__)
    return Rows(
        start,
        texts,
        _id_strings(batch.column(columns.id)) if columns.id else None,
        decode_text(batch.column(columns.language))[0] if columns.language else None,
        {name: batch.column(column) for name, column in columns.groups.items()},
        dict.fromkeys(bad, reason),
    )


def decode_text(column: pa.Array) -> tuple[list[str | None], Sequence[int]]:
    """Texts of a string-like or binary column, and the rows that are not UTF-8 (given None)."""
    values = _plain(column)
    if not pa.types.is_binary(values.type):
        values = values.cast(pa.large_binary())
    texts: list[str | None] = []
    bad: list[int] = []
    for row, value in enumerate(values.to_pylist()):
        try:
            texts.append(None if value is None else value.decode())
        except UnicodeDecodeError:
            texts.append(None)
            bad.append(row)
    return texts, bad


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _id_strings(column: pa.Array) -> list[str | None]:
    values = _plain(column)
    if pa.types.is_integer(values.type):
        return [None if value is None else str(value) for value in values.to_pylist()]
    return decode_text(values)[0]


def _shown(column: pa.Array, row: int) -> str | None:
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


def _iso_8601(moments: pa.Array) -> pa.Array:
    """Timestamps as text; with a zone in UTC, which needs no database of time zones."""
    if moments.type.tz is not None:
        moments = moments.cast(pa.timestamp(moments.type.unit, "UTC"))
    return pc.replace_substring_regex(moments.cast(pa.string()), r"(\d) ", r"\1T")
