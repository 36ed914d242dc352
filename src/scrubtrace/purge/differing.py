"""What is different in a shard, row by row, from the digests of its rows when it was written."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.purging.digests import RowDigester
from scrubtrace.beam_pipelines.purging.rows import Group, UnreadableError, groups_of, open_shard
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.removal import BLOCK_ROWS

BATCH_BYTES = 8 << 20
SHOWN = 20
"""Rows of a shard that are named of each sort."""

_UNKNOWN = "edited, in which columns cannot be told"

Digests = NDArray[np.uint64]


@dataclass(frozen=True)
class Written:
    """Digests of a shard as it was written: shape (rows,) and (blocks, columns)."""

    names: list[str]
    rows: Digests
    columns: Digests

    @classmethod
    def read(cls, path: str) -> "Written":
        """From the file beside the record."""
        with storage.open_read(path) as opened:
            table = pq.ParquetFile(opened, pre_buffer=False).read(use_threads=False)
        names = json.loads(table.schema.metadata[b"columns"])
        rows = _numbers(b"".join(table.column("rows").to_pylist()))
        columns = _numbers(b"".join(table.column("columns").to_pylist()))
        return cls(names, rows, columns.reshape(-1, max(1, len(names))))


@dataclass
class Rows:
    """Rows of a shard by what is different: numbers are those of rows in the file, from 0."""

    edited: list[tuple[int, int]] = field(default_factory=list)
    """Row now, and as it was written."""
    added: list[int] = field(default_factory=list)
    missing: list[int] = field(default_factory=list)
    moved: int | None = None
    """The first row from which on the same rows stand in another order."""


def differences(
    shard: str, path: str, written: Written, key: DigestKey, removed: Mapping[int, str]
) -> Iterator[str]:
    """What is different, in words; nothing if no value is.

    ``removed`` tells of each removed row, by digest, which row it was.
    """
    try:
        with storage.open_read(path) as opened:
            file = open_shard(opened)
            yield from _schema(file, written, shard)
            try:
                now = _digests_now(file, key)
            except UnreadableError:
                yield from _damaged(file, shard)
                return
            found = compare(written.rows, now, removed)
            yield from _edited(shard, file, found, written, key)
            yield from _added(shard, found, now, removed)
            yield from _missing(shard, found)
            if found.moved is not None:
                yield f"{shard}: the rows stand in another order, from row {found.moved} on"
    except UnreadableError as error:
        yield f"{shard}: cannot be read: {error}"


def compare(before: Digests, now: Digests, removed: Mapping[int, str]) -> Rows:
    """Which rows were edited, added and are missing, from the digests then and now.

    What was neither is in the same order, or ``moved`` says where it is not. A row that was edited
    stands where the row it was would stand; one that was removed before is added, never edited.
    """
    first, end = _same_ends(before, now)
    then = before[first : len(before) - end].tolist()
    left = now[first : len(now) - end].tolist()
    surplus = Counter(left)
    surplus.subtract(Counter(then))
    found = Rows()
    lacking = Counter({digest: -count for digest, count in surplus.items() if count < 0})
    extra = Counter({digest: count for digest, count in surplus.items() if count > 0})
    old = new = 0
    while old < len(then) or new < len(left):
        is_extra = new < len(left) and extra[left[new]] > 0
        is_lacking = old < len(then) and lacking[then[old]] > 0
        if is_extra and (left[new] in removed or not is_lacking):
            extra[left[new]] -= 1
            found.added.append(first + new)
            new += 1
        elif is_extra:
            extra[left[new]] -= 1
            lacking[then[old]] -= 1
            found.edited.append((first + new, first + old))
            old, new = old + 1, new + 1
        elif is_lacking:
            lacking[then[old]] -= 1
            found.missing.append(first + old)
            old += 1
        elif old < len(then) and new < len(left) and then[old] == left[new]:
            old, new = old + 1, new + 1
        else:
            found.moved = first + new
            break
    return found


def _same_ends(before: Digests, now: Digests) -> tuple[int, int]:
    """How many rows at the start and, of the others, at the end are equal."""
    least = min(len(before), len(now))
    other = np.flatnonzero(before[:least] != now[:least])
    first = int(other[0]) if len(other) else least
    rest = least - first
    if not rest:
        return first, 0
    other = np.flatnonzero(before[::-1][:rest] != now[::-1][:rest])
    return first, int(other[0]) if len(other) else rest


def _numbers(content: bytes) -> Digests:
    return np.frombuffer(content, "<u8")


def _schema(file: pq.ParquetFile, written: Written, shard: str) -> Iterator[str]:
    names = file.schema_arrow.names
    if names != written.names:
        gone = sorted(set(written.names) - set(names))
        new = sorted(set(names) - set(written.names))
        yield (
            f"{shard}: other columns: missing {gone}, new {new}"
            if gone or new
            else (f"{shard}: columns in another order")
        )


def _damaged(file: pq.ParquetFile, shard: str) -> Iterator[str]:
    """Row groups that cannot be read, by the first column that cannot."""
    for group in groups_of(file):
        if not _is_readable(group):
            bad = [
                name
                for name in file.schema_arrow.names
                if not _is_readable(Group(file, group.number, [name], group.start))
            ]
            columns = ", ".join(map(repr, bad)) or "of several columns"
            rows = f"rows {group.start} to {group.start + group.rows - 1}"
            yield f"{shard}: column {columns} of row group {group.number} ({rows}) is damaged"


def _is_readable(group: Group) -> bool:
    try:
        for _ in group.read(BATCH_BYTES):
            pass
    except UnreadableError:
        return False
    return True


def _digests_now(file: pq.ParquetFile, key: DigestKey) -> Digests:
    digester = RowDigester(key)
    found = [
        _numbers(b"".join(digester.digests(batch)))
        for group in groups_of(file)
        for _, batch in group.read(BATCH_BYTES)
    ]
    return np.concatenate([np.empty(0, np.uint64), *found])


def _edited(
    shard: str, file: pq.ParquetFile, found: Rows, written: Written, key: DigestKey
) -> Iterator[str]:
    """Edited rows with the columns in which their block is another one.

    The digests of columns are those of whole blocks, so without a row of the block they tell
    nothing: what that row had is not known.
    """
    missing = {row // BLOCK_ROWS for row in found.missing}
    by_block: dict[int, list[tuple[int, int]]] = {}
    for pair in found.edited:
        by_block.setdefault(pair[1] // BLOCK_ROWS, []).append(pair)
    told = 0
    for block, pairs in sorted(by_block.items()):
        if told >= SHOWN:
            break
        where = _UNKNOWN
        if block in missing:
            start = block * BLOCK_ROWS
            stop = min(start + BLOCK_ROWS, len(written.rows)) - 1
            where += f": of what were rows {start} to {stop} one is missing"
        elif file.schema_arrow.names != written.names:
            where += ": the file has other columns"
        elif columns := _columns(file, block, found, written, key):
            where = f"{_named(columns)} edited"
        for now, then in pairs[: SHOWN - told]:
            was = "" if now == then else f" (was row {then})"
            yield f"{shard}: row {now}{was}: {where}"
            told += 1
    if len(found.edited) > told:
        yield f"{shard}: {len(found.edited) - told:,} more rows edited"


def _named(columns: Sequence[str]) -> str:
    names = ", ".join(map(repr, columns))
    return f"column {names}" if len(columns) == 1 else f"columns {names}"


def _columns(
    file: pq.ParquetFile, block: int, found: Rows, written: Written, key: DigestKey
) -> list[str]:
    """Columns of a block that are different, with the rows that were added left out."""
    start = block * BLOCK_ROWS
    stop = min(start + BLOCK_ROWS, len(written.rows))
    wanted = _now_of(range(start, stop), found)
    digester = RowDigester(key)
    for group in groups_of(file):
        own = [row for row in wanted if group.start <= row < group.start + group.rows]
        if not own:
            continue
        for first, batch in group.read(BATCH_BYTES):
            here = [row - first for row in own if first <= row < first + batch.num_rows]
            for row in here:
                digester.add(batch.slice(row, 1))
    digester.finish()
    (_, _, columns), *_ = digester.blocks
    other = _numbers(columns) != written.columns[block]
    return [name for name, differs in zip(written.names, other.tolist(), strict=True) if differs]


def _now_of(rows: range, found: Rows) -> list[int]:
    """Where rows as written stand now, given what was added and is missing before them."""
    added, missing = np.array(found.added, np.int64), np.array(found.missing, np.int64)
    places = np.array(rows, np.int64) - np.searchsorted(missing, np.array(rows))
    for row in added.tolist():
        places[places >= row] += 1
    return [int(place) for place in places]


def _added(shard: str, found: Rows, now: Digests, removed: Mapping[int, str]) -> Iterator[str]:
    for row in found.added[:SHOWN]:
        known = removed.get(int(now[row]))
        yield f"{shard}: row {row} was added: " + (f"it is {known}" if known else "not a known row")
    if len(found.added) > SHOWN:
        yield f"{shard}: {len(found.added) - SHOWN:,} more rows added"


def _missing(shard: str, found: Rows) -> Iterator[str]:
    for row in found.missing[:SHOWN]:
        yield f"{shard}: the row that was row {row} is missing"
    if len(found.missing) > SHOWN:
        yield f"{shard}: {len(found.missing) - SHOWN:,} more rows missing"


def removed_rows(table: pa.Table, own: str) -> dict[int, str]:
    """Which row each digest of a removed row is, in words; of equal rows one of the shard ``own``.

    ``table`` has the columns of `REMOVED`.
    """
    is_own = pc.equal(table.column("shard"), own)
    table = pa.concat_tables([table.filter(pc.invert(is_own)), table.filter(is_own)])
    rows = zip(
        table.column("digest").to_pylist(), table.column("shard").to_pylist(),
        table.column("row_index").to_pylist(), table.column("row_id").to_pylist(),
        table.column("reasons").to_pylist(), strict=True,
    )  # fmt: skip
    return {
        int.from_bytes(digest, "little"): (
            f"row {index} of the input shard {shard}"
            + (f" (id {row_id})" if row_id is not None else "")
            + f", removed as {', '.join(reasons)}"
        )
        for digest, shard, index, row_id, reasons in rows
    }
