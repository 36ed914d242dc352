"""The population of a draw: current results to tasks, and what was drawn to checked sums."""

import glob
import hashlib
import json
import os
import shutil
import tempfile
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from scrubtrace.balance import Balance, check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.drawing.jobs import DrawFolder, DrawTexts
from scrubtrace.beam_pipelines.drawing.partial import MOST_STRATA, Outside, Partial, Problem
from scrubtrace.beam_pipelines.drawing.projecting import Held
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Task
from scrubtrace.beam_pipelines.idle import ended_when_idle
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.beam_pipelines.remote import failed_job, limit_parallelism
from scrubtrace.beam_pipelines.runner import is_in_process, make_runner
from scrubtrace.beam_pipelines.short_memory import end_under_limit
from scrubtrace.duplicates import Hashes, RepeatedIds
from scrubtrace.exits import IncompleteStop, SumsDifferStop, UsageStop
from scrubtrace.progress import shown_progress
from scrubtrace.resolver import committed_runs, current_results, current_sources, spec_or_none
from scrubtrace.results import Results
from scrubtrace.schemas.plan import Shard
from scrubtrace.schemas.receipts import RangeReceipt

PREFIX = ".draw-"
"""How the folders of draws begin; they hold snippets of texts while a draw is made."""

OCCURRENCES = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("occurrence", pa.int64(), nullable=False),
    ]
)
FLAGGED = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("item_key", pa.string(), nullable=False),
    ]
)


@dataclass(frozen=True)
class Population:
    """The current results of a data set, which the texts are drawn from.

    ``run`` is the newest run, ``runs`` are those that say what is current.
    """

    run: RunFolder
    runs: frozenset[str]
    results: Results
    balance: Balance
    tasks: tuple[Task, ...]
    occurrences: pa.Table

    @property
    def dead_shards(self) -> int:
        """Inputs of the newest run that are in no population, because they cannot be read."""
        return len(self.run.work().dead)


@dataclass(frozen=True)
class _Done:
    """A task that was drawn from; its texts are found when all are."""

    rows: int
    findings: int = 0


@dataclass(frozen=True)
class _Watched:
    """The tasks of a draw as units whose progress is shown."""

    folder: DrawFolder
    tasks: Sequence[Task]

    def scanned_units(self) -> set[str]:
        """Numbers of the tasks that were drawn from."""
        return {str(number) for number in self.folder.done()}

    def read_receipt(self, unit: str) -> _Done:
        """The rows of one."""
        return _Done(self.tasks[int(unit)].rows.rows)


def find_dataset(out: str, dataset: str | None) -> str:
    """The data set that is meant: the only one with a committed run. Raises `UsageStop`."""
    if dataset is not None:
        return dataset
    committed = (folder for folder in runs_of(out) if folder.is_committed())
    specs = (spec_or_none(folder) for folder in committed)
    names = {spec.dataset for spec in specs if spec is not None and spec.sample is None}
    if len(names) != 1:
        known = ", ".join(sorted(names)) or "there is no committed run"
        raise UsageStop(f"name the data set with --dataset: {known}")
    return names.pop()


def find_population(out: str, dataset: str) -> Population:
    """What is current of a data set; raises `UsageStop`, `IncompleteStop` or `SumsDifferStop`."""
    results = current_results(out, dataset)
    _check_same_columns(results)
    balance = check_balance(results)
    if balance.changed_shards:
        raise IncompleteStop(
            f"shard {min(balance.changed_shards)} changed while it was scanned; call detect again"
        )
    folders = runs_of(out)
    newest = next(committed_runs(folders, dataset))[0]
    runs = {folder.id for folder, *_ in current_sources(folders, dataset)}
    tasks = tuple(_tasks(results))
    hashes = results.id_hashes if results.spec.columns.id else None
    occurrences = occurrences_of(hashes, list(results.shards), balance.rows)
    return Population(newest, frozenset(runs), results, balance, tasks, occurrences)


def shards_digest(shards: Iterable[Shard]) -> str:
    """SHA-256 of the names and footers of the shards that have rows, whatever their order."""
    names = sorted((shard.name, shard.footer_digest) for shard in shards if shard.rows)
    return hashlib.sha256(json.dumps(names).encode()).hexdigest()


def _check_same_columns(results: Results) -> None:
    for run, folder in sorted(results.folders.items()):
        if folder.spec().columns != results.spec.columns:
            raise UsageStop(
                f"the current results are of different columns: those of run {run} are not those "
                "of the newest run; scan all shards with the same options"
            )


def _tasks(results: Results) -> Iterator[Task]:
    """The ranges of every shard as they were scanned, with what their receipts say."""
    receipts: dict[tuple[str, str, str, int], RangeReceipt] = {}
    for run, unit, receipt in results.receipts():
        for entry in receipt.ranges:
            receipts[run, unit.key, entry.shard, entry.start] = entry
    for number, shard in enumerate(results.shards):
        for piece in results.pieces(shard, min(results.runs(shard))):
            entry = receipts[piece.run, piece.unit.key, shard, piece.rows.start]
            yield Task(number, piece.rows, Held.of(entry))


