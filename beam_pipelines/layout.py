"""Where the files of one run lie: the one place that spells their names."""

import io
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.schemas.plan import PLAN, DeadShard, RowRange, RunSpec, Shard, Unit
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

    def create(self, spec: RunSpec, units: list[Unit], dead: list[DeadShard]) -> None:
        """Makes the folders and writes the specification and, last, the plan."""
        detectors = [storage.join(self.path, "parts", d.name) for d in spec.detectors]
        others = [storage.join(self.path, n) for n in ("receipts", "dead_letters", "id_hashes")]
        storage.make_folders(*detectors, *others)
        storage.write_atomic(storage.join(self.path, "run.json"), spec.to_json().encode())
        plan = table_bytes(plan_table(units, dead))
        storage.write_atomic(storage.join(self.path, "plan.parquet"), plan)

    def spec(self) -> RunSpec:
        """The run's specification; raises OSError if there is none."""
        return RunSpec.from_json(storage.read_bytes(storage.join(self.path, "run.json")).decode())

    def plan(self) -> tuple[list[Unit], list[DeadShard]]:
        """The run's units in order, and its dead shards; raises OSError if there is no plan."""
        content = storage.read_bytes(storage.join(self.path, "plan.parquet"))
        return read_plan(pq.read_table(io.BytesIO(content)))

    def scanned_units(self) -> set[str]:
        """Keys of the units that have a receipt."""
        names = storage.names_in(storage.join(self.path, "receipts"))
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def read_receipt(self, unit: str) -> Receipt:
        """One unit's receipt; raises OSError if there is none."""
        return Receipt.from_json(storage.read_bytes(self.receipt(unit)))

    def is_committed(self) -> bool:
        """Whether the run has its manifest."""
        return "manifest.json" in storage.names_in(self.path)


def new_run_id(earlier: Iterable[str]) -> str:
    """Id of a run that starts now: the time in UTC, to the microsecond, and a random end.

    It sorts behind every earlier id, also if the clock was set back since: the newest run of two
    is the one with the greater id, for the review table as well.
    """
    started = [time for time in map(_started, earlier) if time is not None]
    after = [time + timedelta(microseconds=1) for time in started]
    return f"{max([datetime.now(UTC), *after]).strftime(_STAMP)}-{secrets.token_hex(3)}"


def _started(run: str) -> datetime | None:
    try:
        return datetime.strptime(run.split("-")[0], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return None


def runs_of(out: str) -> list[RunFolder]:
    """The runs below an output folder that have a plan, oldest first."""
    folder = storage.join(out, "runs")
    if storage.is_remote(out):
        found = storage.match(storage.join(folder, "*", "plan.parquet"))
        paths = [info.path.rsplit("/", 1)[0] for info in found]
    else:
        paths = [storage.join(folder, name) for name in storage.names_in(folder)]
    return [RunFolder(path) for path in paths if "plan.parquet" in storage.names_in(path)]


def table_bytes(table: pa.Table) -> bytes:
    """A table as Parquet bytes; equal tables give equal bytes."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", write_statistics=False)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def plan_table(units: list[Unit], dead: list[DeadShard]) -> pa.Table:
    """The plan as a table with the columns of `PLAN`."""
    rows: list[dict[str, object]] = [
        {
            "unit": unit.key,
            "path": r.shard.path,
            "shard": r.shard.name,
            "size": r.shard.size,
            "modified": r.shard.modified,
            "footer_digest": r.shard.footer_digest,
            "shard_rows": r.shard.rows,
            "start": r.start,
            "stop": r.stop,
        }
        for unit in units
        for r in unit.ranges
    ]
    rows += [
        {"path": d.path, "shard": d.name, "dead_reason": d.reason, "dead_detail": d.detail}
        for d in dead
    ]
    return pa.Table.from_pylist(rows, PLAN)


def read_plan(table: pa.Table) -> tuple[list[Unit], list[DeadShard]]:
    """Units in order, and dead shards, from a plan table."""
    ranges: dict[str, list[RowRange]] = {}
    dead: list[DeadShard] = []
    for row in table.to_pylist():
        if row["unit"] is None:
            dead.append(
                DeadShard(row["path"], row["shard"], row["dead_reason"], row["dead_detail"])
            )
            continue
        shard = Shard(
            row["path"],
            row["shard"],
            row["size"],
            row["modified"],
            row["footer_digest"],
            row["shard_rows"],
        )
        ranges.setdefault(row["unit"], []).append(RowRange(shard, row["start"], row["stop"]))
    return [Unit(key, tuple(found)) for key, found in ranges.items()], dead
