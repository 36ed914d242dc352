"""The graphs of a draw: numbers of tasks in, one partial result or files of texts out.

What workers need lies in a folder that all of them reach. Texts never move through Beam: they are
written to files there.
"""

import dataclasses
import json
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import MIN_TIMESTAMP
from apache_beam.utils.windowed_value import WindowedValue

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.decoding import Place
from scrubtrace.beam_pipelines.drawing.partial import Partial, Problem
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Known, Task, draw_range
from scrubtrace.beam_pipelines.drawing.ranking import Ranker
from scrubtrace.beam_pipelines.drawing.texts import Drawn, LostText, Reading, read_drawn
from scrubtrace.beam_pipelines.failures import place_of
from scrubtrace.beam_pipelines.keys import DigestKeyError, planned_keys
from scrubtrace.beam_pipelines.layout import read_table, table_bytes
from scrubtrace.schemas.plan import Shard

Record = dict[str, Any]

_DONE = "done-"


class DrawError(RuntimeError):
    """A task crashed; the message says where in the code, never what was in the row."""


@dataclasses.dataclass(frozen=True)
class DrawFolder:
    """The folder of one draw: what workers read, and what they write."""

    path: str

    def _file(self, name: str) -> str:
        return storage.join(self.path, name)

    def write(
        self, spec: DrawSpec, tasks: Iterable[Task], flagged: pa.Table, occurrences: pa.Table
    ) -> None:
        """Writes what workers need.

        ``flagged`` has the columns shard and item_key, ``occurrences`` shard, row and occurrence.
        """
        storage.write_atomic(self._file("spec.json"), spec.to_json().encode())
        content = json.dumps([task.to_dict() for task in tasks]).encode()
        storage.write_atomic(self._file("tasks.json"), content)
        storage.write_atomic(self._file("flagged.parquet"), table_bytes(flagged))
        storage.write_atomic(self._file("occurrences.parquet"), table_bytes(occurrences))

    def spec(self) -> DrawSpec:
        """What is drawn."""
        return DrawSpec.from_json(storage.read_bytes(self._file("spec.json")).decode())

    def tasks(self) -> list[Task]:
        """The ranges that are drawn from."""
        data = json.loads(storage.read_bytes(self._file("tasks.json")))
        return [Task.from_dict(task) for task in data]

    def write_readings(self, readings: Iterable[Reading]) -> None:
        """Writes which texts of which shards are to be read."""
        content = json.dumps(
            [
                {"shard": vars(r.shard), "drawn": [(d.row, *d.place, d.rank) for d in r.drawn]}
                for r in readings
            ]
        )
        storage.write_atomic(self._file("readings.json"), content.encode())

    def readings(self) -> list[Reading]:
        """Which texts of which shards are to be read."""
        return [
            Reading(
                Shard(**reading["shard"]),
                tuple(Drawn(row, Place(path, turn), rank) for row, path, turn, rank in drawn),
            )
            for reading in json.loads(storage.read_bytes(self._file("readings.json")))
            for drawn in [reading["drawn"]]
        ]

    def texts(self, number: int) -> str:
        """Path of the texts of one reading."""
        return self._file(f"texts-{number:07d}.json")

    def note_done(self, number: int) -> None:
        """Says that a task was drawn from, for those who watch.

        The file is not empty: Beam cannot write an empty one to S3.
        """
        storage.write_atomic(self._file(f"{_DONE}{number:07d}"), b"\n")

    def done(self) -> set[int]:
        """Numbers of the tasks that were drawn from."""
        names = storage.names_in(self.path)
        return {int(name[len(_DONE) :]) for name in names if name.startswith(_DONE)}

    @property
    def partial(self) -> str:
        """Path of the partial result of everything."""
        return self._file("partial.arrow")

    @property
    def problems(self) -> str:
        """Path of what could not be read."""
        return self._file("problems.json")

    def table(self, name: str) -> pa.Table:
        """Flagged texts, or occurrences."""
        return read_table(storage.read_bytes(self._file(f"{name}.parquet")))


class _Worker(beam.DoFn):
    """What both kinds of workers load, once a process."""

    def __init__(self, folder: str, seed: bytes) -> None:
        self._path = storage.absolute(folder)
        self._seed = seed

    def setup(self) -> None:
        """Reads what is drawn and what is known beforehand."""
        self._folder = DrawFolder(self._path)
        self._spec = self._folder.spec()
        self._ranker = Ranker(self._seed)
        self._flagged = self._folder.table("flagged")
        self._occurrences = self._folder.table("occurrences")
        self._known = ("", Known())

    def known(self, shard: str) -> Known:
        """What is known of the rows of a shard; that of the last shard is kept at hand."""
        if self._known[0] != shard:
            keys = _of_shard(self._flagged, shard).column("item_key").to_pylist()
            rows = _of_shard(self._occurrences, shard)
            pairs = zip(rows["row"].to_pylist(), rows["occurrence"].to_pylist(), strict=True)
            self._known = (shard, Known(frozenset(keys), dict(pairs)))
        return self._known[1]


