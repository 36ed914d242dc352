"""Cutting shards into units of work: row groups cut or joined, tiny shards packed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from scrubtrace.schemas.plan import RowRange, Shard, Unit

MIN_UNIT_ROWS = 1 << 13
MAX_UNIT_ROWS = 1 << 17
UNITS_WANTED = 64
MAX_UNIT_RANGES = 1_000
"""At most so many tiny or empty shards are packed into one unit: each has to be opened."""

PIECES_OF_ROW_GROUP = 8
"""A row group is cut into at most this many pieces: each piece decodes all rows before it."""


@dataclass(frozen=True)
class Footer:
    """What the plan needs of one readable shard."""

    shard: Shard
    row_groups: tuple[int, ...]
    schema: pa.Schema


def make_units(
    footers: Sequence[Footer], stale: Mapping[str, tuple[str, ...]], unit_rows: int | None = None
) -> Iterator[Unit]:
    """Units of about ``unit_rows`` rows for the detectors that are ``stale``, by shard name.

    Shards of one unit have the same stale detectors. Without ``unit_rows`` it is a 64th of all
    rows to scan, within `MIN_UNIT_ROWS` and `MAX_UNIT_ROWS`: it depends on the data only, so that
    any number of workers gives the same units.
    """
    groups: dict[tuple[str, ...], list[Footer]] = {}
    for footer in footers:
        if names := stale[footer.shard.name]:
            groups.setdefault(names, []).append(footer)
    rows = sum(footer.shard.rows for group in groups.values() for footer in group)
    size = unit_rows or max(MIN_UNIT_ROWS, min(MAX_UNIT_ROWS, rows // UNITS_WANTED))
    number = 0
    for names, group in sorted(groups.items()):
        for ranges in _packed(group, size):
            yield Unit(f"u{number:07d}", tuple(ranges), names)
            number += 1


def _packed(footers: Iterable[Footer], unit_rows: int) -> Iterator[list[RowRange]]:
    """Neighbouring pieces until they have ``unit_rows`` rows; those of one shard are joined."""
    pending: list[RowRange] = []
    rows = 0
    for piece in (piece for footer in footers for piece in _pieces(footer, unit_rows)):
        rows += piece.rows
        if pending and pending[-1].shard is piece.shard:
            pending[-1] = RowRange(piece.shard, pending[-1].start, piece.stop)
        else:
            pending.append(piece)
        if rows >= unit_rows or len(pending) == MAX_UNIT_RANGES:
            yield pending
            pending, rows = [], 0
    if pending:
        yield pending


def _pieces(footer: Footer, unit_rows: int) -> Iterator[RowRange]:
    if footer.shard.rows == 0:
        yield RowRange(footer.shard, 0, 0)
    start = 0
    for rows in footer.row_groups:
        size = max(unit_rows, -(-rows // PIECES_OF_ROW_GROUP))
        for first in range(start, start + rows, size):
            yield RowRange(footer.shard, first, min(first + size, start + rows))
        start += rows
