"""Drawing from one range of a shard: only the columns that decide are read.

Where the receipts of the scan say that no text of a range was null or empty and no row dead, a
plain text column holds one text a row, and is not read at all. Elsewhere texts are read as the scan
reads them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.columns import ColumnError, ShardColumns, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import Place, Rows, decode
from scrubtrace.beam_pipelines.drawing.labels import (
    LANGUAGE,
    Codes,
    Labels,
    columns_for,
    row_labels,
)
from scrubtrace.beam_pipelines.drawing.partial import (
    CANDIDATE,
    Keep,
    Outside,
    Partial,
    Problem,
    Values,
)
from scrubtrace.beam_pipelines.drawing.ranking import Ranker, text_keys
from scrubtrace.beam_pipelines.reading import READ_BUFFER, read_range
from scrubtrace.detectors.language import identify
from scrubtrace.schemas.plan import Columns, RowRange, RunSpec, Shard

ONE_TEXT = -1
"""The turn of a text that is the only one of its column in a row."""

BATCH_ROWS = 1 << 15
"""Rows without their texts that are looked at together."""


@dataclass(frozen=True)
class DrawSpec:
    """What workers have to know besides the seed: the run, the strata, how many texts to keep.

    With ``identify`` the language of a text without one in the data is identified by reading it.
    """

    run: RunSpec
    by: tuple[str, ...]
    keep: Keep
    identify: bool = False

    def to_json(self) -> str:
        """The specification as JSON."""
        about = {"by": self.by, "keep": vars(self.keep), "identify": self.identify}
        return json.dumps(about | {"run": json.loads(self.run.to_json())})

    @classmethod
    def from_json(cls, text: str) -> "DrawSpec":
        """The specification read back."""
        data = json.loads(text)
        run = RunSpec.from_json(json.dumps(data["run"]))
        return cls(run, tuple(data["by"]), Keep(**data["keep"]), data["identify"])


@dataclass(frozen=True)
class Task:
    """A range to draw from; ``number`` is its shard's. ``is_whole``: every row has its texts."""

    number: int
    rows: RowRange
    is_whole: bool

    def to_dict(self) -> dict[str, Any]:
        """The task for JSON."""
        about = {"number": self.number, "is_whole": self.is_whole, "shard": vars(self.rows.shard)}
        return about | {"start": self.rows.start, "stop": self.rows.stop}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Task":
        """The task read back."""
        rows = RowRange(Shard(**data["shard"]), data["start"], data["stop"])
        return cls(data["number"], rows, data["is_whole"])


@dataclass(frozen=True)
class Known:
    """What is known of the rows of a shard beforehand.

    ``flagged`` has the keys of flagged texts, ``occurrences`` the rows whose id earlier rows have,
    and how many.
    """

    flagged: AbstractSet[str] = frozenset()
    occurrences: Mapping[int, int] = field(default_factory=dict)


def draw_range(task: Task, spec: DrawSpec, ranker: Ranker, known: Known) -> Partial:
    """The strata of a range; a shard that changed or cannot be read is a problem of the result."""
    drawing = _Drawing(task, spec, ranker, known, Partial(spec.keep))
    problems = drawing.partial.problems
    try:
        for rows in _pieces(task, spec):
            drawing.add(rows)
    except ShardChanged as error:
        problems.add((Problem.CHANGED, str(error)))
    except MemoryError:
        raise
    except (OSError, pa.ArrowException, ColumnError):
        problems.add((Problem.UNREADABLE, task.rows.shard.name))
    return drawing.partial


