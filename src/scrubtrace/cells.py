"""Texts of a data set by language, group and month: what reports, audits and screening count by."""

import json
from collections import Counter
from collections.abc import Mapping, Set
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.config import Config
from scrubtrace.counted import EMPTY, empty_apart
from scrubtrace.exits import UsageStop
from scrubtrace.policy import policy_digest
from scrubtrace.pseudonyms import Pseudonyms, pseudonyms_of
from scrubtrace.resolver import spec_or_none
from scrubtrace.results import Results
from scrubtrace.review.store import run_ids
from scrubtrace.schemas.counts import CELL_GROUPS, month_of

LABELER = "labeler"

Cell = tuple[str | None, ...]
"""Values of `scrubtrace.counted.CELL`: language, the groups of `CELL_GROUPS`, month."""


def newest_dataset(out: str) -> str:
    """The data set of the newest committed full scan; raises `UsageStop` if there is none."""
    for folder in reversed(runs_of(out)):
        spec = spec_or_none(folder) if folder.is_committed() else None
        if spec is not None and spec.sample is None:
            return spec.dataset
    raise UsageStop(f"no run in {out} is committed: call detect first")


def committed_manifest(folder: RunFolder, config: Config) -> dict[str, Any]:
    """The manifest of a run that was committed with the policy of a configuration.

    Raises `UsageStop` if the policy is another one.
    """
    manifest: dict[str, Any] = json.loads(storage.read_bytes(folder.manifest))
    if manifest.get("digests", {}).get("policy") != policy_digest(config.policy):
        raise UsageStop(
            "the policy is not the one that the newest run was committed with: call scrubtrace "
            "commit with this configuration first, or give --config of that run"
        )
    return manifest


def check_committed_here(engine: Engine, runs: Set[str]) -> None:
    """Raises `UsageStop` if one of the runs was not committed to the review table."""
    missing = sorted(runs - run_ids(engine))
    if missing:
        raise UsageStop(
            f"run {missing[0]} was not committed to this review table: name the one that detect "
            "used with --review, or commit the run to this one"
        )


def pseudonyms_for(results: Results, config: Config) -> Pseudonyms | None:
    """Pseudonyms for labelers, whatever the configuration says of the review table, and others.

    None if the data have no such groups. Raises `UsageStop` if a key is missing.
    """
    return pseudonyms_of(results.spec, (LABELER, *config.privacy.pseudonymous))


def texts_by_cell(counts: pa.Table, pseudonyms: Pseudonyms | None) -> Counter[Cell]:
    """Texts of `judged_counts` that detectors judged or abstained from; the most of a cell.

    Null and empty texts are none, if they are counted apart.
    """
    by_detector: dict[str, Counter[Cell]] = {}
    are_apart = empty_apart(counts)
    for row in counts.to_pylist():
        cell = _cell(row["language"], row, row["month"], pseudonyms)
        empty = sum(row[name] for name in EMPTY) if are_apart else 0
        texts = row["judged"] + row["abstained"] - empty
        if texts:
            by_detector.setdefault(row["detector"], Counter())[cell] += texts
    most: Counter[Cell] = Counter()
    for counted in by_detector.values():
        most |= counted
    return most


def cell_of(finding: Mapping[str, Any], pseudonyms: Pseudonyms | None) -> Cell:
    """The cell of a finding, with the columns of `FINDINGS`."""
    return _cell(finding["language"], finding, month_of(finding["created_at"]), pseudonyms)


def _cell(
    language: str, groups: Mapping[str, Any], month: str | None, pseudonyms: Pseudonyms | None
) -> Cell:
    values = {name: groups[name] for name in CELL_GROUPS}
    if pseudonyms is not None:
        values = pseudonyms.of(values)
    return (language, *(values[name] for name in CELL_GROUPS), month)
