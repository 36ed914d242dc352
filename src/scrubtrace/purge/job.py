"""The purge job: choose, locate, plan, write the shards again, put the record together."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.options.pipeline_options import PipelineOptions

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.idle import ended_when_idle
from scrubtrace.beam_pipelines.layout import plan_table, read_table, table_bytes
from scrubtrace.beam_pipelines.planning import Inputs, PlanError, read_inputs
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.beam_pipelines.purging.unit import PurgeUnits
from scrubtrace.beam_pipelines.remote import limit_parallelism
from scrubtrace.beam_pipelines.runner import (
    is_in_process,
    make_runner,
)
from scrubtrace.beam_pipelines.short_memory import end_under_limit
from scrubtrace.config import Config
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.keys import place_of_keys, read_ring
from scrubtrace.lock import check_apart, output_lock
from scrubtrace.progress import shown_progress
from scrubtrace.purge.choosing import Chosen, choose
from scrubtrace.purge.columns import check_columns
from scrubtrace.purge.kept import give_up_damaged, is_quarantine_deleted, remove_quarantine
from scrubtrace.purge.locating import Located, locate
from scrubtrace.purge.maps import Sums, put_together
from scrubtrace.purge.record import Attachments, Purge, write_record
from scrubtrace.purge.sample_files import Sample
from scrubtrace.resumable import resumable
from scrubtrace.running import beam_options, run_to_end
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Columns, RowRange, Shard, Unit, Work
from scrubtrace.schemas.removal import EXPECTED, PurgeReceipt, PurgeSpec

BATCH_BYTES = 8 << 20
TOLD = 20
"""Rows that were not removed and are told of; all are beside the record."""

UNIT_BYTES = 16 << 20
UNIT_SHARDS = 200
"""Shards are packed into a unit up to so many bytes, and so many shards."""


@dataclass(frozen=True)
class Job:
    """One call of ``scrubtrace purge``."""

    inputs: Sequence[str]
    out: str
    config: Config
    decisions: str | None = None
    results: str | None = None
    key_file: str | None = None
    attachments: Attachments = field(default_factory=Attachments)
    beam_arguments: Sequence[str] = ()
    quiet: bool = False


@dataclass(frozen=True)
class Prepared:
    """A job that was found usable: its shards, what is to go and where that is now."""

    job: Job
    inputs: Inputs
    chosen: Chosen
    located: Located
    ring: KeyRing
    options: PipelineOptions

    def spec(self) -> PurgeSpec:
        """What workers have to know."""
        config, key_file = self.job.config, place_of_keys(self.job.key_file)
        policy = config.purge
        return PurgeSpec(
            dataset=self.inputs.dataset,
            id_column=config.input.id_column,
            chat=config.input.chat,
            by_turn=policy.chat == "turn",
            quarantine=policy.removed_rows == "quarantine",
            key_id=self.ring.active.id,
            retired_key_ids=self.ring.retired_ids,
            key_file=key_file,
            batch_bytes=BATCH_BYTES,
            group_bytes=policy.group_bytes,
            lineage_column=policy.lineage_column,
            basis=self._basis(),
        )

    def _basis(self) -> str:
        about = [self.job.config.purge.model_dump(mode="json"), self.chosen.files]
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
        for table in (self.located.wanted, self.located.not_found):
            digest.update(table_bytes(table))
        return digest.hexdigest()


@dataclass
class Outcome:
    """What a purge did, for its summary."""

    dataset: str
    rows: int
    shards: int
    sums: Sums
    receipts: list[PurgeReceipt]
    dead: list[tuple[str, str]]
    not_removed: list[str]
    record: str

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Shards that were not written, and why."""
        own = [(s.shard, s.error) for r in self.receipts for s in r.shards if s.error]
        return [*self.dead, *own]


