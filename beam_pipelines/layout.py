"""Where the files of one run lie: the one place that spells their names."""

import secrets
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.schemas.plan import PLAN, DeadShard, Kept, RowRange, RunSpec, Shard, Unit, Work
from scrubtrace.schemas.receipts import Receipt

_STAMP = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, ``OUT/runs/ID``, and what it holds."""

    path: str

    @property
    def id(self) -> str:
        """The run's id: the name of its folder."""
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    @property
    def manifest(self) -> str:
        """Path of the manifest, written by commit: a run without one is unfinished."""
        return storage.join(self.path, "manifest.json")

    @property
    def draft(self) -> str:
        """Path of the manifest while it is being committed; an interrupted commit leaves it."""
        return storage.join(self.path, "manifest.draft.json")

    @property
    def environment(self) -> str:
        """Path of the record of where the run was scanned; decides nothing."""
        return storage.join(self.path, "environment.json")

    def receipt(self, unit: str) -> str:
        """Path of a unit's receipt."""
        return storage.join(self.path, "receipts", f"{unit}.json")

    def part(self, detector: str, unit: str) -> str:
        """Path of what one detector found in a unit."""
        return storage.join(self.path, "parts", detector, f"{unit}.parquet")

    def dead_letters(self, unit: str) -> str:
        """Path of a unit's dead letters; there is no file if the unit has none."""
        return storage.join(self.path, "dead_letters", f"{unit}.parquet")

    def id_hashes(self, unit: str) -> str:
        """Path of the hashes of a unit's row ids, when the run has an id column."""
        return storage.join(self.path, "id_hashes", f"{unit}.npy")

    def counts(self, unit: str) -> str:
        """Path of a unit's counts of texts by language and group."""
        return storage.join(self.path, "counts", f"{unit}.parquet")

    def create(self, spec: RunSpec, work: Work) -> None:
        """Makes the folders and writes the specification and, last, the plan."""
        detectors = [storage.join(self.path, "parts", d.name) for d in spec.detectors]
        names = ("receipts", "dead_letters", "id_hashes", "counts")
        storage.make_folders(*detectors, *(storage.join(self.path, name) for name in names))
        storage.write_atomic(storage.join(self.path, "run.json"), spec.to_json().encode())
        plan = table_bytes(plan_table(work))
        storage.write_atomic(self.plan_file, plan)

    def spec(self) -> RunSpec:
        """The run's specification; raises OSError if there is none, ValueError if it is foreign."""
        return RunSpec.from_json(storage.read_bytes(storage.join(self.path, "run.json")).decode())

    @property
    def plan_file(self) -> str:
        """Path of the plan, written last when a run is made: a folder without one is no run."""
        return storage.join(self.path, "plan.parquet")

    def work(self) -> Work:
        """What the plan says; raises OSError if there is no plan."""
        return read_plan(read_table(storage.read_bytes(self.plan_file)))

    def scanned_units(self) -> set[str]:
        """Keys of the units that have a receipt."""
        names = storage.names_in(storage.join(self.path, "receipts"))
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def read_receipt(self, unit: str) -> Receipt:
        """One unit's receipt; raises OSError if there is none."""
        return Receipt.from_json(storage.read_bytes(self.receipt(unit)))

    def is_committed(self) -> bool:
        """Whether the run has its manifest."""
        return storage.exists(self.manifest)


def new_run_id(earlier: Iterable[str]) -> str:
    """Id of a run that starts now: the time in UTC, to the microsecond, and a random end.

    It sorts behind every earlier id, also if the clock was set back since: the newest run of two
    is the one with the greater id, for the review table as well.
    """
    started = [time for time in map(started_at, earlier) if time is not None]
    after = [time + timedelta(microseconds=1) for time in started]
    return f"{max([datetime.now(UTC), *after]).strftime(_STAMP)}-{secrets.token_hex(3)}"


def started_at(run: str) -> datetime | None:
    """When a run was planned, in UTC; None for a name that is no id of a run."""
    try:
        return datetime.strptime(run.split("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def runs_of(out: str) -> list[RunFolder]:
    """The runs below an output folder that have a plan, oldest first."""
    folder = storage.join(out, "runs")
    if storage.is_remote(out):
        found = storage.match_in(folder, "*/plan.parquet")
        return [RunFolder(info.path.rsplit("/", 1)[0]) for info in found]
    folders = (RunFolder(storage.join(folder, name)) for name in storage.names_in(folder))
    return [run for run in folders if storage.exists(run.plan_file)]


def remove_unplanned(out: str) -> None:
    """Removes local run folders without a plan: what a run that ended while planning left behind.

    The caller holds the lock of the output folder, so that no run is being planned.
    """
    if storage.is_remote(out):
        return
    planned = {folder.id for folder in runs_of(out)}
    for name in storage.names_in(storage.join(out, "runs")):
        if started_at(name) is not None and name not in planned:
            shutil.rmtree(storage.join(out, "runs", name))


def table_bytes(table: pa.Table) -> bytes:
    """A table as Parquet bytes; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_table(content: bytes, columns: list[str] | None = None) -> pa.Table:
    """A table from Parquet bytes, or some columns of it.

    Read by this thread alone: ``pq.read_table`` leaves it to threads of Arrow, and one that lets
    go of Python's bytes while the interpreter ends aborts the process.
    """
    with pq.ParquetFile(pa.BufferReader(content), pre_buffer=False) as file:
        return file.read(columns, use_threads=False)


def plan_table(work: Work) -> pa.Table:
    """The plan as a table with the columns of `PLAN`."""
    rows: list[dict[str, object]] = [
        _shard_columns(r.shard)
        | {"unit": unit.key, "detectors": unit.detectors, "start": r.start, "stop": r.stop}
        for unit in work.units
        for r in unit.ranges
    ]
    rows += [
        _shard_columns(kept.shard) | {"run": kept.run, "detectors": kept.detectors}
        for kept in work.kept
    ]
    rows += [
        {
            "detectors": (),
            "path": d.path,
            "shard": d.name,
            "dead_reason": d.reason,
            "dead_detail": d.detail,
        }
        for d in work.dead
    ]
    return pa.Table.from_pylist(rows, PLAN)


def _shard_columns(shard: Shard) -> dict[str, object]:
    return {
        "path": shard.path,
        "shard": shard.name,
        "size": shard.size,
        "modified": shard.modified,
        "footer_digest": shard.footer_digest,
        "shard_rows": shard.rows,
    }


def read_plan(table: pa.Table) -> Work:
    """The plan read back; ranges of one shard share one `Shard`."""
    ranges: dict[str, list[RowRange]] = {}
    detectors: dict[str, tuple[str, ...]] = {}
    shards: dict[str, Shard] = {}
    kept: list[Kept] = []
    dead: list[DeadShard] = []
    for row in table.to_pylist():
        name, names = row["shard"], tuple(row["detectors"])
        if row["dead_reason"] is not None:
            dead.append(DeadShard(row["path"], name, row["dead_reason"], row["dead_detail"]))
            continue
        about = (row["size"], row["modified"], row["footer_digest"], row["shard_rows"])
        shard = shards.setdefault(name, Shard(row["path"], name, *about))
        if row["run"] is not None:
            kept.append(Kept(shard, row["run"], names))
            continue
        ranges.setdefault(row["unit"], []).append(RowRange(shard, row["start"], row["stop"]))
        detectors[row["unit"]] = names
    units = (Unit(key, tuple(found), detectors[key]) for key, found in ranges.items())
    return Work(tuple(units), tuple(kept), tuple(dead))