class DrawFn(_Worker):
    """Draws from the tasks of these numbers; gives one partial result a bundle, as bytes."""

    def setup(self) -> None:
        """Reads the tasks as well."""
        super().setup()
        self._tasks = self._folder.tasks()

    def start_bundle(self) -> None:
        """Begins with nothing."""
        self._partial = Partial(self._spec.keep)

    def process(self, element: int) -> None:
        """Adds the strata of one task."""
        task = self._tasks[element]
        try:
            known = self.known(task.rows.shard.name)
            self._draw(task, known)
            self._folder.note_done(element)
        except MemoryError:
            raise
        except Exception as error:
            raise DrawError(f"task {element}: {place_of(error)}") from None

    def _draw(self, task: Task, known: Known) -> None:
        try:
            self._partial.merge(draw_range(task, self._spec, self._ranker, known))
        except storage.RemoteError:
            self._partial.problems.add((Problem.UNREADABLE, task.rows.shard.name))

    def finish_bundle(self) -> Iterator[WindowedValue]:
        """Gives the sum of the bundle."""
        content = self._partial.to_bytes()
        yield WindowedValue(content, MIN_TIMESTAMP, [GlobalWindow()])


class MergePartials(beam.CombineFn):
    """The sum of partial results, as bytes."""

    def create_accumulator(self) -> bytes:
        """Nothing yet."""
        return b""

    def add_input(self, mutable_accumulator: bytes, element: bytes) -> bytes:
        """Adds one result."""
        return self.merge_accumulators([mutable_accumulator, element])

    def merge_accumulators(self, accumulators: Iterable[bytes]) -> bytes:
        """Adds results."""
        contents = [content for content in accumulators if content]
        if len(contents) < 2:
            return contents[0] if contents else b""
        total = Partial.from_bytes(contents[0])
        for content in contents[1:]:
            total.merge(Partial.from_bytes(content))
        return total.to_bytes()

    def extract_output(self, accumulator: bytes) -> bytes:
        """The sum."""
        return accumulator


class ReadFn(_Worker):
    """Reads the drawn texts of the readings of these numbers into a file each."""

    def setup(self) -> None:
        """Reads the keys and the readings as well."""
        super().setup()
        self._readings = self._folder.readings()

    def process(self, element: int) -> Iterator[tuple[str, str]]:
        """Writes the texts; gives a `Problem` and what it is about if they cannot be read."""
        reading, spec = self._readings[element], self._spec.run
        name = reading.shard.name
        try:
            known, keys = self.known(name), planned_keys(spec)
            items = list(read_drawn(reading, spec, keys, self._ranker, known))
            content = json.dumps(items).encode()
        except DigestKeyError as error:
            yield Problem.KEYS, str(error)
            return
        except (ShardChanged, LostText):
            yield Problem.CHANGED, name
            return
        except MemoryError:
            raise
        except (OSError, storage.RemoteError):
            yield Problem.UNREADABLE, name
            return
        except Exception as error:
            raise DrawError(f"texts {element}: {place_of(error)}") from None
        storage.write_atomic(self._folder.texts(element), content)


@dataclasses.dataclass
class DrawTexts(beam.PTransform):
    """Numbers of the tasks of a folder to its file with the partial result of all."""

    folder: str
    seed: bytes = dataclasses.field(repr=False)

    def expand(self, tasks: beam.PCollection[int]) -> beam.PCollection[None]:
        """Spreads the tasks over the workers, draws, adds up and writes."""
        path = storage.absolute(DrawFolder(self.folder).partial)
        return (
            tasks
            | "Spread tasks" >> beam.Reshuffle()
            | "Draw" >> beam.ParDo(DrawFn(self.folder, self.seed)).with_output_types(bytes)
            | "Add up" >> beam.CombineGlobally(MergePartials())
            | "Write" >> beam.Map(partial(storage.write_atomic, path))
        )


@dataclasses.dataclass
class ReadTexts(beam.PTransform):
    """Numbers of the readings of a folder to their files; gives what could not be read."""

    folder: str
    seed: bytes = dataclasses.field(repr=False)

    def expand(self, readings: beam.PCollection[int]) -> beam.PCollection[None]:
        """Spreads the readings over the workers; problems go to a file each."""
        path = storage.absolute(DrawFolder(self.folder).problems)
        return (
            readings
            | "Spread readings" >> beam.Reshuffle()
            | "Read texts" >> beam.ParDo(ReadFn(self.folder, self.seed))
            | "Gather problems" >> beam.combiners.ToList()
            | "Write problems" >> beam.Map(partial(_write_problems, path))
        )


def _write_problems(path: str, problems: list[tuple[str, str]]) -> None:
    storage.write_atomic(path, json.dumps(sorted(problems)).encode())


def _of_shard(table: pa.Table, shard: str) -> pa.Table:
    return table.filter(pc.equal(table.column("shard"), shard))
