"""Which digest keys the review table needs, and dropping one that it does not."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine

from scrubtrace.beam_pipelines.keys import KEY_VARIABLE, key_place
from scrubtrace.exits import UsageStop
from scrubtrace.key_file import drop
from scrubtrace.keys import existing_keys
from scrubtrace.review.rotation import DROPPED, give_up_digests, items_by_key


def key_lines(key_file: str | None, engine: Engine | None) -> Iterator[str]:
    """What ``keys show`` prints: the place, then a key a line, with its items in the table.

    Raises `UsageStop` if the keys cannot be read, `ReviewError` if the table cannot.
    """
    ring, path = existing_keys(key_file)
    used = items_by_key(engine) if engine else {}
    yield key_place(path) + ("" if ring else ": no key yet, the first run of detect makes one")
    states = dict.fromkeys(ring.ids, "retired") | {ring.active.id: "active"} if ring else {}
    for key_id in [*states, *(key_id for key_id in used if key_id not in states)]:
        dropped = key_id.startswith(DROPPED)
        state = "dropped" if dropped else states.get(key_id, "missing")
        items = f"  {used.get(key_id, 0):,} items" if engine else ""
        yield f"{key_id.removeprefix(DROPPED)}  {state:8}{items}".rstrip()


def drop_key(key_file: str | None, key_id: str, engine: Engine, force: bool) -> Iterator[str]:
    """Drops a retired key; gives what was done, line by line.

    With ``force`` the digests of items that need it are given up first, and the key may be lost
    already. Raises `UsageStop` if it is the active key, if there is no such key, or if items need
    it and ``force`` is not set, and `ReviewError` if the table cannot be read; then nothing has
    been changed.
    """
    ring, path = existing_keys(key_file)
    if ring and key_id == ring.active.id:
        raise UsageStop(f"key {key_id} is the active key: rotate first")
    count = items_by_key(engine).get(key_id, 0)
    held = ring is not None and key_id in ring.retired_ids
    if not held and not count:
        raise UsageStop(f"neither {key_place(path)} nor the review table has a key {key_id}")
    if count and not force:
        raise UsageStop(
            f"{count:,} items of the review table need key {key_id}: let detect scan their shards, "
            "or give their digests up with --force"
        )
    if count:
        yield f"digests of {give_up_digests(engine, key_id):,} items given up"
    if not held:
        return
    if path is None:
        yield f"no item needs key {key_id}: take it out of {KEY_VARIABLE}"
    else:
        drop(Path(path), key_id)
        yield f"key {key_id} removed from {path}"
    yield (
        "control tasks that were planned with it cannot be scored any more, and rows of removal "
        "records made with it not be named: as long as you need that, keep it elsewhere"
    )