@dataclass(frozen=True)
class _Drawing:
    """Adds the rows of one task to its partial result."""

    task: Task
    spec: DrawSpec
    ranker: Ranker
    known: Known
    partial: Partial

    def add(self, rows: Rows) -> None:
        """Adds neighbouring rows: those without a text as outside, the others by their texts."""
        self.partial.rows += len(rows)
        if not rows.groups and columns_for(self.spec.run.columns, self.spec.by).groups:
            self.partial.unread += len(rows)
            return
        labels = row_labels(rows, self.spec.by)
        self.partial.undated += labels.undated
        of_rows = np.asarray(rows.text_rows, np.int64)
        self._leave_out(labels, list(rows.dead), Outside.DEAD_ROW)
        alone = np.ones(len(rows), np.bool_)
        alone[of_rows] = False
        alone[list(rows.dead)] = False
        self._leave_out(labels, np.flatnonzero(alone), Outside.NO_TURN)
        texts = Labels(labels.values, labels.codes[of_rows])
        if self.spec.identify:
            texts = _with_languages(texts, rows, self.spec.by)
        numbers = np.arange(len(of_rows))
        if rows.texts:
            empty = np.array([text == "" for text in rows.texts], np.bool_)
            null = np.array([text is None for text in rows.texts], np.bool_)
            self._leave_out(texts, np.flatnonzero(empty), Outside.EMPTY_TEXT)
            self._leave_out(texts, np.flatnonzero(null), Outside.NULL_TEXT)
            numbers = np.flatnonzero(~(empty | null))
        self._add_texts(rows, numbers, texts)

    def _leave_out(self, labels: Labels, numbers: Sequence[int] | Codes, why: Outside) -> None:
        counts = np.bincount(labels.codes[numbers], minlength=len(labels.values))
        for code in np.flatnonzero(counts).tolist():
            stratum = self.partial.stratum(labels.values[code])
            stratum.outside[why] += int(counts[code])

    def _add_texts(self, rows: Rows, numbers: Codes, labels: Labels) -> None:
        """Adds texts by their numbers within the rows."""
        shard, run = self.task.rows.shard.name, self.spec.run
        of_rows = [rows.text_rows[number] for number in numbers.tolist()]
        places = [rows.places[number] for number in numbers.tolist()]
        keys = text_keys(run.dataset, shard, rows, of_rows, places, self.known.occurrences)
        fields = {path: number for number, path in enumerate(run.columns.texts)}
        found = np.empty(len(keys), CANDIDATE)
        found["rank"] = self.ranker.ranks(keys)
        found["shard"] = self.task.number
        found["row"] = np.asarray(of_rows, np.int64) + rows.start
        found["field"] = [fields[place.field] for place in places]
        found["turn"] = [ONE_TEXT if place.turn is None else place.turn for place in places]
        flags = np.zeros(len(keys), np.bool_)
        if self.known.flagged:
            flags[:] = [key in self.known.flagged for key in keys]
        cells = labels.codes[numbers] * 2 + flags
        order = np.argsort(cells, kind="stable")
        starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
        for members in np.split(order, starts[1:]) if len(order) else []:
            code, flagged = divmod(int(cells[members[0]]), 2)
            stratum = self.partial.stratum(labels.values[code])
            stratum.add(bool(flagged), len(members), found[members], self.partial.keep)


def _with_languages(labels: Labels, rows: Rows, by: Sequence[str]) -> Labels:
    """The strata of texts with the language of each as the scan determines it."""
    if LANGUAGE not in by:
        return labels
    at = by.index(LANGUAGE)
    numbers: dict[Values, int] = {}
    codes = []
    for code, text in zip(labels.codes.tolist(), rows.texts, strict=True):
        values = labels.values[code]
        if values[at] is None:
            values = (*values[:at], identify(text or ""), *values[at + 1 :])
        codes.append(numbers.setdefault(values, len(numbers)))
    return Labels(list(numbers), np.array(codes, np.int64))


def _pieces(task: Task, spec: DrawSpec) -> Iterator[Rows]:
    """The rows of a range, with their texts or, if they need not be read, only with places."""
    run = spec.run
    columns = columns_for(run.columns, spec.by)
    if task.is_whole and not spec.identify and (places := _plain_places(task, columns)):
        for rows in _without_texts(task.rows, columns):
            count = len(rows)
            of_rows = np.repeat(np.arange(count), len(places)).tolist()
            yield replace(rows, texts=[], text_rows=of_rows, places=places * count)
        return
    yield from read_range(task.rows, columns, run.batch_rows, run.batch_bytes)


def _plain_places(task: Task, columns: Columns) -> list[Place]:
    """The places of the texts of every row of a shard; none if some are in lists."""
    with storage.open_read(task.rows.shard.path) as opened:
        check_unchanged(opened, task.rows.shard)
        found = find_columns(pq.read_schema(opened), columns)
    if any(text.is_list for text in found.texts):
        return []
    return [Place(text.column.path, None) for text in found.texts]


def _without_texts(row_range: RowRange, columns: Columns) -> Iterator[Rows]:
    """The rows of a range with ids, language and groups only."""
    with ExitStack() as stack:
        opened = stack.enter_context(storage.open_read(row_range.shard.path))
        check_unchanged(opened, row_range.shard)
        file = pq.ParquetFile(
            opened, buffer_size=READ_BUFFER, pre_buffer=False, page_checksum_verification=True
        )
        found = replace(find_columns(file.schema_arrow, columns), texts=())
        if not list(found.wanted()):
            yield from _numbers_only(row_range)
            return
        yield from _read_groups(file, row_range, found)
        check_unchanged(opened, row_range.shard)


def _numbers_only(row_range: RowRange) -> Iterator[Rows]:
    for first in range(row_range.start, row_range.stop, BATCH_ROWS):
        yield Rows(first, min(BATCH_ROWS, row_range.stop - first), [], [], [])


def _read_groups(
    file: pq.ParquetFile, row_range: RowRange, columns: ShardColumns
) -> Iterator[Rows]:
    leaves = leaf_paths(file, list(columns.wanted()))
    first = 0
    for number in range(file.metadata.num_row_groups):
        rows = file.metadata.row_group(number).num_rows
        if first < row_range.stop and first + rows > row_range.start:
            done = first
            batches = file.iter_batches(BATCH_ROWS, [number], columns=leaves, use_threads=False)
            for batch in batches:
                begin, end = max(done, row_range.start), min(done + len(batch), row_range.stop)
                if begin < end:
                    yield decode(batch.slice(begin - done, end - begin), begin, columns)
                done += len(batch)
                if done >= row_range.stop:
                    break
        first += rows
