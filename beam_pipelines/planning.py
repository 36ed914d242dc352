"""Planning a run on the launcher: inputs to shards, footers to a schema check, rows to units."""

import hashlib
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.columns import ColumnError, find_columns
from scrubtrace.schemas.plan import Columns, DeadShard, RowRange, Shard, Unit
from scrubtrace.schemas.vocabulary import DeadReason

MIN_UNIT_ROWS = 1 << 13
MAX_UNIT_ROWS = 1 << 17
UNITS_WANTED = 64
PIECES_OF_ROW_GROUP = 8
"""A row group is cut into at most this many pieces: each piece decodes all rows before it."""

_FOOTER_TAIL = 8

Shapes = dict[str, Counter[str]]
"""For each text column, how many shards have it in which shape."""


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
    """Units of work, dead shards, the data set's name, and what shapes the texts have."""

    dataset: str
    units: tuple[Unit, ...]
    dead: tuple[DeadShard, ...]
    shapes: Shapes = field(default_factory=dict)

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
    fit, unfit, shapes = _checked(footers, columns)
    if footers and not fit:
        raise PlanError(f"no shard fits: {unfit[0].name}: {unfit[0].detail}")
    rows = unit_rows or _unit_rows(sum(footer.shard.rows for footer in fit))
    units = tuple(make_units(fit, rows))
    return Plan(dataset or _dataset(base), units, tuple(dead + unfit), shapes)


def _checked(
    footers: list[Footer], columns: Columns
) -> tuple[list[Footer], list[DeadShard], Shapes]:
    """The shards that have the columns, those that do not, and the shapes of the texts."""
    fit: list[Footer] = []
    unfit: list[DeadShard] = []
    shapes: Shapes = {path: Counter() for path in columns.texts}
    for footer in footers:
        try:
            found = find_columns(footer.schema, columns)
        except ColumnError as error:
            shard = footer.shard
            unfit.append(DeadShard(shard.path, shard.name, error.reason, error.detail))
            continue
        fit.append(footer)
        for text in found.texts:
            shapes[text.column.path][text.shape] += 1
    return fit, unfit, shapes


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
