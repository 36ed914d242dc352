"""Whether the files of an earlier call are as it wrote them, before they are taken for done."""

from collections.abc import Iterator, Sequence

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.purging.layout import QUARANTINE, PurgeFolder
from scrubtrace.exits import SumsDifferStop
from scrubtrace.schemas.plan import Unit
from scrubtrace.schemas.removal import ShardReceipt


def is_quarantine_deleted(folder: PurgeFolder) -> bool:
    """Whether the purge is finished and no file of the quarantine is there any more."""
    if not storage.exists(folder.record):
        return False
    return not storage.files_below(storage.join(folder.path, QUARANTINE))


def give_up_damaged(folder: PurgeFolder, units: Sequence[Unit], is_without: bool) -> list[Unit]:
    """The units whose files differ from their receipts; these are removed, so that they are redone.

    All files of the units are read. ``is_without``: files of the quarantine are not missed. Raises
    `SumsDifferStop` for a unit of which an input is another one by now, before any is removed.
    """
    damaged = []
    for unit in units:
        entries = {entry.shard: entry for entry in folder.read_receipt(unit.key).shards}
        names = [name for name, entry in entries.items() if _differs(folder, entry, is_without)]
        if not names:
            continue
        for own in unit.ranges:
            name = own.shard.name
            expected = entries[name].input_sha256
            if expected and storage.sha256_of(own.shard.path) != expected:
                raise SumsDifferStop(
                    f"shard {names[0]} is not as it was written, and its input is another one "
                    f"by now ({name}): purge into another folder"
                )
        damaged.append(unit)
        for name in names:
            text = f"scrubtrace: shard {name} was not as it was written: written again"
            log.tell("written_again", text, "warning", shard=name)
    storage.remove([folder.receipt(unit.key) for unit in damaged])
    return damaged


def remove_quarantine(folder: PurgeFolder, units: Sequence[Unit]) -> None:
    """Removes what units that were written again put into a quarantine that had been deleted."""
    places = [folder.quarantine(own.shard.name) for unit in units for own in unit.ranges]
    storage.remove([place for place in places if storage.exists(place)])


def _differs(folder: PurgeFolder, entry: ShardReceipt, is_without: bool) -> bool:
    return any(
        storage.sha256_of(place) != digest for place, digest in _files(folder, entry, is_without)
    )


def _files(folder: PurgeFolder, entry: ShardReceipt, is_without: bool) -> Iterator[tuple[str, str]]:
    """Places and digests of the files of a shard."""
    found = [
        (folder.shard(entry.shard), entry.sha256),
        (folder.digests(entry.shard), entry.digests_sha256),
    ]
    if not is_without:
        found.append((folder.quarantine(entry.shard), entry.quarantine_sha256))
    yield from ((place, digest) for place, digest in found if digest)
