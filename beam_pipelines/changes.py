"""Whether a shard is still the file that was planned."""

import hashlib
import os
from typing import IO

from scrubtrace.schemas.plan import Shard

_FOOTER_TAIL = 8
"""Bytes at the end of a Parquet file: the length of the footer and the magic number."""


class ShardChanged(Exception):
    """The file of a shard is not the one that was planned, so nothing read from it counts."""


def footer_digest(file: IO[bytes]) -> str:
    """SHA-256 of the footer of an open Parquet file; it names every page of the file."""
    file.seek(-_FOOTER_TAIL, os.SEEK_END)
    length = int.from_bytes(file.read(4), "little")
    file.seek(-_FOOTER_TAIL - length, os.SEEK_END)
    return hashlib.sha256(file.read(length)).hexdigest()


def check_unchanged(file: IO[bytes], shard: Shard) -> None:
    """Raises `ShardChanged` if the open file is not, or no longer, the planned shard.

    To be called before reading and after. A file that was replaced by another under its name while
    it is open is read to its end as it was.
    """
    try:
        status = os.fstat(file.fileno())
        now = (status.st_size, str(status.st_mtime_ns))
    except (OSError, AttributeError):  # a file on a Beam file system has no descriptor
        now = (shard.size, shard.modified)
    if now != (shard.size, shard.modified) or _digest_or_none(file) != shard.footer_digest:
        raise ShardChanged(shard.name)


def _digest_or_none(file: IO[bytes]) -> str | None:
    try:
        return footer_digest(file)
    except (OSError, ValueError, OverflowError):
        return None
