"""Planning a run on the launcher: inputs to shards, footers to a schema check, rows to units."""

import hashlib
import os
import posixpath
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.schemas.plan import Columns, DeadShard, RowRange, Shard, Unit
from scrubtrace.schemas.vocabulary import DeadReason

MIN_UNIT_ROWS = 1 << 13
MAX_UNIT_ROWS = 1 << 17
UNITS_WANTED = 64
PIECES_OF_ROW_GROUP = 8
"""A row group is cut into at most this many pieces: each piece decodes all rows before it."""

_FOOTER_TAIL = 8

Fits = Callable[[pa.DataType], bool]


class PlanError(ValueError):
    """Inputs that cannot be planned at all: a usage error, found before anything is written."""


@dataclass(frozen=True)
class Footer:
    """What the plan needs of one readable shard."""

    shard: Shard
    row_groups: tuple[int, ...]
    schema: pa.Schema


@dataclass(frozen=True)
class Plan:
    """Units of work, dead shards, and the names derived from the inputs."""

    dataset: str
    units: tuple[Unit, ...]
    dead: tuple[DeadShard, ...]

    @property
    def rows(self) -> int:
        """Rows that the footers of the readable shards promise."""
        return sum(unit.rows for unit in self.units)


def make_plan(
    inputs: Sequence[str],
    columns: Columns,
    dataset: str | None = None,
    root: str | None = None,
    unit_rows: int | None = None,
    threads: int = 16,
) -> Plan:
    """Plan of one run over paths and globs, local or on any Beam file system.

    Raises `PlanError` if a glob matches nothing or cannot be looked up, a file lies outside
    ``root``, or no readable shard has the columns. A path that cannot be read as asked becomes a
    dead shard instead.
    """
    infos = _expand(inputs)
    base = root.rstrip("/") if root else _common_parent([info.path for info in infos])
    base = base if storage.is_remote(base) else os.path.abspath(base)
    with ThreadPoolExecutor(threads) as pool:
        read = list(pool.map(lambda info: _read_footer(info, _name(info.path, base)), infos))
    footers = [entry for entry in read if isinstance(entry, Footer)]
    dead = [entry for entry in read if isinstance(entry, DeadShard)]
    unfit = [problem for footer in footers if (problem := _unfit(footer, columns))]
    if footers and len(unfit) == len(footers):
        raise PlanError(f"no shard fits: {unfit[0].name}: {unfit[0].detail}")
    unfit_names = {shard.name for shard in unfit}
    fit = [footer for footer in footers if footer.shard.name not in unfit_names]
    rows = unit_rows or _unit_rows(sum(footer.shard.rows for footer in fit))
    return Plan(dataset or _dataset(base), tuple(make_units(fit, rows)), tuple(dead + unfit))


def make_units(footers: Iterable[Footer], unit_rows: int) -> Iterator[Unit]:
    """Units of about ``unit_rows`` rows: row groups cut or joined, tiny shards packed."""
    pending: list[RowRange] = []
    number = 0
    for piece in (piece for footer in footers for piece in _pieces(footer, unit_rows)):
        pending = _with_piece(pending, piece)
        if sum(row_range.rows for row_range in pending) >= unit_rows:
            yield Unit(f"u{number:07d}", tuple(pending))
            pending, number = [], number + 1
    if pending:
        yield Unit(f"u{number:07d}", tuple(pending))


def _with_piece(pending: list[RowRange], piece: RowRange) -> list[RowRange]:
    if pending and pending[-1].shard is piece.shard and pending[-1].stop == piece.start:
        return [*pending[:-1], RowRange(piece.shard, pending[-1].start, piece.stop)]
    return [*pending, piece]


