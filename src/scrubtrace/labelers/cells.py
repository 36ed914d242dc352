"""Texts and flagged texts by labeler, task and month, of the current results of a data set."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.commit import judged_texts
from scrubtrace.config import Config
from scrubtrace.counted import judged_counts
from scrubtrace.exits import UsageStop
from scrubtrace.outcome import Outcome
from scrubtrace.policy import policy_digest
from scrubtrace.pseudonyms import Pseudonyms, pseudonyms_of
from scrubtrace.resolver import committed_runs, current_results, spec_or_none
from scrubtrace.results import Results
from scrubtrace.schemas.counts import CELL_GROUPS, month_of
from scrubtrace.schemas.vocabulary import Kind

LABELER = "labeler"

Cell = tuple[str | None, ...]
"""Values of `scrubtrace.counted.CELL`: language, the groups of `CELL_GROUPS`, month."""


@dataclass
class Cells:
    """Texts that were read and texts that are flagged, by cell; labelers by pseudonyms.

    ``columns`` are the groups that the data have. ``style`` counts flagged texts that were left
    out since only style flags them.
    """

    dataset: str
    run: str
    results: Results
    pseudonyms: Pseudonyms
    columns: frozenset[str]
    texts: Counter[Cell] = field(default_factory=Counter)
    flagged: Counter[Cell] = field(default_factory=Counter)
    style: int = 0

    def shown(self, group: str, value: str) -> str:
        """A value of a group as the cells have it."""
        return self.pseudonyms.of({group: value})[group] or value


@dataclass(frozen=True)
class Current:
    """The current results of a data set, as the policy of the configuration judges them."""

    results: Results
    outcome: Outcome
    config: Config
    pseudonyms: Pseudonyms


def read_current(out: str, config: Config, dataset: str | None) -> Current:
    """The current results of a data set with labelers, by default of the newest committed run.

    Raises `UsageStop` if there is none, if it has no labelers, if a key is missing, or if the
    policy is not the one that the newest run was committed with.
    """
    name = dataset or newest_dataset(out)
    results = current_results(out, name)
    folder = next(committed_runs(runs_of(out), name))[0]
    committed = json.loads(storage.read_bytes(folder.manifest)).get("digests", {}).get("policy")
    if committed != policy_digest(config.policy):
        raise UsageStop(
            "the policy is not the one that the newest run was committed with: call scrubtrace "
            "commit with this configuration first, or give --config of that run"
        )
    # Labelers have pseudonyms here whatever the configuration says of the review table.
    pseudonyms = pseudonyms_of(results.spec, (LABELER, *config.privacy.pseudonymous))
    if pseudonyms is None or LABELER not in pseudonyms.groups:
        raise UsageStop(
            f"data set {name!r} has no labelers: call detect with --group-by labeler=COL"
        )
    outcome = Outcome(folder.id, name, check_balance(results), list(folder.work().dead))
    return Current(results, outcome, config, pseudonyms)


def read_cells(current: Current, with_style: bool = False) -> Cells:
    """Counts the texts of the current results; texts that only style flags if ``with_style``."""
    results, outcome = current.results, current.outcome
    columns = frozenset(results.spec.columns.groups)
    cells = Cells(outcome.dataset, outcome.run, results, current.pseudonyms, columns)
    cells.texts = _texts(results, current.pseudonyms)
    for text, verdict, _ in judged_texts(results, current.config, outcome):
        if not verdict.flagged:
            continue
        if verdict.kind == Kind.LLM_STYLE and not with_style:
            cells.style += 1
            continue
        month = month_of(text.row["created_at"])
        cells.flagged[_cell(text.row["language"], text.row, month, current.pseudonyms)] += 1
    return cells


def newest_dataset(out: str) -> str:
    """The data set of the newest committed full scan; raises `UsageStop` if there is none."""
    for folder in reversed(runs_of(out)):
        spec = spec_or_none(folder) if folder.is_committed() else None
        if spec is not None and spec.sample is None:
            return spec.dataset
    raise UsageStop(f"no run in {out} is committed: call detect first")


def _texts(results: Results, pseudonyms: Pseudonyms) -> Counter[Cell]:
    """What the detectors judged or abstained from; of a cell, the one with the most texts."""
    by_detector: dict[str, Counter[Cell]] = {}
    for row in judged_counts(results).to_pylist():
        cell = _cell(row["language"], row, row["month"], pseudonyms)
        by_detector.setdefault(row["detector"], Counter())[cell] += row["judged"] + row["abstained"]
    most: Counter[Cell] = Counter()
    for counted in by_detector.values():
        most |= counted
    return most


def _cell(
    language: str, groups: Mapping[str, Any], month: str | None, pseudonyms: Pseudonyms
) -> Cell:
    values = pseudonyms.of({name: groups[name] for name in CELL_GROUPS})
    return (language, *(values[name] for name in CELL_GROUPS), month)
