"""Sorted parts as one sorted stream: in passes, so that few files are open at a time."""

import heapq
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.diff.joining import PART_ROWS, place
from scrubtrace.schemas.edits import EDIT_PART

MERGED_PARTS = 100
"""Parts that are open at the same time; a process may often have 1,024 files."""

DECODED_ROWS = 16
"""Findings of each open part that are in memory."""

Finding = dict[str, Any]


def merged(paths: Sequence[str], folder: str) -> Iterator[Finding]:
    """The findings of all parts in order; of equal places those of the earlier part first.

    More than `MERGED_PARTS` are merged into new parts in ``folder`` first, which take their place.
    """
    number = 0
    while len(paths) > MERGED_PARTS:
        fewer = []
        for start in range(0, len(paths), MERGED_PARTS):
            fewer.append(os.path.join(folder, f"merged-{number:06d}.parquet"))
            _replace(paths[start : start + MERGED_PARTS], fewer[-1])
            number += 1
        paths = fewer
    yield from _in_order(paths)


def _replace(paths: Sequence[str], path: str) -> None:
    """Writes one part instead of many."""
    findings = _in_order(paths)
    with pq.ParquetWriter(path, EDIT_PART, compression="zstd") as writer:
        while some := list(islice(findings, PART_ROWS)):
            writer.write_table(pa.Table.from_pylist(some, EDIT_PART))
    for merged_path in paths:
        os.unlink(merged_path)


def _in_order(paths: Sequence[str]) -> Iterator[Finding]:
    return heapq.merge(*map(_records, paths), key=place)


def _records(path: str) -> Iterator[Finding]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(DECODED_ROWS):
            yield from batch.to_pylist()
