"""Where the rows that are to go are now: by id if there are ids, else by shard and row.

Cost: with an id column and ids to look for, that column of every shard is read once; in memory are
the wanted rows, and the ids of one row group.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.columns import find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import column_of, id_array
from scrubtrace.schemas.plan import Columns, Shard
from scrubtrace.schemas.removal import NOT_REMOVED, WANTED, Problem, problem_of

THREADS = 4
BATCH_ROWS = 1 << 16

_HITS = pa.schema([("id", pa.int64()), ("shard", pa.int32()), ("row_index", pa.int64())])
"""Rows with a wanted id: number of the id, of the shard, and the row."""


@dataclass(frozen=True)
class Located:
    """Wanted rows with their present place, by shard and row; and those that have none."""

    wanted: pa.Table
    not_found: pa.Table


def locate(
    wanted: pa.Table, shards: Sequence[Shard], id_column: str | None, dead: Sequence[str] = ()
) -> Located:
    """Puts the present shard and row into the wanted rows; ``dead`` shards cannot be read.

    A row with an id is the one that has it: of several, the one at the wanted place. A row that is
    named by its id alone is every row that has it. A row that is named by its place gets its id.
    Where a shard cannot be read, an id that was not found may be in it, and is not said to be gone.
    Raises `storage.RemoteError`.
    """
    numbers = {shard.name: number for number, shard in enumerate(shards)}
    by_id = pc.is_valid(wanted.column("row_id")).to_numpy() & (id_column is not None)
    by_place = _by_place(wanted.filter(pa.array(~by_id)), shards, numbers)
    parts = [Located(by_place.wanted, _unreadable(by_place.not_found, dead))]
    if id_column is not None and parts[0].wanted.num_rows:
        own = _with_ids(parts[0].wanted, shards, id_column)
        parts[0] = Located(own, parts[0].not_found)
    if id_column is not None and by_id.any():
        ids = wanted.filter(pa.array(by_id))
        parts.append(_by_id(ids, shards, numbers, id_column, dead))
    found = pa.concat_tables([part.wanted for part in parts])
    order = _order(found, numbers)
    not_found = pa.concat_tables([part.not_found for part in parts]).combine_chunks()
    return Located(found.take(pa.array(order)).combine_chunks(), not_found)


def _unreadable(not_found: pa.Table, dead: Sequence[str]) -> pa.Table:
    """Rows that were not found, those of shards that cannot be read told as such."""
    is_dead = pc.is_in(not_found.column("shard"), pa.array(dead, pa.string()))
    problems = pc.if_else(is_dead, str(Problem.UNREADABLE), not_found.column("problem"))
    place = NOT_REMOVED.get_field_index("problem")
    return not_found.set_column(place, NOT_REMOVED.field("problem"), problems)


def _order(found: pa.Table, numbers: dict[str, int]) -> NDArray[np.int64]:
    """By shard, row, field, turn and reason, so that the same rows give the same bytes."""
    columns = [found.column(name) for name in ("row_index", "field", "turn", "reason", "item_key")]
    shards = pa.array([numbers[name] for name in found.column("shard").to_pylist()], pa.int64())
    names = [str(number) for number in range(len(columns) + 1)]
    table = pa.table([shards, *columns], names=names)
    indices = pc.sort_indices(table, [(name, "ascending") for name in names])
    order: NDArray[np.int64] = indices.to_numpy().astype(np.int64)
    return order


def _by_place(wanted: pa.Table, shards: Sequence[Shard], numbers: dict[str, int]) -> Located:
    at = [numbers.get(name, -1) for name in wanted.column("shard").to_pylist()]
    which = np.array(at, np.int64)
    rows = np.array([*(shard.rows for shard in shards), 0], np.int64)
    index = pc.fill_null(wanted.column("row_index"), -1).to_numpy()
    nameless = (which < 0) | (index < 0)
    gone = ~nameless & (index >= rows[which])
    return Located(
        wanted.filter(pa.array(~nameless & ~gone)),
        pa.concat_tables(
            [
                with_problem(wanted.filter(pa.array(nameless)), Problem.ELSEWHERE),
                with_problem(wanted.filter(pa.array(gone)), Problem.GONE),
            ]
        ),
    )


def _with_ids(wanted: pa.Table, shards: Sequence[Shard], id_column: str) -> pa.Table:
    """The wanted rows with the ids that stand at their places."""
    names, rows = (wanted.column(name).to_pylist() for name in ("shard", "row_index"))
    places: dict[str, set[int]] = {}
    for name, row in zip(names, rows, strict=True):
        places.setdefault(name, set()).add(row)
    found: dict[tuple[str, int], str | None] = {}
    for shard in shards:
        if shard.name not in places:
            continue
        own = np.array(sorted(places[shard.name]), np.int64)
        with suppress(OSError, pa.ArrowException):  # the worker that purges it says what is wrong
            for first, values in _ids(shard, id_column):
                here = own[(own >= first) & (own < first + len(values))]
                at = values.take(pa.array(here - first)).to_pylist()
                keys = ((shard.name, row) for row in here.tolist())
                found |= dict(zip(keys, at, strict=True))
    ids = pa.array([found.get(place) for place in zip(names, rows, strict=True)], pa.string())
    return wanted.set_column(WANTED.get_field_index("row_id"), WANTED.field("row_id"), ids)


def _by_id(
    wanted: pa.Table,
    shards: Sequence[Shard],
    numbers: dict[str, int],
    id_column: str,
    dead: Sequence[str],
) -> Located:
    ids = wanted.column("row_id").unique()
    with ThreadPoolExecutor(THREADS) as pool:
        look = [(number, shard, ids, id_column) for number, shard in enumerate(shards)]
        found = list(pool.map(lambda a: _hits(*a), look))
    all_read = not dead and all(read for _, read in found)
    hits = pa.concat_tables([_HITS.empty_table(), *(own for own, _ in found)])
    hits = hits.take(pc.sort_indices(hits, [(name, "ascending") for name in _HITS.names]))
    number_of = pc.index_in(wanted.column("row_id"), ids).to_numpy()
    starts = np.searchsorted(hits.column("id").to_numpy(), number_of, "left")
    stops = np.searchsorted(hits.column("id").to_numpy(), number_of, "right")
    hit_shards, hit_rows = (hits.column(name).to_numpy() for name in ("shard", "row_index"))
    taken: list[int] = []
    places: list[int] = []
    problems: dict[Problem, list[int]] = {}
    shard_names, indices = (wanted.column(n).to_pylist() for n in ("shard", "row_index"))
    for row, (start, stop) in enumerate(zip(starts.tolist(), stops.tolist(), strict=True)):
        its = list(range(start, stop))
        if shard_names[row] is not None and stop - start > 1:
            number = numbers.get(shard_names[row], -1)
            its = [h for h in its if (hit_shards[h], hit_rows[h]) == (number, indices[row])]
            problem = Problem.AMBIGUOUS
        else:
            is_here = shard_names[row] is None or shard_names[row] in numbers
            problem = Problem.GONE if is_here else Problem.ELSEWHERE
            problem = problem if all_read else Problem.UNREADABLE
        if not its:
            problems.setdefault(problem, []).append(row)
        taken += [row] * len(its)
        places += its
    found = wanted.take(pa.array(taken, pa.int64()))
    names = pa.array([shards[hit_shards[hit]].name for hit in places], pa.string())
    rows = pa.array(hit_rows[np.array(places, np.int64)], pa.int64())
    found = found.set_column(0, WANTED.field("shard"), names)
    found = found.set_column(1, WANTED.field("row_index"), rows)
    missing = [with_problem(wanted.take(pa.array(r)), p) for p, r in sorted(problems.items())]
    return Located(found, pa.concat_tables([NOT_REMOVED.empty_table(), *missing]))


def _hits(number: int, shard: Shard, ids: pa.Array, id_column: str) -> tuple[pa.Table, bool]:
    """Rows of one shard that have one of the ids, and whether all of it could be read."""
    found = [_HITS.empty_table()]
    try:
        for first, values in _ids(shard, id_column):
            places = pc.index_in(values, ids)
            rows = np.flatnonzero(pc.is_valid(places).to_numpy(zero_copy_only=False))
            own = places.take(pa.array(rows)).cast(pa.int64())
            shards = pa.array(np.full(len(rows), number), pa.int32())
            found.append(pa.table([own, shards, pa.array(rows + first)], schema=_HITS))
    except (OSError, pa.ArrowException):  # the worker that purges the shard says what is wrong
        return pa.concat_tables(found), False
    return pa.concat_tables(found), True


def _ids(shard: Shard, id_column: str) -> Iterator[tuple[int, pa.Array]]:
    """The ids of a shard as text, in order, each batch with its first row.

    Raises OSError and `pyarrow.ArrowException` where the shard cannot be read.
    """
    with storage.open_read(shard.path) as opened:
        file = pq.ParquetFile(opened, pre_buffer=False)
        column = find_columns(file.schema_arrow, Columns((), id_column)).id
        assert column is not None
        leaves = leaf_paths(file, [column.steps])
        first = 0
        for batch in file.iter_batches(BATCH_ROWS, columns=leaves, use_threads=False):
            values = id_array(column_of(batch, column))
            yield first, values
            first += len(values)


def with_problem(wanted: pa.Table, problem: Problem) -> pa.Table:
    """The rows as `NOT_REMOVED`."""
    found = [problem_of({"unseen": own}, problem) for own in wanted.column("unseen").to_pylist()]
    names = pa.array(found, pa.string())
    return wanted.append_column(NOT_REMOVED.field("problem"), names)
