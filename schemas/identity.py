"""Identity of rows and texts: item keys, row-id hashes, keyed text digests."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
"""Length of a digest key, in bytes (the output length of SHA-256, as RFC 2104 advises)."""


@dataclass(frozen=True)
class DigestKey:
    """A secret key for text digests; kept apart from the data that carries the digests.

    Digests of short texts could be guessed by trying texts; with a key they cannot.
    """

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a digest key has {KEY_BYTES} bytes, this one {len(self.secret)}")

    @classmethod
    def from_hex(cls, text: str) -> "DigestKey":
        """Key from 64 hexadecimal digits; raises ValueError without repeating them."""
        try:
            secret = bytes.fromhex(text.strip())
        except ValueError:
            raise ValueError("a digest key is written as 64 hexadecimal digits") from None
        return cls(secret)

    @property
    def id(self) -> str:
        """Twelve hexadecimal digits that name the key without giving it away."""
        return hmac.new(self.secret, b"scrubtrace key id", hashlib.sha256).hexdigest()[:12]

    def digest(self, text: str) -> str:
        """HMAC-SHA256 of the UTF-8 text, as 64 hexadecimal digits (RFC 2104)."""
        return hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()


def item_key(
    dataset: str,
    shard: str,
    row_index: int,
    row_id: str | None = None,
    occurrence: int = 0,
    field: str = "",
    turn: int | None = None,
) -> str:
    """Key of one judged text: ``r`` and 32 hexadecimal digits.

    With a row id the key depends on (dataset, id, occurrence of that id), else on
    (dataset, shard, row index); field and turn tell the texts of one row apart. The letter in
    front keeps spreadsheets from reading a key as a number.
    """
    place: list[object] = [shard, row_index] if row_id is None else [row_id, occurrence]
    parts = [dataset, *place, field, turn]
    content = json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()
    return "r" + hashlib.blake2b(content, digest_size=16).hexdigest()


def id_hash(row_id: str) -> int:
    """64-bit hash of a row id, to find ids that occur twice (not a secret, not an identity)."""
    return int.from_bytes(hashlib.blake2b(row_id.encode(), digest_size=8).digest(), "little")


def id_hashes(row_ids: list[str | None]) -> NDArray[np.uint64]:
    """Hashes of row ids, shape (rows,), 0 where the id is null."""
    hashes = (0 if row_id is None else id_hash(row_id) for row_id in row_ids)
    return np.fromiter(hashes, dtype=np.uint64, count=len(row_ids))
