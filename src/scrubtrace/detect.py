"""The main job: plan, scan, commit."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from sqlalchemy import Engine

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.forking import forked_workers
from scrubtrace.beam_pipelines.idle import ended_when_idle
from scrubtrace.beam_pipelines.layout import (
    RunFolder,
    new_run_id,
    plan_table,
    remove_unplanned,
    runs_of,
)
from scrubtrace.beam_pipelines.planning import (
    Inputs,
    PlanError,
    check_files,
    plan_work,
    read_inputs,
)
from scrubtrace.beam_pipelines.recorded_options import recorded_options
from scrubtrace.beam_pipelines.remote import (
    limit_parallelism,
)
from scrubtrace.beam_pipelines.runner import (
    has_worker_processes,
    is_in_process,
    make_runner,
    pipeline_options,
)
from scrubtrace.beam_pipelines.scan import ScanUnits
from scrubtrace.beam_pipelines.short_memory import end_under_limit
from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.commit import commit_run
from scrubtrace.config import Config
from scrubtrace.detectors.language import IDENTIFIER
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.environment import record_scan
from scrubtrace.exits import UsageStop
from scrubtrace.keys import existing_keys, find_keys
from scrubtrace.lock import check_apart, make_output_folder, output_lock
from scrubtrace.outcome import Outcome
from scrubtrace.progress import shown_progress
from scrubtrace.resolver import current_runs, newer_run, spec_or_none
from scrubtrace.resumable import resumable
from scrubtrace.review.connection import open_review, sqlite_url
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.rotation import key_ids
from scrubtrace.review.store import run_ids
from scrubtrace.running import beam_options, run_to_end
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Columns, DetectorSpec, RunSpec, Work
from scrubtrace.style.flagging import check_style


@dataclass(frozen=True)
class Job:
    """One call of ``scrubtrace detect``; with ``force``, what is current is scanned again."""

    inputs: Sequence[str]
    out: str
    config: Config
    key_file: str | None = None
    beam_arguments: Sequence[str] = ()
    quiet: bool = False
    force: bool = False


@dataclass(frozen=True)
class Prepared:
    """A job whose inputs, detectors and options were found to be usable."""

    job: Job
    inputs: Inputs
    detectors: tuple[DetectorSpec, ...]
    options: PipelineOptions

    def spec(self, keys: KeyRing | None, key_file: str | None) -> RunSpec:
        """What workers have to know, with the keys that digests are made with."""
        scan = self.job.config.scan
        return RunSpec(
            dataset=self.inputs.dataset,
            columns=columns_of(self.job.config),
            detectors=self.detectors,
            key_id=keys.active.id if keys else "",
            key_file=key_file,
            language_identifier=IDENTIFIER,
            batch_rows=scan.batch_rows,
            batch_bytes=scan.batch_bytes,
            spans_per_signal=scan.spans_per_signal,
            snippet_chars=scan.snippet_chars,
            sample=scan.sample,
            retired_key_ids=keys.retired_ids if keys else (),
        )

    def work(self, spec: RunSpec) -> Work:
        """What to scan and what to keep; a sample keeps nothing and is kept by nobody."""
        current: dict[str, dict[str, str]] = {}
        if spec.sample is None and not self.job.force:
            current = current_runs(self.job.out, spec, self.inputs.shards)
        names = [planned.name for planned in spec.detectors]
        return plan_work(self.inputs, names, current, self.job.config.scan.unit_rows)


def prepare(job: Job) -> Prepared:
    """Everything that can be found wrong before a file is written; raises `UsageStop`."""
    config = job.config
    options = beam_options(job.beam_arguments, config.scan.workers)
    try:
        detectors = tuple(_planned(name, config) for name in detector_names(config))
        check_style(config, detectors)
        columns = columns_of(config)
        inputs = read_inputs(job.inputs, columns, config.input.dataset, config.input.root)
        check_files(inputs)
    except (PlanError, DetectorError) as error:
        raise UsageStop(str(error)) from None
    own = storage.join(job.out, "runs")
    check_apart([*inputs.shards, *inputs.dead], job.inputs, job.out, own)
    return Prepared(job, inputs, detectors, options)


def dry_run(job: Job) -> tuple[Inputs, Work]:
    """The inputs, and what would be scanned and kept; writes nothing. Raises `UsageStop`."""
    prepared = prepare(job)
    return prepared.inputs, prepared.work(prepared.spec(*existing_keys(job.key_file)))


@resumable()
def run_job(job: Job) -> Outcome:
    """Plans, scans what has no current results, and commits.

    Raises `UsageStop` before anything is written; `IncompleteStop` if a disk, the database or the
    memory gave out, or a worker process died; `SumsDifferStop` if sums do not match.
    """
    prepared = prepare(job)
    existing_keys(job.key_file)
    engine = review_engine(job.config, job.out)
    spec = prepared.spec(*find_keys(job.key_file, key_ids(engine)))
    with output_lock(job.out):
        work = prepared.work(spec)
        folder = _unfinished_run(job.out, spec, work)
        if folder is None:
            remove_unplanned(job.out)
            run = new_run_id([*(earlier.id for earlier in runs_of(job.out)), *run_ids(engine)])
            folder = RunFolder(storage.join(job.out, "runs", run))
            folder.create(spec, work)
        log.about_run(folder.id)
        _scan(folder, work, prepared.options, job.quiet)
        return commit_run(folder, job.config, engine)


def review_engine(config: Config, out: str, must_exist: bool = False) -> Engine:
    """The review table, opened; in the output folder if the configuration names none.

    Raises `UsageStop`, also if it does not exist yet but must.
    """
    url = config.review.url
    existed = storage.is_remote(out) or os.path.isdir(out)
    make_output_folder(out)
    if url is None:
        if storage.is_remote(out):
            raise UsageStop("the output is not a local folder: name the review table with --review")
        url = sqlite_url(storage.join(out, "review.sqlite"))
    try:
        return open_review(url, must_exist)
    except ReviewError as error:
        if not existed:
            os.rmdir(out)
        raise UsageStop(str(error)) from None


def columns_of(config: Config) -> Columns:
    """The user's columns as configured."""
    i = config.input
    return Columns(i.text_column, i.id_column, i.language_column, dict(i.group_by), i.chat)


