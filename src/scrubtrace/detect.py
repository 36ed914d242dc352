"""The main job: plan, scan, commit."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.metrics import MetricsFilter
from apache_beam.options.pipeline_options import PipelineOptions
from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, new_run_id, plan_table, runs_of
from scrubtrace.beam_pipelines.planning import Plan, PlanError, make_plan
from scrubtrace.beam_pipelines.runner import OptionsError, make_runner, pipeline_options
from scrubtrace.beam_pipelines.scan import NAMESPACE, UNWRITTEN, ScanUnits
from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.commit import commit_run
from scrubtrace.config import Config
from scrubtrace.detectors.language import IDENTIFIER
from scrubtrace.detectors.registry import DetectorError, make_detector
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.keys import check_key, find_key
from scrubtrace.lock import output_lock
from scrubtrace.outcome import Outcome
from scrubtrace.progress import shown_progress
from scrubtrace.review.connection import open_review
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import key_ids, run_ids
from scrubtrace.schemas.plan import Chat, Columns, DetectorSpec, RunSpec

UNWRITTEN_HELP = {
    "ENOSPC": "the disk is full",
    "EDQUOT": "the disk quota is used up",
    "EACCES": "permission denied",
    "EROFS": "the file system is read-only",
}


@dataclass(frozen=True)
class Job:
    """One call of ``scrubtrace detect``."""

    inputs: Sequence[str]
    out: str
    config: Config
    key_file: str | None = None
    beam_arguments: Sequence[str] = ()
    quiet: bool = False


def plan_job(job: Job) -> tuple[Plan, list[DetectorSpec], PipelineOptions]:
    """Everything that can be found wrong before a file is written; raises `UsageStop`."""
    config = job.config
    try:
        options = pipeline_options(job.beam_arguments, config.scan.workers)
        detectors = [_planned(name, config) for name in detector_names(config)]
        plan = make_plan(
            job.inputs,
            columns_of(config),
            config.input.dataset,
            config.input.root,
            config.scan.unit_rows,
        )
    except (PlanError, DetectorError, OptionsError) as error:
        raise UsageStop(str(error)) from None
    return plan, detectors, options


def run_job(job: Job) -> Outcome:
    """Plans, scans what has not been scanned yet, and commits.

    Raises `UsageStop` before anything is written; `IncompleteStop` if units could not be written;
    `SumsDifferStop` if sums do not match.
    """
    plan, detectors, options = plan_job(job)
    check_key(job.key_file)
    engine = review_engine(job.config, job.out)
    key, key_file = find_key(job.key_file, key_ids(engine))
    scan = job.config.scan
    spec = RunSpec(
        dataset=plan.dataset,
        columns=columns_of(job.config),
        detectors=tuple(detectors),
        key_id=key.id,
        key_file=key_file,
        language_identifier=IDENTIFIER,
        batch_rows=scan.batch_rows,
        batch_bytes=scan.batch_bytes,
        spans_per_signal=scan.spans_per_signal,
        snippet_chars=scan.snippet_chars,
    )
    with output_lock(job.out):
        folder = _unfinished_run(job.out, spec, plan)
        if folder is None:
            run = new_run_id([*(earlier.id for earlier in runs_of(job.out)), *run_ids(engine)])
            folder = RunFolder(storage.join(job.out, "runs", run))
            folder.create(spec, list(plan.units), list(plan.dead))
        _scan(folder, plan, options, job.quiet)
        return commit_run(folder, job.config, engine)


def review_engine(config: Config, out: str, must_exist: bool = False) -> Engine:
    """The review table, opened; in the output folder if the configuration names none.

    Raises `UsageStop`, also if it does not exist yet but must.
    """
    url = config.review.url
    existed = storage.is_remote(out) or os.path.isdir(out)
    storage.make_folders(out)
    if url is None:
        if storage.is_remote(out):
            raise UsageStop("the output is not a local folder: name the review table with --review")
        url = f"sqlite:///{storage.join(out, 'review.sqlite')}"
    try:
        return open_review(url, must_exist)
    except ReviewError as error:
        if not existed:
            os.rmdir(out)
        raise UsageStop(str(error)) from None


def columns_of(config: Config) -> Columns:
    """The user's columns as configured."""
    i = config.input
    chat = Chat(i.role_field, i.content_field, i.roles)
    return Columns(i.text_column, i.id_column, i.language_column, dict(i.group_by), chat)


def _planned(name: str, config: Config) -> DetectorSpec:
    options = detector_options(config, name)
    detector = make_detector(name, options)
    fingerprint = detector.fingerprint()
    return DetectorSpec(name, detector.version, str(detector.lane), fingerprint, options)


def _unfinished_run(out: str, spec: RunSpec, plan: Plan) -> RunFolder | None:
    """The newest run without a manifest that has the same specification and plan."""
    wanted = plan_table(list(plan.units), list(plan.dead))
    for folder in reversed(runs_of(out)):
        if folder.is_committed() or folder.spec() != spec:
            continue
        if plan_table(*folder.plan()).equals(wanted):
            return folder
    return None


def _scan(folder: RunFolder, plan: Plan, options: PipelineOptions, quiet: bool) -> None:
    done = folder.scanned_units()
    keys = [unit.key for unit in plan.units if unit.key not in done]
    if not keys:
        return
    with shown_progress(folder, plan.rows, quiet):
        pipeline = beam.Pipeline(make_runner(options), options=options)
        _ = pipeline | "Unit keys" >> beam.Create(keys) | "Scan" >> ScanUnits(folder.path)
        result = pipeline.run()
        result.wait_until_finish()
    _raise_if_unwritten(result)


def _raise_if_unwritten(result: "beam.runners.runner.PipelineResult") -> None:
    counters = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    names = {c.key.metric.name: c.committed or c.attempted for c in counters}
    problems = {n.removeprefix(UNWRITTEN): c for n, c in names.items() if n.startswith(UNWRITTEN)}
    if problems:
        count = sum(problems.values())
        reasons = ", ".join(UNWRITTEN_HELP.get(name, name) for name in sorted(problems))
        raise IncompleteStop(
            f"{count} units could not be written: {reasons}; what is written is kept, and the same "
            "command goes on from there"
        )