def occurrences_of(
    hashes: Callable[[str], Hashes] | None, shards: Sequence[str], rows: int
) -> pa.Table:
    """Rows whose id earlier rows have, and how many of these there are.

    ``hashes`` gives those of the ids of a shard; None if rows have no ids.
    """
    tables = [OCCURRENCES.empty_table()]
    if hashes is not None:
        repeated = RepeatedIds(hashes, shards, rows)
        for shard in shards:
            counts = repeated.occurrences(shard)
            found = np.flatnonzero(counts)
            if len(found):
                columns = [pa.array([shard] * len(found)), found, counts[found]]
                tables.append(pa.table(columns, OCCURRENCES))
    return pa.concat_tables(tables)


@contextmanager
def draw_folder(out: str) -> Iterator[DrawFolder]:
    """A folder for one draw below the output folder, removed again at the end.

    The caller holds the lock of a local output folder, so that what a killed draw left can go.
    """
    if storage.is_remote(out):
        folder = storage.join(out, f"draw-{uuid.uuid4().hex}")
        try:
            yield DrawFolder(folder)
        finally:
            storage.remove([info.path for info in storage.files_below(folder)])
        return
    for left in glob.glob(os.path.join(glob.escape(out), f"{PREFIX}*")):
        shutil.rmtree(left, ignore_errors=True)
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=out)
    try:
        yield DrawFolder(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def draw(
    folder: DrawFolder,
    population: Population,
    spec: DrawSpec,
    flagged: pa.Table,
    seed: bytes,
    options: PipelineOptions,
    quiet: bool = True,
) -> Partial:
    """The strata of the population with their candidates, checked against the receipts.

    Shows its progress unless ``quiet``.

    Raises `UsageStop` for too many strata, `IncompleteStop` if a shard changed or cannot be read,
    `SumsDifferStop` if not every row and text is accounted for.
    """
    folder.write(spec, population.tasks, flagged, population.occurrences)
    numbers = range(len(population.tasks))
    rows = sum(task.rows.rows for task in population.tasks)
    watched = _Watched(folder, population.tasks)
    with shown_progress(watched, rows, quiet, found="", doing="drawing"):
        run_pipeline(options, "Draw texts", DrawTexts(folder.path, seed), numbers)
    partial = Partial.from_bytes(storage.read_bytes(folder.partial))
    stop_if_problems(sorted(partial.problems))
    _check_sums(partial, population.balance)
    return partial


def run_pipeline(
    options: PipelineOptions, label: str, transform: beam.PTransform, numbers: Sequence[int]
) -> None:
    """Runs a transform over numbers of tasks; raises `IncompleteStop` if a cluster's job fails."""
    limit_parallelism(options, max(1, len(numbers)))
    pipeline = beam.Pipeline(make_runner(options), options=options)
    _ = pipeline | f"{label}: numbers" >> beam.Create(list(numbers)) | label >> transform
    try:
        with ended_when_idle(end_under_limit() if is_in_process(options) else None):
            pipeline.run().wait_until_finish()
    except Exception as error:
        if is_in_process(options):
            raise
        raise IncompleteStop(failed_job(error)) from None


def stop_if_problems(problems: Sequence[tuple[str, str]]) -> None:
    """Raises what the first problem of a draw means."""
    if not problems:
        return
    problem, detail = problems[0]
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if problem == Problem.TOO_MANY_STRATA:
        raise UsageStop(f"--by makes more than {MOST_STRATA:,} strata: name fewer or coarser ones")
    if problem == Problem.KEYS:
        raise UsageStop(detail)
    what = "changed since it was scanned" if problem == Problem.CHANGED else "cannot be read"
    raise IncompleteStop(
        f"shard {detail} {what}{more}: nothing was drawn; call detect again, which scans what "
        "changed, then this command"
    )


def _check_sums(partial: Partial, balance: Balance) -> None:
    """Every row and text that the receipts count is in a stratum or accounted for outside."""
    outside: Counter[str] = Counter()
    texts = 0
    for stratum in partial.strata.values():
        outside.update(stratum.outside)
        texts += stratum.texts.total()
    counted = {
        "rows": (partial.rows, balance.rows),
        "texts": (
            texts + outside[Outside.NULL_TEXT] + outside[Outside.EMPTY_TEXT],
            balance.texts,
        ),
        "null texts": (outside[Outside.NULL_TEXT], balance.null_texts),
        "empty texts": (outside[Outside.EMPTY_TEXT], balance.empty_texts),
        "dead rows": (outside[Outside.DEAD_ROW] + partial.unread, balance.dead.total()),
    }
    for what, (drawn, scanned) in counted.items():
        if drawn != scanned:
            raise SumsDifferStop(
                f"the draw counts {drawn:,} {what}, the receipts of the scan {scanned:,}: a shard "
                "cannot be read as it was; scan again with detect --force"
            )
