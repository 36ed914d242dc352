"""Purging one unit of whole shards, and the Beam transform that does it for keys of units."""

import dataclasses
import errno
import hashlib
from collections import Counter
from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.metrics import Metrics

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.failures import (
    NAMESPACE,
    UNREADY,
    UNREADY_CHARS,
    UNWRITTEN,
    ScanError,
    place_of,
)
from scrubtrace.beam_pipelines.keys import DigestKeyError, key_place, read_keys
from scrubtrace.beam_pipelines.layout import read_table, table_bytes
from scrubtrace.beam_pipelines.purging.checking import Keys
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.beam_pipelines.purging.shard import Purged, purge_shard
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Unit
from scrubtrace.schemas.removal import NOT_REMOVED, REMOVED, PurgeReceipt, PurgeSpec


def purge_unit(
    unit: Unit, folder: PurgeFolder, spec: PurgeSpec, keys: Keys, parents: pa.Array | None = None
) -> PurgeReceipt:
    """Purges the shards of a unit, and writes what went, what did not, and last the receipt.

    The same unit gives the same bytes. Raises OSError or `storage.RemoteError` if a file cannot be
    written.
    """
    wanted = read_table(storage.read_bytes(folder.wanted(unit.key)))
    found: list[Purged] = []
    for entry in unit.ranges:
        own = wanted.filter(pc.equal(wanted.column("shard"), entry.shard.name))
        own = own.combine_chunks()
        found.append(purge_shard(entry.shard, own, folder, spec, keys, parents))
    removed = pa.concat_tables(
        [REMOVED.empty_table(), *(table for purged in found for table in purged.removed)]
    )
    content = table_bytes(removed.combine_chunks())
    storage.write_atomic(folder.removed(unit.key), content)
    left = [table.cast(NOT_REMOVED) for purged in found for table in purged.not_removed]
    table = pa.concat_tables([NOT_REMOVED.empty_table(), *left]).combine_chunks()
    storage.write_atomic(folder.not_removed(unit.key), table_bytes(table))
    receipt = PurgeReceipt(
        unit.key,
        [purged.receipt for purged in found],
        hashlib.sha256(content).hexdigest(),
        Counter(table.column("problem").to_pylist()),
    )
    storage.write_atomic(folder.receipt(unit.key), receipt.to_json())
    return receipt


def keys_of(spec: PurgeSpec) -> Keys:
    """The digest keys that the purge was planned with; raises `DigestKeyError` without one."""
    ring = read_keys(spec.key_file)
    return selected_keys(ring, spec)


def selected_keys(ring: KeyRing, spec: PurgeSpec) -> Keys:
    """The keys of a ring that a purge was planned with; raises `DigestKeyError` without one."""
    held = ring.by_id
    for key_id in (spec.key_id, *spec.retired_key_ids):
        if key_id not in held:
            place = key_place(spec.key_file)
            raise DigestKeyError(f"{place} has no key {key_id}, which the purge was planned with")
    return held


class PurgeUnitFn(beam.DoFn):
    """Purges units by their keys; gives (key, rows) of each unit that was written.

    A unit that cannot be written or does not fit into memory is counted and left without a receipt;
    one that has its receipt is not purged again.
    """

    def __init__(self, folder: str) -> None:
        self._path = storage.absolute(folder)

    def setup(self) -> None:
        """Reads plan, specification and keys."""
        self._folder = PurgeFolder(self._path)
        self._spec = self._folder.spec()
        self._units = {unit.key: unit for unit in self._folder.plan().units}
        self._problem = ""
        try:
            self._keys = keys_of(self._spec)
        except DigestKeyError as error:
            self._problem = str(error)[:UNREADY_CHARS]
        self._parents: pa.Array | None = None
        if self._spec.lineage_column is not None:
            table = read_table(storage.read_bytes(self._folder.work("parents.parquet")))
            self._parents = table.column("row_id").combine_chunks()

    def process(self, element: str) -> Iterator[tuple[str, int]]:
        """Purges the unit with this key."""
        if self._problem:
            Metrics.counter(NAMESPACE, UNREADY + self._problem).inc()
            return
        unit = self._units[element]
        if not storage.exists(self._folder.receipt(element)):
            try:
                purge_unit(unit, self._folder, self._spec, self._keys, self._parents)
            except (OSError, storage.RemoteError) as error:
                name = errno.errorcode.get(error.errno or 0, type(error).__name__)
                Metrics.counter(NAMESPACE, UNWRITTEN + name).inc()
                return
            except MemoryError:
                Metrics.counter(NAMESPACE, UNWRITTEN + "ENOMEM").inc()
                return
            except Exception as error:
                raise ScanError(f"unit {element}: {place_of(error)}") from None
        yield element, unit.rows


@dataclasses.dataclass
class PurgeUnits(beam.PTransform):
    """Keys of units of the purge in ``folder`` to (key, rows) of each unit purged."""

    folder: str

    def expand(self, keys: beam.PCollection[str]) -> beam.PCollection[tuple[str, int]]:
        """Spreads the keys over the workers and purges."""
        return (
            keys
            | "Spread units" >> beam.Reshuffle()
            | "Purge units" >> beam.ParDo(PurgeUnitFn(self.folder))
        )
