"""The parts of all partitions as one stream of findings, with the sentences that many rows lost.

A sentence at the start or end of a text that a rule does not know counts if the same one was cut
from several rows: an editor does not do that, a filter does, in whatever language and words.
"""

import os
from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.diff.joining import PART_ROWS
from scrubtrace.diff.merging import Finding, merged
from scrubtrace.diff.partitions import Numbers
from scrubtrace.diff.spec import DiffSpec

LEAST_ROWS = 5
"""Texts that must lose the same sentence."""


def merged_findings(spec: DiffSpec) -> Iterator[Finding]:
    """The findings of all parts, sorted, as `EDIT_FINDINGS` has them.

    Memory: 8 bytes for each sentence that was cut at an end, and what `merged` takes.
    """
    folder = spec.work("parts")
    paths = [os.path.join(folder, name) for name in storage.names_in(folder)]
    recurring = _recurring(paths)
    for finding in merged(paths, folder):
        again = [c for c in finding.pop("if_recurring") if _holds(recurring, c.pop("key"))]
        finding["changes"] += again[: spec.spans_per_signal]
        finding["changes_left_out"] += len(again[spec.spans_per_signal :])
        finding["kinds"] = sorted({*finding["kinds"], *(change["kind"] for change in again)})
        if finding["kinds"]:
            yield finding


def _recurring(paths: list[str]) -> Numbers:
    """Keys that `LEAST_ROWS` texts or more have, sorted."""
    found = [np.empty(0, np.int64)]
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(PART_ROWS, columns=["if_recurring"]):
                rows = batch["if_recurring"].to_pylist()
                keys = [key for row in rows for key in {change["key"] for change in row}]
                found.append(np.array(keys, np.int64))
    distinct, counts = np.unique(np.concatenate(found), return_counts=True)
    recurring: Numbers = distinct[counts >= LEAST_ROWS]
    return recurring


def _holds(keys: Numbers, key: int) -> bool:
    at = int(np.searchsorted(keys, key))
    return at < len(keys) and int(keys[at]) == key
