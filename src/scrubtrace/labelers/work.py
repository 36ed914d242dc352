"""How long tasks took, and how often was pasted or edited: shown beside a referral, never counted.

These numbers decide nothing. People with slow lines, screen readers, keyboards for other scripts or
a habit of drafting elsewhere paste much and type little, and what a tool records differs from tool
to tool. No null says what is usual among people who work honestly.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.columns import ColumnError, ShardColumns, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import column_of, decode_text, shown_group
from scrubtrace.cells import LABELER
from scrubtrace.detectors.language import normalise_code
from scrubtrace.exits import UsageStop
from scrubtrace.labelers.cells import Cells
from scrubtrace.labelers.model import LabelerScreening
from scrubtrace.labelers.periods import Settings, TaskType
from scrubtrace.schemas.counts import month_of
from scrubtrace.schemas.plan import Columns, Shard

MEASURES = ("seconds", "pastes", "edits")
"""Names of the columns of work."""

BATCH_ROWS = 65_536
DIGITS = 3
"""Significant digits that values are rounded to, so that their number does not grow."""

LEAST_VALUES = 20
"""A median of fewer values is not shown."""

_PREFIX = "work "

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Medians:
    """Median of one measure over a labeler's rows, and over all rows of the same task type.

    None if there are fewer than `LEAST_VALUES` values.
    """

    measure: str
    labeler: float | None
    task: float | None


@dataclass
class Work:
    """Medians by labeler and task type, and shards that could not be read any more."""

    medians: dict[tuple[str, TaskType], tuple[Medians, ...]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)


def read_work(cells: Cells, screening: LabelerScreening, columns: Mapping[str, str]) -> Work:
    """Medians for the referrals of a screening, from the shards that it is about.

    ``columns`` names columns by `MEASURES`. Where the data have no column of languages, a task
    type is compared over all languages. Raises `UsageStop` for a column that is not there or has no
    numbers. Memory: the different values of each measure and task type, in three digits.
    """
    wanted = {(r.labeler, task) for r in screening.referrals for task in r.tasks}
    reader = _Reader(cells, screening.settings, columns, {task for _, task in wanted})
    own: defaultdict[tuple[str, TaskType, str], Counter[float]] = defaultdict(Counter)
    all_: defaultdict[tuple[TaskType, str], Counter[float]] = defaultdict(Counter)
    work = Work()
    labelers = {labeler for labeler, _ in wanted}
    for shard in cells.results.shards.values() if wanted else ():
        if shard.name in cells.results.left_out:
            continue
        try:
            for labeler, task, measure, value, count in reader.values(shard, labelers):
                all_[task, measure][value] += count
                if labeler is not None:
                    own[labeler, task, measure][value] += count
        except (OSError, storage.RemoteError, pa.ArrowException, ShardChanged):
            work.unread.append(shard.name)
    for labeler, task in sorted(wanted, key=str):
        known = reader.key(task)
        work.medians[labeler, task] = tuple(
            Medians(name, _median(own[labeler, known, name]), _median(all_[known, name]))
            for name in MEASURES
            if name in columns
        )
    return work


class _Reader:
    """Values of the shards' columns of work, by labeler (None: not asked for) and task type."""

    def __init__(
        self,
        cells: Cells,
        settings: Settings,
        columns: Mapping[str, str],
        tasks: Collection[TaskType],
    ) -> None:
        spec = cells.results.spec.columns
        names = {LABELER, "created_at", "source", *settings.task_by} & spec.groups.keys()
        groups = {name: spec.groups[name] for name in sorted(names)}
        work = {_PREFIX + name: column for name, column in columns.items()}
        self._columns = Columns((), language=spec.language, groups=groups | work)
        self._measures = tuple(columns)
        self._settings = settings
        self._pseudonyms = cells.pseudonyms
        self._tasks = {self.key(task) for task in tasks}

    def key(self, task: TaskType) -> TaskType:
        """The task type as far as rows tell it without being read."""
        return task if self._columns.language else task[1:]

    def values(
        self, shard: Shard, labelers: Collection[str]
    ) -> Iterator[tuple[str | None, TaskType, str, float, int]]:
        """Labeler, task type, measure, value, and how often; of the screened rows."""
        with storage.open_read(shard.path) as opened:
            check_unchanged(opened, shard)
            file = pq.ParquetFile(opened, pre_buffer=False)
            found = self._found(file, shard)
            leaves = leaf_paths(file, list(found.wanted()))
            for batch in file.iter_batches(BATCH_ROWS, columns=leaves, use_threads=False):
                yield from self._of_batch(batch, found, labelers)

    def _found(self, file: pq.ParquetFile, shard: Shard) -> ShardColumns:
        try:
            found = find_columns(file.schema_arrow, self._columns, shard.path)
        except ColumnError as error:
            raise UsageStop(f"--work-columns: {shard.name} {error.detail}") from None
        for name in self._measures:
            kind = found.groups[_PREFIX + name].type
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
                path = self._columns.groups[_PREFIX + name]
                raise UsageStop(f"--work-columns: {shard.name}: {path!r} has no numbers: {kind}")
        return found

    def _of_batch(
        self, batch: pa.RecordBatch, found: ShardColumns, labelers: Collection[str]
    ) -> Iterator[tuple[str | None, TaskType, str, float, int]]:
        keys = self._keys(batch, found, labelers)
        for measure in self._measures:
            column = column_of(batch, found.groups[_PREFIX + measure]).cast(pa.float64())
            values = _rounded(column.to_numpy(zero_copy_only=False))
            counted = Counter(
                (key, value)
                for key, value in zip(keys, values.tolist(), strict=True)
                if key is not None and np.isfinite(value)
            )
            for ((labeler, task), value), count in counted.items():
                yield labeler, task, measure, value, count

    def _keys(
        self, batch: pa.RecordBatch, found: ShardColumns, labelers: Collection[str]
    ) -> list[tuple[str | None, TaskType] | None]:
        """Labeler and task type of each row; None for a row that is not asked for."""
        groups = {
            name: shown_column(column_of(batch, column))
            for name, column in found.groups.items()
            if not name.startswith(_PREFIX)
        }
        if found.language is not None:
            codes = decode_text(column_of(batch, found.language))[0]
            groups["language"] = [normalise_code(code) if code else None for code in codes]
        combined = zip(*groups.values(), strict=True)
        known: dict[tuple[str | None, ...], tuple[str | None, TaskType] | None] = {}
        keys = []
        for values in combined:
            if values not in known:
                known[values] = self._key(dict(zip(groups, values, strict=True)), labelers)
            keys.append(known[values])
        return keys

    def _key(
        self, row: dict[str, str | None], labelers: Collection[str]
    ) -> tuple[str | None, TaskType] | None:
        row = self._pseudonyms.of(row)
        if not self._settings.is_screened(row.get("source"), month_of(row.get("created_at"))):
            return None
        names = ("language",) * (self._columns.language is not None) + self._settings.task_by
        task = tuple((name, row.get(name)) for name in names)
        labeler = row[LABELER]
        if task not in self._tasks or labeler is None:
            return None
        return (labeler if labeler in labelers else None), task


def shown_column(column: pa.Array) -> list[str | None]:
    """Values of a group column as text; an empty one is null."""
    coded = pc.dictionary_encode(column)
    names = [shown_group(coded.dictionary, at) for at in range(len(coded.dictionary))]
    return [None if at is None else names[at] for at in coded.indices.to_pylist()]


def _rounded(values: Floats) -> Floats:
    """Values in `DIGITS` significant digits; NaN where there are none."""
    size = np.abs(np.where(np.isfinite(values) & (values != 0), values, 1.0))
    scale = 10.0 ** (DIGITS - 1 - np.floor(np.log10(size)))
    return np.asarray(np.round(values * scale) / scale)


def _median(values: Counter[float]) -> float | None:
    if values.total() < LEAST_VALUES:
        return None
    middle, seen = (values.total() + 1) // 2, 0
    for value in sorted(values):
        seen += values[value]
        if seen >= middle:
            return value
    return None
