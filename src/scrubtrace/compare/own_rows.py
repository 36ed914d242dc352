"""Trusted rows that are those of the batch: compared with itself, any batch would pass."""

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.storage import FileInfo
from scrubtrace.exits import UsageStop


def check_not_the_same(batch: Sequence[str], human: Sequence[str]) -> None:
    """Raises `UsageStop` if a trusted shard is one of the batch, by its path or its bytes.

    Only shards of the same size are read for it, each once.
    """
    own = list(_files(batch))
    paths = {_real(info.path) for info in own}
    by_size: dict[int, list[FileInfo]] = {}
    digest = cache(_digest)
    for info in own:
        by_size.setdefault(info.size, []).append(info)
    for info in _files(human):
        same = by_size.get(info.size, [])
        if _real(info.path) in paths or digest(info) in map(digest, same):
            raise UsageStop(
                f"{os.path.basename(info.path)} of --human is a shard of the batch, which would be "
                "compared with itself: give other rows to --human"
            )


def _files(patterns: Iterable[str]) -> Iterator[FileInfo]:
    for pattern in patterns:
        yield from storage.match(pattern)


def _real(path: str) -> str:
    return path if storage.is_remote(path) else os.path.realpath(path)


def _digest(info: FileInfo) -> str:
    return storage.sha256_of(info.path) or info.path