def _planned(name: str, config: Config) -> DetectorSpec:
    options = detector_options(config, name)
    detector = make_detector(name, options)
    fingerprint = detector.fingerprint()
    return DetectorSpec(name, detector.version, str(detector.lane), fingerprint, options)


def _unfinished_run(out: str, spec: RunSpec, work: Work) -> RunFolder | None:
    """The newest run without a manifest that has the same specification and plan.

    None if a full scan of some of its shards was committed since: an older run would not count.
    """
    wanted = plan_table(work)
    for folder in reversed(runs_of(out)):
        if folder.is_committed() or spec_or_none(folder) != spec:
            continue
        if plan_table(folder.work()).equals(wanted):
            overtaken = newer_run(out, spec.dataset, folder.id, work.shard_names)
            return None if overtaken else folder
    return None


def _scan(folder: RunFolder, work: Work, options: PipelineOptions, quiet: bool) -> None:
    done = folder.scanned_units()
    keys = [unit.key for unit in work.units if unit.key not in done]
    if not keys:
        return
    limit_parallelism(options, len(keys))
    record_scan(folder, recorded_options(options))
    needed = {name for unit in work.units for name in unit.detectors}
    wanted = has_worker_processes(options) and not _is_remote_anywhere(folder.spec())
    forked = forked_workers(folder.path, needed, wanted)
    idle = ended_when_idle(end_under_limit() if is_in_process(options) else None)
    with idle, shown_progress(folder, work.rows, quiet), forked as worker_command:
        pipeline = beam.Pipeline(make_runner(options, worker_command), options=options)
        _ = pipeline | "Unit keys" >> beam.Create(keys) | "Scan" >> ScanUnits(folder.path)
        run_to_end(pipeline, options)


def _is_remote_anywhere(spec: RunSpec) -> bool:
    """Whether a detector reads from an object store, whose clients do not survive forking."""
    values = [value for planned in spec.detectors for value in planned.options.values()]
    return any(isinstance(value, str) and storage.is_remote(value) for value in values)


def scan_here(folder: RunFolder, workers: int, quiet: bool) -> None:
    """Scans what a planned run lacks, on this machine; raises like `run_job`."""
    _scan(folder, folder.work(), pipeline_options((), workers), quiet)
