"""The job of ``scrubtrace diff``: read, spread, join a partition at a time, write."""

import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.planning import Inputs, PlanError, read_inputs
from scrubtrace.beam_pipelines.worker import end_with_parent
from scrubtrace.config import Config
from scrubtrace.detect import columns_of
from scrubtrace.diff.flagged import FILE, Flagged, read_flagged
from scrubtrace.diff.joining import UNPAIRED, Task, join_partition
from scrubtrace.diff.judging import Tally
from scrubtrace.diff.nearest import Sketches, nearest_pairs, sketch
from scrubtrace.diff.output import write_results
from scrubtrace.diff.partitions import Choose, Numbers, Spreader, batches_of
from scrubtrace.diff.rows import ROW, Read, read_rows
from scrubtrace.diff.spec import CSV, FINDINGS, MANIFEST, NEW, OLD, SIDES, DiffSpec
from scrubtrace.diff.telling import Progress
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.keys import place_of_keys
from scrubtrace.lock import output_lock
from scrubtrace.out_file import PARQUET, check_target
from scrubtrace.pseudonyms import Shown, shown_groups
from scrubtrace.resumable import resumable
from scrubtrace.review.connection import open_review
from scrubtrace.review.errors import ReviewError
from scrubtrace.schemas.identity import id_hashes
from scrubtrace.schemas.plan import DeadShard

PARTITION_BYTES = 64 << 20
"""Bytes of shards of both versions that share a partition; decoded they are some times as many."""


@dataclass(frozen=True)
class DiffJob:
    """One call of ``scrubtrace diff``."""

    old: Sequence[str]
    new: Sequence[str]
    out: str
    config: Config
    flagged: str | None = None
    key_file: str | None = None
    quiet: bool = False
    partition_bytes: int = PARTITION_BYTES


@dataclass
class DiffOutcome:
    """What a comparison came to, for the summary and the manifest."""

    inputs: dict[str, Inputs]
    read: dict[str, Read]
    tally: Tally = field(default_factory=Tally)
    null_ids: dict[str, int] = field(default_factory=dict)
    by_id: bool = False
    with_flagged: bool = False
    flagged_texts: int = 0
    csv_rows: int = 0

    @property
    def dead_shards(self) -> list[tuple[str, DeadShard]]:
        """Side and shard of each input that could not be read as asked."""
        return [(side, shard) for side in SIDES for shard in self.inputs[side].dead]

    @property
    def dead_letters(self) -> int:
        """Dead rows and dead shards of both versions."""
        dead_rows = sum(read.dead.total() for read in self.read.values())
        return dead_rows + len(self.dead_shards)

    def check(self) -> None:
        """Raises `SumsDifferStop` if rows of a version are not accounted for."""
        rows = self.tally.rows
        matched = rows["same"] + rows["edited"]
        for side, alone in ((OLD, rows["gone"]), (NEW, rows["new"])):
            footers = sum(shard.rows for shard in self.inputs[side].shards)
            counted = matched + alone + self.read[side].dead.total()
            if footers != counted:
                raise SumsDifferStop(
                    f"the {side} version has {footers:,} rows by its footers, but {counted:,} were "
                    "matched, alone or dead: this is a bug"
                )


@resumable(keeps=False)
def run_diff(job: DiffJob) -> DiffOutcome:
    """Compares two versions and writes findings, CSV and manifest, the manifest last.

    Raises `UsageStop` before anything is written, `SumsDifferStop` if rows are not accounted for,
    `IncompleteStop` if a disk or a database gave out. What an earlier call left half done is
    removed and done again.
    """
    if storage.is_remote(job.out):
        raise UsageStop(f"--out must be a local folder for diff, not {job.out}")
    for name in (FINDINGS, CSV, MANIFEST):
        check_target(storage.join(job.out, name), [*job.old, *job.new], writes=PARQUET)
    columns = columns_of(job.config)
    inputs = {
        side: _inputs(job, side, paths)
        for side, paths in zip(SIDES, (job.old, job.new), strict=True)
    }
    flagged = _flagged(job)
    shown = shown_groups(columns, job.config.privacy.pseudonymous, job.key_file)
    scan = job.config.scan
    keys = tuple(key.id for key in flagged.keys) if flagged else ()
    limits = (scan.spans_per_signal, scan.snippet_chars)
    spec = DiffSpec(job.out, columns, *limits, place_of_keys(job.key_file), keys)
    with output_lock(job.out):
        shutil.rmtree(spec.work(), ignore_errors=True)
        os.makedirs(spec.work("parts"))
        try:
            outcome = DiffOutcome(inputs, {side: Read() for side in SIDES})
            outcome.by_id = columns.id is not None
            if flagged is not None:
                np.save(spec.work(FILE), flagged.digests, allow_pickle=False)
                outcome.with_flagged = True
                outcome.flagged_texts = len(flagged.digests)
            _compare(job, spec, shown, outcome)
            outcome.check()
            write_results(spec, outcome)
        finally:
            shutil.rmtree(spec.work(), ignore_errors=True)
    return outcome


