"""The job of ``audit plan`` and ``review sample``: count, allocate, draw, read, write a batch."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from sqlalchemy import Engine

from scrubtrace.audit.allocation import Allocation
from scrubtrace.audit.items import drawn_places, readings, store_items
from scrubtrace.audit.population import (
    FLAGGED,
    Population,
    draw,
    draw_folder,
    find_dataset,
    find_population,
    run_pipeline,
    shards_digest,
    stop_if_problems,
)
from scrubtrace.audit.seeds import CheckedSeed, Seed, check_seed
from scrubtrace.audit.sizes import Goal
from scrubtrace.audit.strata import ALIKE, Phases, PlannedStratum, keep_for, plan_strata
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.drawing.jobs import DrawFolder, ReadTexts
from scrubtrace.beam_pipelines.drawing.labels import LANGUAGE, MONTH, STRATA_BY, TIME
from scrubtrace.beam_pipelines.drawing.partial import Partial, Stratum, Values
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec
from scrubtrace.beam_pipelines.layout import started_at
from scrubtrace.cells import check_committed_here
from scrubtrace.config import Config
from scrubtrace.detect import review_engine
from scrubtrace.exits import UsageStop
from scrubtrace.keys import find_keys
from scrubtrace.lock import check_runs_folder, output_lock
from scrubtrace.pseudonyms import Pseudonyms, pseudonyms_of
from scrubtrace.resumable import resumable
from scrubtrace.review.batches.known import check_name, flagged_keys
from scrubtrace.review.batches.store import create_batch, list_batches
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.rotation import key_ids
from scrubtrace.running import beam_options
from scrubtrace.schemas.batches import Batch, Purpose
from scrubtrace.schemas.plan import Columns, RunSpec

FORMAT = 1
DEFAULT_BY = STRATA_BY[:5]


@dataclass(frozen=True)
class PlanJob:
    """One call of ``audit plan`` or ``review sample``.

    ``by`` None: whatever of `DEFAULT_BY` the run has. ``committed`` seeds must be in the event log
    before the run; others are written into the plan.
    """

    out: str
    config: Config
    name: str
    goal: Goal
    seed: Seed
    purpose: Purpose = Purpose.AUDIT
    committed: bool = True
    allow_late: bool = False
    by: tuple[str, ...] | None = None
    allocation: Allocation = Allocation.EQUAL
    minimum: int = 1
    merge_below: int = 0
    phases: Phases = ALIKE
    blind: bool = True
    identify: bool = False
    dataset: str | None = None
    key_file: str | None = None
    beam_arguments: Sequence[str] = ()
    dry_run: bool = False
    quiet: bool = True


@dataclass(frozen=True)
class Planned:
    """What was planned, for people and for the batch; ``batch`` is None for a dry run."""

    job: PlanJob
    dataset: str
    by: tuple[str, ...]
    strata: tuple[PlannedStratum, ...]
    partial: Partial
    plan: dict[str, Any]
    warnings: tuple[str, ...]
    batch: Batch | None = None

    @property
    def unseen_flagged(self) -> int:
        """Flagged items of the table, in shards that are current, that were not found in them."""
        return int(self.plan["flagged_not_found"])


@resumable(keeps=False)
def make_plan(job: PlanJob) -> Planned:
    """Draws texts and writes them as a batch into the review table; a dry run only counts.

    Raises `UsageStop` for what cannot be done as asked, `IncompleteStop` if a shard changed since
    the run, `SumsDifferStop` if rows are not accounted for.
    """
    check_runs_folder(job.out)
    options = beam_options(job.beam_arguments, job.config.scan.workers)
    engine = review_engine(job.config, job.out, must_exist=True)
    with _usage_errors():
        check_name(engine, job.name)
    dataset = find_dataset(job.out, job.dataset or job.config.input.dataset)
    with output_lock(job.out):
        population = find_population(job.out, dataset)
        check_committed_here(engine, population.runs)
        seed = _checked_seed(job, engine, population)
        by = strata_by(job.by, population.results.spec.columns, job.identify)
        keys, key_file = find_keys(job.key_file, key_ids(engine))
        run = replace(
            population.results.spec,
            key_id=keys.active.id,
            retired_key_ids=keys.retired_ids,
            key_file=key_file,
        )
        with draw_folder(job.out) as folder:
            return _planned(job, engine, options, folder, population, run, by, seed)


def _planned(
    job: PlanJob,
    engine: Engine,
    options: PipelineOptions,
    folder: DrawFolder,
    population: Population,
    run: RunSpec,
    by: tuple[str, ...],
    seed: CheckedSeed | None,
) -> Planned:
    pseudonyms = pseudonyms_of(population.results.spec, job.config.privacy.pseudonymous)
    spec = DrawSpec(run, by, keep_for(job.goal, job.minimum, job.phases), job.identify)
    flagged = _flagged(engine, population)
    partial = draw(folder, population, spec, flagged, job.seed.secret, options, job.quiet)
    if pseudonyms is not None:
        partial = _without_names(partial, by, pseudonyms)
    sizes = (job.goal, job.allocation, job.minimum, job.phases, job.merge_below)
    strata = plan_strata(partial, by, *sizes)
    plan = _plan_of(job, population, by, strata, partial, flagged.num_rows)
    plan["seed"] = seed.to_dict() if seed else {"value": job.seed.secret.hex(), "committed": False}
    warnings = (*(seed.warnings if seed else ()), *_used_before(engine, job.seed))
    planned = Planned(job, run.dataset, by, tuple(strata), partial, plan, warnings)
    if job.dry_run:
        return planned
    drawn_from = (population.results.shards, run.columns)
    wanted = readings(strata, *drawn_from)
    if not wanted:
        raise UsageStop(f"data set {run.dataset} has no text that can be drawn")
    folder.write_readings(wanted)
    transform = ReadTexts(folder.path, job.seed.secret)
    run_pipeline(options, "Read drawn texts", transform, range(len(wanted)))
    stop_if_problems([tuple(p) for p in json.loads(storage.read_bytes(folder.problems))])
    texts = (json.loads(storage.read_bytes(folder.texts(n))) for n in range(len(wanted)))
    records = [record for found in texts for record in found]
    places = drawn_places(strata, *drawn_from)
    if pseudonyms is not None:
        records = [r | {"groups": pseudonyms.of(r["groups"])} for r in records]
    items = store_items(engine, records, population.run.id, places)
    batch = Batch(job.name, run.dataset, job.purpose, job.blind, plan)
    return replace(planned, batch=create_batch(engine, batch, items))


def _without_names(partial: Partial, by: Sequence[str], pseudonyms: Pseudonyms) -> Partial:
    """The same strata by pseudonyms: what names them stands in the review table for good."""
    strata: dict[Values, Stratum] = {}
    for values, found in partial.strata.items():
        own = tuple(pseudonyms.of(dict(zip(by, values, strict=True))).values())
        strata.setdefault(own, Stratum()).merge(found, partial.keep)
    return replace(partial, strata=strata)


def strata_by(asked: Sequence[str] | None, columns: Columns, identify: bool) -> tuple[str, ...]:
    """What strata are made by; raises `UsageStop` for what the run has no column for."""
    there = {*columns.groups} - {TIME}
    there |= {MONTH} if TIME in columns.groups else set()
    there |= {LANGUAGE} if columns.language or identify else set()
    if asked is None:
        return tuple(name for name in DEFAULT_BY if name in there)
    for name in asked:
        if name not in STRATA_BY:
            raise UsageStop(f"--by takes {', '.join(STRATA_BY)}, or none; not {name!r}")
        if name not in there:
            raise UsageStop(f"--by {name}: {_missing(name)}")
    return tuple(dict.fromkeys(asked))


def _missing(name: str) -> str:
    if name == LANGUAGE:
        return (
            "the run has no language column; scan with --language-column, or let the language of "
            "every text be identified with --identify-language, which reads all texts"
        )
    column = TIME if name == MONTH else name
    return f"the run has no such column; scan with --group-by {column}=COL"


@contextmanager
def _usage_errors() -> Iterator[None]:
    try:
        yield
    except ReviewError as error:
        raise UsageStop(str(error)) from None


def _checked_seed(job: PlanJob, engine: Engine, population: Population) -> CheckedSeed | None:
    if not job.committed:
        return None
    started = started_at(population.run.id)
    oldest = min(filter(None, map(started_at, population.results.folders)), default=None)
    return check_seed(engine, job.seed, started, oldest, job.allow_late)


def _flagged(engine: Engine, population: Population) -> pa.Table:
    """Keys of the flagged items in shards that are current."""
    dataset = population.results.spec.dataset
    found = [pair for pair in flagged_keys(engine, dataset) if pair[0] in population.results.shards]
    return pa.table([[s for s, _ in found], [k for _, k in found]], FLAGGED)


def _used_before(engine: Engine, seed: Seed) -> Iterator[str]:
    for batch in list_batches(engine):
        if batch.plan.get("seed", {}).get("sha256") == seed.sha256:
            yield f"batch {batch.name} was drawn with this seed: whoever has it knew this draw"


def _plan_of(
    job: PlanJob,
    population: Population,
    by: tuple[str, ...],
    strata: Sequence[PlannedStratum],
    partial: Partial,
    flagged: int,
) -> dict[str, Any]:
    """The plan as JSON, all but the seed."""
    cells = [cell for stratum in strata for cell in stratum.cells]
    spec, hidden = population.results.spec, set(by) & set(job.config.privacy.pseudonymous)
    about = [(c.population, c.drawn) for c in cells if False in c.flagged]
    balance = population.balance
    return {
        "format": FORMAT,
        "run": population.run.id,
        "runs_with_results": sorted(population.results.folders),
        "shards_sha256": shards_digest(population.results.shards.values()),
        "columns": asdict(spec.columns),
        "by": list(by),
        "pseudonyms": {"of": sorted(hidden), "key_id": spec.key_id} if hidden else None,
        "language_identified": job.identify,
        "goal": job.goal.to_dict() | {"of": "texts that are not flagged"}
        if job.phases.flagged is not None
        else job.goal.to_dict(),
        "reached": job.goal.reached(about) if about else None,
        "allocation": {"rule": str(job.allocation), "minimum": job.minimum}
        | ({"merged_below": job.merge_below} if job.merge_below else {}),
        "population": sum(stratum.population for stratum in strata),
        "flagged": sum(stratum.texts[True] for stratum in strata),
        "flagged_not_found": flagged - sum(stratum.texts[True] for stratum in strata),
        "drawn": sum(cell.drawn for cell in cells),
        "rows": balance.rows,
        "texts": balance.texts,
        "rows_unread": partial.unread,
        "dead_shards": population.dead_shards,
        "strata": {stratum.name: stratum.to_dict() for stratum in strata},
    }
