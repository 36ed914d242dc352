"""Texts and flagged texts by labeler, task and month, of the current results of a data set."""

from collections import Counter
from dataclasses import dataclass, field

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cells import (
    LABELER,
    Cell,
    cell_of,
    committed_manifest,
    newest_dataset,
    pseudonyms_for,
    texts_by_cell,
)
from scrubtrace.commit import judged_texts
from scrubtrace.config import Config
from scrubtrace.counted import judged_counts
from scrubtrace.exits import UsageStop
from scrubtrace.outcome import Outcome
from scrubtrace.pseudonyms import Pseudonyms
from scrubtrace.resolver import committed_runs, current_results
from scrubtrace.results import Results
from scrubtrace.schemas.vocabulary import Kind


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
    committed_manifest(folder, config)
    pseudonyms = pseudonyms_for(results, config)
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
    cells.texts = texts_by_cell(judged_counts(results), current.pseudonyms)
    for text, verdict, _ in judged_texts(results, current.config, outcome):
        if not verdict.flagged:
            continue
        if verdict.kind == Kind.LLM_STYLE and not with_style:
            cells.style += 1
            continue
        cells.flagged[cell_of(text.row, current.pseudonyms)] += 1
    return cells
