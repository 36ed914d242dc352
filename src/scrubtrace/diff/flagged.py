"""Texts that an earlier run flagged, known by their keyed digests."""

from contextlib import closing
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from scrubtrace.beam_pipelines.keys import key_place, read_keys
from scrubtrace.diff.spec import DiffSpec
from scrubtrace.exits import UsageStop
from scrubtrace.keys import existing_keys
from scrubtrace.review.rotation import DROPPED
from scrubtrace.review.store import iter_items
from scrubtrace.schemas.identity import DigestKey

FILE = "flagged.npy"

Digests = NDArray[np.bytes_]


@dataclass(frozen=True)
class Flagged:
    """Digests of flagged texts, sorted, and the keys that they were made with."""

    digests: Digests
    keys: tuple[DigestKey, ...]

    def has(self, text: str) -> bool:
        """Whether a text was flagged."""
        return any(self._holds(bytes.fromhex(key.digest(text))) for key in self.keys)

    def _holds(self, digest: bytes) -> bool:
        # NumPy takes NUL bytes at the end of a value for padding, on both sides alike.
        wanted = np.array(digest, self.digests.dtype)
        at = int(np.searchsorted(self.digests, wanted))
        return at < len(self.digests) and bool(self.digests[at] == wanted)


def read_flagged(engine: Engine, key_file: str | None) -> Flagged:
    """The flagged items of a review table that still have digests.

    Memory: 32 bytes an item, and as much again while they are read. Raises `UsageStop` if a key
    that they need is not here, `ReviewError` if the table cannot be read.
    """
    found: list[bytes] = []
    used: set[str] = set()
    with closing(iter_items(engine, flagged=True)) as items:
        for stored in items:
            if not stored.item.key_id.startswith(DROPPED):
                used.add(stored.item.key_id)
                found.append(bytes.fromhex(stored.item.text_digest))
    ring, path = existing_keys(key_file)
    held = ring.by_id if ring else {}
    if missing := sorted(used - held.keys()):
        raise UsageStop(
            f"flagged texts are known by digests of key {missing[0]}, which {key_place(path)} does "
            "not hold: give the key that detect used with --key-file"
        )
    keys = tuple(held[key_id] for key_id in sorted(used))
    return Flagged(np.unique(np.array(found, "S32")), keys)


def kept_flagged(spec: DiffSpec) -> Flagged | None:
    """What was read before, in a worker; None without flagged texts."""
    if not spec.flagged_keys:
        return None
    held = read_keys(spec.key_file).by_id
    keys = tuple(held[key_id] for key_id in spec.flagged_keys)
    return Flagged(np.load(spec.work(FILE), allow_pickle=False), keys)