def _pieces(footer: Footer, unit_rows: int) -> Iterator[RowRange]:
    if footer.shard.rows == 0:
        yield RowRange(footer.shard, 0, 0)
    start = 0
    for rows in footer.row_groups:
        size = max(unit_rows, -(-rows // PIECES_OF_ROW_GROUP))
        for first in range(start, start + rows, size):
            yield RowRange(footer.shard, first, min(first + size, start + rows))
        start += rows


def _unit_rows(rows: int) -> int:
    return max(MIN_UNIT_ROWS, min(MAX_UNIT_ROWS, rows // UNITS_WANTED))


def _expand(inputs: Sequence[str]) -> list[storage.FileInfo]:
    found: dict[str, storage.FileInfo] = {}
    for pattern in inputs:
        matches = _match(pattern)
        if not matches and any(char in pattern for char in "*?["):
            raise PlanError(f"no file matches {pattern!r}")
        if not matches:
            path = pattern if storage.is_remote(pattern) else os.path.abspath(pattern)
            matches = [storage.FileInfo(path, 0, "")]
        found |= {info.path: info for info in matches}
    return [found[path] for path in sorted(found)]


def _match(pattern: str) -> list[storage.FileInfo]:
    try:
        return storage.match(pattern)
    except (OSError, ValueError) as error:  # Beam raises both; a scheme may need an extra of Beam
        raise PlanError(f"cannot look up {pattern!r}: {error}") from None


def _common_parent(paths: list[str]) -> str:
    parents = [posixpath.dirname(path) for path in paths]
    if not any(storage.is_remote(path) for path in paths):
        return os.path.commonpath(parents)
    shared: list[str] = []
    for names in zip(*(parent.split("/") for parent in parents), strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    parent = "/".join(shared)
    if not storage.is_remote(parent):
        raise PlanError("the inputs lie on different file systems or buckets: scan each in a run")
    return parent


def _name(path: str, base: str) -> str:
    prefix = base.rstrip("/") + "/"
    if not path.startswith(prefix):
        raise PlanError(f"{path!r} lies outside the root {base!r}")
    return path.removeprefix(prefix)


def _dataset(base: str) -> str:
    return posixpath.basename(base.rstrip("/")) or "dataset"


def _read_footer(info: storage.FileInfo, name: str) -> Footer | DeadShard:
    if not storage.is_remote(info.path) and os.path.isdir(info.path):
        detail = f"is a directory; to scan what is in it, give {info.path}/*.parquet"
        return DeadShard(info.path, name, DeadReason.UNREADABLE, detail)
    try:
        with storage.open_read(info.path) as file:
            metadata = pq.ParquetFile(file).metadata
            schema = metadata.schema.to_arrow_schema()
            digest = _footer_digest(file)
    except Exception as error:  # whatever a file system or a damaged footer raises
        return DeadShard(info.path, name, DeadReason.UNREADABLE, _reason(error))
    groups = tuple(metadata.row_group(i).num_rows for i in range(metadata.num_row_groups))
    shard = Shard(info.path, name, info.size, info.modified, digest, metadata.num_rows)
    return Footer(shard, groups, schema)


def _footer_digest(file: IO[bytes]) -> str:
    file.seek(-_FOOTER_TAIL, os.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    file.seek(-_FOOTER_TAIL - length, os.SEEK_END)
    return hashlib.sha256(file.read(length)).hexdigest()


def _reason(error: Exception) -> str:
    """A footer's error in one line; footers hold schema and statistics, so no value is given."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return f"is no readable Parquet file ({type(error).__name__})"


def _unfit(footer: Footer, columns: Columns) -> DeadShard | None:
    """The dead shard that a readable shard is when its columns are not as asked, else None."""
    checks: list[tuple[str, str, Fits]] = [(columns.text, "text", is_text)]
    checks += [(columns.id, "id", is_id)] if columns.id else []
    checks += [(columns.language, "language", is_string)] if columns.language else []
    checks += [(column, name, is_plain) for name, column in columns.groups.items()]
    for column, role, fits in checks:
        reason, detail = _problem(footer.schema, column, role, fits)
        if reason is not None:
            return DeadShard(footer.shard.path, footer.shard.name, reason, detail)
    return None


def _problem(
    schema: pa.Schema, column: str, role: str, fits: Fits
) -> tuple[DeadReason | None, str]:
    count = schema.names.count(column)
    if count != 1:
        problem = "has no" if count == 0 else f"has {count} columns named, not one,"
        names = ", ".join(schema.names[:20])
        return DeadReason.MISSING_COLUMN, f"{problem} {role} column {column!r}; columns: {names}"
    kind = schema.field(column).type
    if not fits(kind):
        return DeadReason.WRONG_TYPE, f"{role} column {column!r} has type {kind}"
    return None, ""


def is_string(kind: pa.DataType) -> bool:
    """Whether a type is string-like: string, large_string, string_view, dictionaries of them."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(
        pa.types.is_string(value)
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
    """Whether a type can be shown as one short value: text, number, truth value or time."""
    types = pa.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    plain = types.is_integer(value) or types.is_floating(value) or types.is_boolean(value)
    return is_text(kind) or bool(plain or types.is_temporal(value) or types.is_decimal(value))
