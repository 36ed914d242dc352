"""Drawing from one range of a shard: each text to its stratum, the smallest ranks kept."""

import json
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.columns import ColumnError
from scrubtrace.beam_pipelines.decoding import Rows
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
from scrubtrace.beam_pipelines.drawing.projecting import Held, rows_of
from scrubtrace.beam_pipelines.drawing.ranking import Ranker, text_keys
from scrubtrace.detectors.language import identify
from scrubtrace.schemas.plan import RowRange, RunSpec, Shard

ONE_TEXT = -1
"""The turn of a text that is the only one of its column in a row."""


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
    """A range to draw from; ``number`` is its shard's, ``held`` what the scan found in it."""

    number: int
    rows: RowRange
    held: Held

    def to_dict(self) -> dict[str, Any]:
        """The task for JSON."""
        about = {"number": self.number, "held": self.held, "shard": vars(self.rows.shard)}
        return about | {"start": self.rows.start, "stop": self.rows.stop}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Task":
        """The task read back."""
        rows = RowRange(Shard(**data["shard"]), data["start"], data["stop"])
        return cls(data["number"], rows, Held(data["held"]))


@dataclass(frozen=True)
class Known:
    """What is known of the rows of a shard beforehand.

    ``flagged`` has the keys of flagged texts, ``occurrences`` the rows whose id earlier rows have,
    and how many.
    """

    flagged: AbstractSet[str] = frozenset()
    occurrences: Mapping[int, int] = field(default_factory=dict)


def draw_range(task: Task, spec: DrawSpec, ranker: Ranker, known: Known) -> Partial:
    """The strata of a range; a shard that changed or cannot be read is a problem of the result.

    Raises `storage.RemoteError`.
    """
    drawing = _Drawing(task, spec, ranker, known, Partial(spec.keep))
    problems = drawing.partial.problems
    columns = columns_for(spec.run.columns, spec.by)
    held = Held.UNKNOWN if spec.identify else task.held
    try:
        for rows in rows_of(task.rows, columns, held, spec.run):
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
