"""Comparing shards with their removal record, and saying what exactly is different."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import read_table
from scrubtrace.beam_pipelines.purging.layout import QUARANTINE, REMOVAL, SHARDS
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.purge.differing import SHOWN, Written, differences, removed_rows
from scrubtrace.purge.record import PREDICATE, SELF, STATEMENT, record_bytes
from scrubtrace.purge.sample_files import SIDE_FILES
from scrubtrace.purge.signing import opened, verified
from scrubtrace.schemas.identity import DigestKey, KeyRing
from scrubtrace.schemas.removal import EXPECTED, REMOVED

if TYPE_CHECKING:
    from scrubtrace.audit.seeds import Seed


@dataclass
class Found:
    """What was compared, and ``problems`` in words; notes say what could not be told.

    ``drawn`` texts of the batch ``sample`` were drawn again.
    """

    shards: int = 0
    rows: int = 0
    compared_rows: int = 0
    signed: bool = False
    sample: str | None = None
    drawn: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def verify(
    path: str,
    ring: KeyRing | None,
    public_key: str | None = None,
    every_row: bool = False,
    seed: "Seed | None" = None,
) -> Found:
    """Compares everything that a record names with what is there.

    ``path`` is the record, or the envelope that it was signed in. With ``every_row`` the rows of
    shards whose bytes are the same are compared as well. With its seed the sample of the record is
    drawn again. Raises `UsageStop` for a file that is no record, or another seed, `SumsDifferStop`
    if the record itself was changed.
    """
    statement = read_record(path, public_key)
    found = Found(signed=public_key is not None)
    predicate = statement["predicate"]
    if seed is not None:
        from scrubtrace.purge.sampled import check_seed

        check_seed(predicate, seed)
    found.notes += _incomplete(predicate)
    base = storage.absolute(path).rsplit("/", 2)[0]
    _compare_side_files(base, predicate, found)
    key = _key(predicate["key_id"], ring, found)
    differ = _Differ(base, predicate, key)
    found.rows = predicate["rows"]["after"]
    for subject in statement["subject"]:
        found.shards += 1
        name = subject["name"].removeprefix(f"{SHARDS}/")
        place = storage.join(base, subject["name"])
        digest = storage.sha256_of(place)
        if digest is None:
            found.problems.append(f"{name}: there is no such file")
        elif digest != subject["digest"]["sha256"]:
            found.problems += differ.told(name, place, changed=True)
        elif every_row and key is not None:
            found.problems += differ.told(name, place, changed=False)
            found.compared_rows += differ.rows
    names = {subject["name"] for subject in statement["subject"]}
    found.problems += _unknown(base, names)
    if seed is not None:
        _draw(base, predicate, seed, ring, found)
    return found


def _draw(
    base: str, predicate: dict[str, Any], seed: "Seed", ring: KeyRing | None, found: Found
) -> None:
    """Draws the sample again, unless its side files are not those that the record names."""
    names = [f"{REMOVAL}/{name}" for name in SIDE_FILES]
    side = {name: digest for name, digest in predicate["side_files"].items() if name in names}
    if any(storage.sha256_of(storage.join(base, name)) != digest for name, digest in side.items()):
        found.notes.append("the sample was not drawn again: what was drawn is not known any more")
        return
    from scrubtrace.purge.sampled import draw_again

    drawn = draw_again(base, predicate, seed, ring)
    found.sample, found.drawn = drawn.batch, drawn.texts
    found.problems += drawn.problems
    found.notes += drawn.notes


def read_record(path: str, public_key: str | None) -> dict[str, Any]:
    """The statement of a record, if the record is as it was written.

    Raises `UsageStop` for a file that is no record, `SumsDifferStop` for a changed one.
    """
    try:
        content = storage.read_bytes(path)
    except (OSError, storage.RemoteError) as error:
        raise UsageStop(f"cannot read {path}: {error.strerror}") from None
    is_envelope = path.endswith(".dsse.json")
    if public_key is not None:
        if not is_envelope:
            raise UsageStop("signatures are in record.dsse.json: give that file")
        content = verified(content, public_key)
    elif is_envelope:
        content = bytes(opened(content).payload)
    try:
        statement = json.loads(content)
        known = (statement["_type"], statement["predicateType"]) == (STATEMENT, PREDICATE)
        known = known and SELF in statement["predicate"]
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise SumsDifferStop(f"{path} is no removal record, or was changed beyond reading")
    if record_bytes(statement) != content:
        raise SumsDifferStop(f"{path} was changed: it is not what its own digest says")
    return dict(statement)


def _incomplete(predicate: dict[str, Any]) -> Iterator[str]:
    """What the purge itself left undone, as the record says."""
    shards = [entry["name"] for entry in predicate["shards_not_written"]]
    if shards:
        shown = ", ".join(shards[:SHOWN]) + (", ..." if len(shards) > SHOWN else "")
        yield f"the purge was incomplete: {len(shards):,} shards were not written: {shown}"
    texts = {n: c for n, c in predicate["named_but_not_removed"].items() if n not in EXPECTED}
    if texts:
        counts = ", ".join(f"{name} {count:,}" for name, count in texts.items())
        yield f"the purge was incomplete: named but not removed: {counts}"


def _compare_side_files(base: str, predicate: dict[str, Any], found: Found) -> None:
    """All but a quarantine that was deleted as a whole, as it has to be some day."""
    side = predicate["side_files"]
    kept = [name for name in side if name.startswith(f"{QUARANTINE}/")]
    if kept and not storage.files_below(storage.join(base, QUARANTINE)):
        found.notes.append(
            f"the quarantine is gone ({len(kept):,} files of the record): what was removed cannot "
            "be looked at any more"
        )
        side = {name: digest for name, digest in side.items() if name not in kept}
    for name, expected in side.items():
        digest = storage.sha256_of(storage.join(base, name))
        if digest is None:
            found.problems.append(f"{name}: there is no such file, but the record names it")
        elif digest != expected:
            found.problems.append(f"{name}: is not the file that the record names")


def _key(key_id: str, ring: KeyRing | None, found: Found) -> DigestKey | None:
    held = {} if ring is None else ring.by_id
    if key_id not in held:
        found.notes.append(
            f"key {key_id} is not here: only whole files are compared, rows cannot be named"
        )
    return held.get(key_id)


def _unknown(base: str, names: set[str]) -> Iterator[str]:
    folder = storage.join(base, SHARDS)
    prefix = folder.rstrip("/") + "/"
    for info in storage.files_below(folder):
        name = f"{SHARDS}/{info.path.removeprefix(prefix)}"
        if name not in names and storage.TEMPORARY_PREFIX not in name:
            yield f"{name}: the record does not name this file"


class _Differ:
    """Says what is different in shards; the removed rows are read once, when they are needed."""

    def __init__(self, base: str, predicate: dict[str, Any], key: DigestKey | None) -> None:
        self._base, self._side, self._key = base, predicate["side_files"], key
        self._removed: pa.Table | None = None
        self.rows = 0

    def told(self, name: str, path: str, changed: bool) -> Iterator[str]:
        """What is different in one shard, in words."""
        before = f"{REMOVAL}/digests/{name}"
        place = storage.join(self._base, before)
        if self._key is None or storage.sha256_of(place) != self._side.get(before):
            yield f"{name}: the file is another one than when it was written"
            return
        written = Written.read(place)
        self.rows = len(written.rows)
        said = False
        for problem in differences(name, path, written, self._key, self._known(name)):
            said = True
            yield problem
        if changed and not said:
            yield f"{name}: the file is another one, but every row and column has its value"

    def _known(self, shard: str) -> dict[int, str]:
        if self._removed is None:
            name = f"{REMOVAL}/removed.parquet"
            path = storage.join(self._base, name)
            is_whole = storage.sha256_of(path) == self._side.get(name)
            content = storage.read_bytes(path) if is_whole else None
            self._removed = read_table(content) if content else REMOVED.empty_table()
        return removed_rows(self._removed, shard)
