"""The key and the rank of every text: a rank says when it is drawn, whoever computes it.

The rank is the beginning of HMAC-SHA256 (RFC 2104) of the text's item key under the seed, so that
it can be computed again from the batch and the seed, and nobody without the seed can foresee it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scrubtrace.beam_pipelines.decoding import Place, Rows

SEED_BYTES = 32
RANK_BYTES = 8

Ranks = NDArray[np.uint64]

_BLOCK = 64
_INNER, _OUTER = 0x36, 0x5C
_quoted = json.JSONEncoder(ensure_ascii=True).encode


@dataclass(frozen=True)
class Ranker:
    """Ranks of item keys under a seed of 32 bytes; raises ValueError for another length."""

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != SEED_BYTES:
            raise ValueError(f"a seed has {SEED_BYTES} bytes, this one {len(self.seed)}")

    def ranks(self, keys: Sequence[str]) -> Ranks:
        """The first 8 bytes of the HMAC of each key, as a big-endian number; shape (keys,).

        Copies of two prepared hashes: half the time of a new HMAC for each key.
        """
        padded = self.seed.ljust(_BLOCK, b"\0")
        inner = hashlib.sha256(bytes(byte ^ _INNER for byte in padded))
        outer = hashlib.sha256(bytes(byte ^ _OUTER for byte in padded))
        digests = bytearray()
        for key in keys:
            first, second = inner.copy(), outer.copy()
            first.update(key.encode())
            second.update(first.digest())
            digests += second.digest()[:RANK_BYTES]
        return np.frombuffer(bytes(digests), ">u8").astype(np.uint64)


def text_keys(
    dataset: str,
    shard: str,
    rows: Rows,
    text_rows: Sequence[int],
    places: Sequence[Place],
    occurrences: Mapping[int, int],
) -> list[str]:
    """`scrubtrace.schemas.identity.item_key` of each text, some times faster.

    ``text_rows`` numbers the row of each text within ``rows``; ``occurrences`` has, by row of the
    shard, how many earlier rows have the same id, where there are any.
    """
    head, of_shard = f"[{_quoted(dataset)},", _quoted(shard)
    tails = {place: _tail(place) for place in set(places)}
    blake2b, ids, start = hashlib.blake2b, rows.ids, rows.start
    keys = []
    for row, place in zip(text_rows, places, strict=True):
        row_id = None if ids is None else ids[row]
        if row_id is None:
            content = f"{head}{of_shard},{start + row},{tails[place]}"
        else:
            occurrence = occurrences.get(start + row, 0)
            content = f"{head}{_quoted(row_id)},{occurrence},{tails[place]}"
        keys.append("r" + blake2b(content.encode(), digest_size=16).hexdigest())
    return keys


def _tail(place: Place) -> str:
    return f"{_quoted(place.field)},{'null' if place.turn is None else place.turn}]"