def prepare(job: Job) -> Prepared:
    """Everything that can be found wrong before a file is written; raises `UsageStop`."""
    config = job.config
    _check_policy(job)
    options = beam_options(job.beam_arguments, config.scan.workers)
    if job.attachments.audit_batch and not storage.exists(PurgeFolder(job.out).record):
        raise UsageStop("an audit is of shards that were purged already: purge first, without it")
    ring = _ring(job.key_file)
    try:
        columns = Columns((), config.input.id_column)
        inputs = read_inputs(job.inputs, columns, config.input.dataset, config.input.root)
    except PlanError as error:
        raise UsageStop(str(error)) from None
    check_apart(inputs.shards, job.inputs, job.out, job.out)
    chosen = choose(config.purge, inputs.dataset, job.decisions, job.results)
    _check_keys(chosen.wanted, ring)
    if config.input.id_column is None:
        _check_has_places(chosen.wanted)
    check_columns(inputs.footers, chosen.wanted, config)
    dead = [shard.name for shard in inputs.dead]
    located = locate(chosen.wanted, inputs.shards, config.input.id_column, dead)
    return Prepared(job, inputs, chosen, located, ring, options)


@resumable()
def run_purge(job: Job) -> Outcome:
    """Purges, or goes on with an unfinished purge of the same; raises like `detect.run_job`."""
    prepared = prepare(job)
    spec = prepared.spec()
    work = Work(tuple(units_of(prepared.inputs.shards)), (), prepared.inputs.dead)
    with output_lock(job.out):
        folder = PurgeFolder(job.out)
        is_without = is_quarantine_deleted(folder)
        folder.make_folders(work)
        _begin(folder, prepared, spec, work)
        done = folder.scanned_units()
        kept = [unit for unit in work.units if unit.key in done]
        damaged = give_up_damaged(folder, kept, is_without)
        _run(folder, work, prepared.options, job.quiet)
        if is_without:
            remove_quarantine(folder, damaged)
        receipts = [folder.read_receipt(unit.key) for unit in work.units]
        sums = put_together(
            folder,
            receipts,
            prepared.located.not_found,
            prepared.chosen.decisions,
            prepared.inputs.dataset,
        )
        purge = Purge(folder, spec, work, receipts, sums, prepared.chosen, _begun(folder))
        write_record(purge, job.config, job.attachments, _sample(purge, job))
    dead = [(shard.name, shard.detail) for shard in work.dead]
    shards = len(prepared.inputs.shards)
    about = (prepared.inputs.dataset, work.rows, shards, sums, receipts, dead)
    return Outcome(*about, _told(folder), folder.record)


def units_of(shards: Sequence[Shard]) -> Iterator[Unit]:
    """Units of whole shards, small ones packed."""
    pending: list[RowRange] = []
    size, number = 0, 0
    for shard in shards:
        pending.append(RowRange(shard, 0, shard.rows))
        size += shard.size
        if size >= UNIT_BYTES or len(pending) == UNIT_SHARDS:
            yield Unit(f"u{number:07d}", tuple(pending), ())
            pending, size, number = [], 0, number + 1
    if pending:
        yield Unit(f"u{number:07d}", tuple(pending), ())


def _begin(folder: PurgeFolder, prepared: Prepared, spec: PurgeSpec, work: Work) -> None:
    """Writes the plan, unless it is there; raises `UsageStop` if that of another purge is.

    A record without a plan is that of a purge whose ``work`` was removed.
    """
    if storage.exists(folder.plan_file):
        try:
            is_same = folder.spec() == spec
        except (OSError, ValueError, KeyError, TypeError):
            is_same = False
        there = read_table(storage.read_bytes(folder.plan_file))
        if not is_same or not there.equals(plan_table(work)):
            raise UsageStop(
                f"{folder.path} has another purge: of other shards, decisions or policy; give "
                "another --out"
            )
        return
    if storage.exists(folder.record):
        raise UsageStop(f"{folder.path} has the record of a finished purge: give another --out")
    wanted = prepared.located.wanted
    for unit in work.units:
        names = pa.array([entry.shard.name for entry in unit.ranges], pa.string())
        own = wanted.filter(pc.is_in(wanted.column("shard"), names)).combine_chunks()
        storage.write_atomic(folder.wanted(unit.key), table_bytes(own))
    ids = pa.table({"row_id": wanted.column("row_id").unique().drop_null()})
    storage.write_atomic(folder.work("parents.parquet"), table_bytes(ids))
    begun = datetime.now(UTC).isoformat(timespec="seconds")
    storage.write_atomic(folder.work("begun.json"), json.dumps({"begun_at": begun}).encode())
    folder.create(spec, work)


