"""Where the files of one purge lie: the one place that spells their names."""

from dataclasses import dataclass

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import plan_table, read_plan, read_table, table_bytes
from scrubtrace.schemas.plan import Work
from scrubtrace.schemas.removal import PurgeReceipt, PurgeSpec

SHARDS = "shards"
QUARANTINE = "quarantine"
REMOVAL = "removal"


@dataclass(frozen=True)
class PurgeFolder:
    """The output folder of a purge: the shards, the quarantine, and what the record rests on.

    ``work`` in it has what is only needed until the record is written.
    """

    path: str

    def shard(self, name: str) -> str:
        """Path of a shard as it was written."""
        return storage.join(self.path, SHARDS, name)

    def quarantine(self, name: str) -> str:
        """Path of the rows that were removed from a shard, with reasons."""
        return storage.join(self.path, QUARANTINE, name)

    def removal(self, name: str) -> str:
        """Path of a file that the record names."""
        return storage.join(self.path, REMOVAL, name)

    def digests(self, name: str) -> str:
        """Path of the digests of the rows of a shard as it was written."""
        return storage.join(self.path, REMOVAL, "digests", name)

    @property
    def record(self) -> str:
        """Path of the removal record, written last of all."""
        return self.removal("record.json")

    @property
    def envelope(self) -> str:
        """Path of the record with signatures, if it was signed."""
        return self.removal("record.dsse.json")

    def work(self, *names: str) -> str:
        """Path of a file that is needed until the record is written."""
        return storage.join(self.path, "work", *names)

    def wanted(self, unit: str) -> str:
        """Path of what is to go from the shards of a unit."""
        return self.work("wanted", f"{unit}.parquet")

    def removed(self, unit: str) -> str:
        """Path of what went from the shards of a unit."""
        return self.work("removed", f"{unit}.parquet")

    def not_removed(self, unit: str) -> str:
        """Path of what was to go from the shards of a unit and did not."""
        return self.work("not_removed", f"{unit}.parquet")

    def receipt(self, unit: str) -> str:
        """Path of a unit's receipt."""
        return self.work("receipts", f"{unit}.json")

    @property
    def plan_file(self) -> str:
        """Path of the plan, written last when a purge begins."""
        return self.work("plan.parquet")

    def make_folders(self, work: Work) -> None:
        """Makes the local folders of all that is written."""
        places = [self.shard, self.quarantine, self.digests]
        names = {"", *(name.rpartition("/")[0] for name in work.shard_names)}
        found = [place(name) for place in places for name in sorted(names)]
        parts = [self.work(n) for n in ("wanted", "removed", "not_removed", "receipts")]
        storage.make_folders(*found, *parts)

    def create(self, spec: PurgeSpec, work: Work) -> None:
        """Writes the specification and, last, the plan."""
        storage.write_atomic(self.work("purge.json"), spec.to_json().encode())
        storage.write_atomic(self.plan_file, table_bytes(plan_table(work)))

    def spec(self) -> PurgeSpec:
        """The specification; raises OSError if there is none, ValueError if it is foreign."""
        return PurgeSpec.from_json(storage.read_bytes(self.work("purge.json")).decode())

    def plan(self) -> Work:
        """What the plan says; raises OSError if there is none."""
        return read_plan(read_table(storage.read_bytes(self.plan_file)))

    def scanned_units(self) -> set[str]:
        """Keys of the units that have a receipt."""
        names = storage.names_in(self.work("receipts"))
        return {name.removesuffix(".json") for name in names if name.endswith(".json")}

    def read_receipt(self, unit: str) -> PurgeReceipt:
        """One unit's receipt; raises OSError if there is none."""
        return PurgeReceipt.from_json(storage.read_bytes(self.receipt(unit)))