def _inputs(job: DiffJob, side: str, paths: Sequence[str]) -> Inputs:
    try:
        return read_inputs(paths, columns_of(job.config))
    except PlanError as error:
        raise UsageStop(f"{side} version: {error}") from None


def _flagged(job: DiffJob) -> Flagged | None:
    """What the review table has flagged; None if none was named. Raises `UsageStop`."""
    if job.flagged is None:
        return None
    try:
        return read_flagged(open_review(job.flagged, must_exist=True), job.key_file)
    except ReviewError as error:
        raise UsageStop(str(error)) from None


def _compare(job: DiffJob, spec: DiffSpec, shown: Shown, outcome: DiffOutcome) -> None:
    scan = job.config.scan
    shards = [shard for side in SIDES for shard in outcome.inputs[side].shards]
    partitions = max(1, -(-sum(shard.size for shard in shards) // job.partition_bytes))
    progress = Progress(sum(shard.rows for shard in shards), job.quiet)
    for side in SIDES:
        read = outcome.read[side]
        limits = (scan.batch_rows, scan.batch_bytes)
        batches = read_rows(outcome.inputs[side], spec.columns, shown, *limits, read)
        outcome.null_ids[side] = _spread_side(batches, spec, side, partitions, progress)
    _join(job, spec, "ids", partitions, outcome, progress)
    _join(job, spec, "digests", partitions, outcome, progress)
    _pair_leftovers(spec, partitions)
    _join(job, spec, "pairs", partitions, outcome, progress)


def _spread_side(
    batches: Iterator[pa.RecordBatch], spec: DiffSpec, side: str, partitions: int,
    progress: Progress,
) -> int:  # fmt: skip
    """Rows with an id by it, the others by their content; gives the number of the others."""
    ids, digests = (Spreader(spec.work(stage, side), choose) for stage, choose in (
        ("ids", _by_id(partitions)), ("digests", _by_digest(partitions))))  # fmt: skip
    for batch in batches:
        has_id = batch["row_id"].is_valid()
        ids.add(batch.filter(has_id))
        digests.add(batch.filter(pc.invert(has_id)))
        progress.read(batch.num_rows)
    ids.close()
    return digests.close()


def _by_id(partitions: int) -> Choose:
    def choose(rows: pa.Table) -> Numbers:
        hashes = id_hashes(rows["row_id"].to_pylist())
        return (hashes % np.uint64(partitions)).astype(np.int64)

    return choose


def _by_digest(partitions: int) -> Choose:
    def choose(rows: pa.Table) -> Numbers:
        digests = np.frombuffer(b"".join(rows["digest"].to_pylist()), "<u8")[::2]
        return (digests % np.uint64(partitions)).astype(np.int64)

    return choose


def _join(
    job: DiffJob, spec: DiffSpec, stage: str, partitions: int, outcome: DiffOutcome,
    progress: Progress,
) -> None:  # fmt: skip
    tasks = [Task(spec, stage, number) for number in range(partitions)]
    needed = [task for task in tasks if task.has_rows]
    for done, tally in enumerate(_mapped(needed, job.config.scan.workers), 1):
        outcome.tally.add(tally)
        progress.joined(stage, done, len(needed))
    for side in SIDES:
        shutil.rmtree(spec.work(stage, side), ignore_errors=True)


def _mapped(tasks: list[Task], workers: int) -> Iterator[Tally]:
    if workers == 1 or len(tasks) < 2:
        yield from map(join_partition, tasks)
        return
    with _pool(min(workers, len(tasks))) as pool:
        yield from pool.map(join_partition, tasks)


def _pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that end when this one is gone, which tells of interruptions."""
    return ProcessPoolExecutor(workers, get_context("spawn"), _watch_parent, (os.getpid(),))


def _watch_parent(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()


def _pair_leftovers(spec: DiffSpec, partitions: int) -> None:
    """Finds for each row left over the nearest one, and spreads both by the number of the pair."""
    sketches = [
        Sketches.of([
            sketch([text["text"] for text in texts])
            for number in range(partitions)
            for batch in batches_of(spec.work("leftovers", side), number)
            for texts in batch["texts"].to_pylist()
        ])
        for side in SIDES
    ]  # fmt: skip
    pairs = nearest_pairs(*sketches)
    for which, side in enumerate(SIDES):
        codes = np.full(len(sketches[which].sizes), UNPAIRED, np.int64)
        codes[[pair[which] for pair in pairs]] = np.arange(len(pairs))
        numbered = Spreader(spec.work("pairs", side), _by_number(partitions))
        start = 0
        for number in range(partitions):
            for batch in batches_of(spec.work("leftovers", side), number):
                own = pa.array(codes[start : start + batch.num_rows])
                numbered.add(batch.set_column(0, ROW.field("number"), own))
                start += batch.num_rows
        numbered.close()
        shutil.rmtree(spec.work("leftovers", side), ignore_errors=True)


def _by_number(partitions: int) -> Choose:
    """Pairs by their number; rows without one go round by their place in the table."""

    def choose(rows: pa.Table) -> Numbers:
        numbers = rows["number"].to_numpy()
        return np.where(numbers < 0, np.arange(len(rows)), numbers) % partitions

    return choose