def _told(folder: PurgeFolder) -> list[str]:
    """The first rows that the policy names and that were not removed, with file, row and why."""
    path = folder.removal("not_removed.parquet")
    names = ["shard", "row_index", "row_id", "problem"]
    table = read_table(storage.read_bytes(path), names)
    expected = pa.array([str(problem) for problem in EXPECTED])
    table = table.filter(pc.invert(pc.is_in(table.column("problem"), expected)))
    return [f"{_place(row)}: {row['problem']}" for row in table.slice(0, TOLD).to_pylist()]


def _place(row: dict[str, Any]) -> str:
    """Where a row is, or was: by shard and number, by its id, or both, as far as they are known."""
    of_id = None if row["row_id"] is None else f"id {row['row_id']}"
    if row["shard"] is None:
        return of_id or "no shard"
    place = row["shard"] if row["row_index"] is None else f"{row['shard']}, row {row['row_index']}"
    return f"{place} ({of_id})" if of_id else place


def _sample(purge: Purge, job: Job) -> Sample | None:
    name, bound = job.attachments.audit_batch, job.attachments.bound
    if name is None:
        return None
    from scrubtrace.purge.sampled import read_sample

    return read_sample(name, job.config.review.url, purge.folder, purge.spec.dataset, bound)


def _begun(folder: PurgeFolder) -> str:
    return str(json.loads(storage.read_bytes(folder.work("begun.json")))["begun_at"])


def _run(folder: PurgeFolder, work: Work, options: PipelineOptions, quiet: bool) -> None:
    done = folder.scanned_units()
    keys = [unit.key for unit in work.units if unit.key not in done]
    if not keys:
        return
    limit_parallelism(options, len(keys))
    idle = ended_when_idle(end_under_limit() if is_in_process(options) else None)
    with idle, shown_progress(folder, work.rows, quiet, "touched"):
        pipeline = beam.Pipeline(make_runner(options), options=options)
        _ = pipeline | "Unit keys" >> beam.Create(keys) | "Purge" >> PurgeUnits(folder.path)
        run_to_end(pipeline, options)
    missing = [unit.key for unit in work.units if unit.key not in folder.scanned_units()]
    if missing:
        raise IncompleteStop(f"{len(missing)} units were not purged; the same command goes on")


def _check_policy(job: Job) -> None:
    policy = job.config.purge
    if policy.hold_decision is None:
        raise UsageStop(
            "no decision is recorded on whether the rows have to be preserved: name it with "
            "purge.hold_decision (--hold-decision REFERENCE), or say none"
        )
    if policy.match_verbatim and job.results is None:
        raise UsageStop("purge.match_verbatim needs the folder of detect's runs: --results DIR")
    if not (policy.match_verbatim or policy.list or (policy.reviewed and job.decisions)):
        raise UsageStop(
            "the policy removes nothing: give --decisions FILE, or set purge.list or "
            "purge.match_verbatim"
        )


def _ring(key_file: str | None) -> KeyRing:
    path = place_of_keys(key_file)
    if path is not None and not Path(path).exists():
        raise UsageStop(f"there is no key file {path}: name that of detect with --key-file")
    return read_ring(path)


def _check_keys(wanted: pa.Table, ring: KeyRing) -> None:
    used = set(wanted.column("key_id").unique().drop_null().to_pylist())
    if missing := sorted(used - set(ring.ids)):
        raise UsageStop(
            f"text digests were made with key {', '.join(missing)}, but here are "
            f"{', '.join(ring.ids)}: without it nobody can tell whether a row is the same still; "
            "give that key with --key-file"
        )


def _check_has_places(wanted: pa.Table) -> None:
    if pc.any(pc.is_null(wanted.column("shard"))).as_py():
        raise UsageStop("the list names row ids: say with --id-column where ids are")
