"""Identity of rows and texts: item keys, row-id hashes, keyed text digests."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

KEY_BYTES = 32
"""Length of a digest key, in bytes (the output length of SHA-256, as RFC 2104 advises)."""


PSEUDONYM = re.compile("p-[0-9a-hjkmnp-tv-z]{5}-[0-9a-hjkmnp-tv-z]{5}")
"""The form of a pseudonym: digits, and letters that are not taken for digits or others."""

_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"


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

    def pseudonym(self, group: str, value: str) -> str:
        """What a value of a group column is called without the key, as ``p-7kq2m-x4fza``.

        The first 50 bits of an HMAC-SHA256; among 100,000 values two have the same pseudonym with a
        chance of 4 in a million. The message begins with a byte that UTF-8 does not know, so that
        it is never a text that `digest` could be asked for. Equal values of two groups differ.
        """
        message = b"\xffpseudonym\0" + f"{group}\0{value}".encode("utf-8", "surrogatepass")
        number = int.from_bytes(hmac.new(self.secret, message, hashlib.sha256).digest()[:8]) >> 14
        signs = "".join(_SIGNS[number >> shift & 31] for shift in range(45, -1, -5))
        return f"p-{signs[:5]}-{signs[5:]}"


@dataclass(frozen=True)
class KeyRing:
    """The digest keys of a user: the active one, and retired ones from before, newest first.

    New digests are made with the active key. Retired keys are there to recognise texts whose
    digests were made with them. Raises ValueError if a key is there twice.
    """

    active: DigestKey
    retired: tuple[DigestKey, ...] = ()

    def __post_init__(self) -> None:
        twice = [key_id for key_id in self.ids if self.ids.count(key_id) > 1]
        if twice:
            raise ValueError(f"key {twice[0]} is there twice")

    @classmethod
    def parse(cls, text: str) -> "KeyRing":
        """Keys of 64 hexadecimal digits, the active one first; # comments out the rest of a line.

        Line breaks, spaces and commas separate keys. Raises ValueError that names the line and
        never repeats what stands there.
        """
        keys = []
        for number, line in enumerate(text.splitlines(), 1):
            for digits in key_digits(line):
                try:
                    keys.append(DigestKey.from_hex(digits))
                except ValueError as error:
                    raise ValueError(f"line {number}: {error}") from None
        if not keys:
            raise ValueError("there is no key in it")
        return cls(keys[0], tuple(keys[1:]))

    @property
    def retired_ids(self) -> tuple[str, ...]:
        """Ids of the retired keys, newest first."""
        return tuple(key.id for key in self.retired)

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of all keys, the active one first."""
        return (self.active.id, *self.retired_ids)

    @property
    def by_id(self) -> dict[str, DigestKey]:
        """All keys by their ids, the active one first."""
        return {key.id: key for key in (self.active, *self.retired)}

    def selected(self, active_id: str, retired_ids: Sequence[str] = ()) -> "KeyRing":
        """The ring of these keys, in this order; raises KeyError with the id of one it lacks."""
        keys = self.by_id
        return KeyRing(keys[active_id], tuple(keys[key_id] for key_id in retired_ids))

    def earlier_digests(self, text: str) -> dict[str, str]:
        """Digest of the text by each retired key, by the id of the key."""
        return {key.id: key.digest(text) for key in self.retired}


def key_digits(line: str) -> Iterator[str]:
    """What stands for keys in one line of a key file, without the comment."""
    yield from line.partition("#")[0].replace(",", " ").split()


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
