"""What a report is about: current results with their denominators, and the review table."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine

from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.commit import judged_texts
from scrubtrace.config import Config
from scrubtrace.counted import CELL, judged_counts
from scrubtrace.exits import UsageStop
from scrubtrace.outcome import Outcome
from scrubtrace.policy import policy_digest
from scrubtrace.pseudonyms import Pseudonyms, pseudonyms_of
from scrubtrace.resolver import committed_runs, current_results
from scrubtrace.results import FoundText, Results
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.lines import count_states
from scrubtrace.review.trail.events import head
from scrubtrace.schemas.counts import CELL_GROUPS, month_of
from scrubtrace.schemas.plan import RunSpec
from scrubtrace.schemas.style import STYLOMETRY
from scrubtrace.schemas.vocabulary import Kind

LABELER = "labeler"

CellKey = tuple[str | None, ...]
"""Values of `CELL`."""


@dataclass(frozen=True)
class MatchedSource:
    """Flagged texts that match one source of a reference index, and the months of those texts."""

    source: str
    model: str | None
    texts: int
    classes: tuple[tuple[str, int], ...]
    first_month: str | None
    last_month: str | None


@dataclass(frozen=True)
class Excerpt:
    """What is said of a flagged text, and its snippet."""

    about: str
    text: str


@dataclass
class Gathered:
    """Everything that the sections of a report draw on.

    ``texts`` counts the texts that were read, ``flagged`` those that are flagged, both by `CELL`,
    people by pseudonyms. ``signals`` counts flagged texts by signature. ``states`` counts places in
    the review table by kind and state.
    """

    dataset: str
    spec: RunSpec
    manifest: dict[str, Any]
    outcome: Outcome
    config: Config
    texts: Counter[CellKey] = field(default_factory=Counter)
    flagged: Counter[CellKey] = field(default_factory=Counter)
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
    matches: list[MatchedSource] = field(default_factory=list)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    excerpts: list[Excerpt] = field(default_factory=list)
    review_head: str = ""
    runs: tuple[str, ...] = ()

    def by(self, name: str) -> dict[str | None, tuple[int, int]]:
        """Flagged texts and all texts by one of `CELL`, the most texts first."""
        place = CELL.index(name)
        texts: Counter[str | None] = Counter()
        flagged: Counter[str | None] = Counter()
        for counted, into in ((self.texts, texts), (self.flagged, flagged)):
            for cell, count in counted.items():
                into[cell[place]] += count
        return {value: (flagged[value], count) for value, count in texts.most_common()}


def gather(
    out: str, config: Config, engine: Engine, dataset: str | None = None, excerpts: int = 0
) -> Gathered:
    """Reads the current results of a data set; by default of the newest committed run.

    Raises `UsageStop` if there is none, or if the policy is not the one that the newest run was
    committed with; `IncompleteStop` and `SumsDifferStop` as reading results does.
    """
    name = dataset or _newest_dataset(out)
    results = current_results(out, name)
    folder = next(committed_runs(runs_of(out), name))[0]
    manifest = json.loads(storage.read_bytes(folder.manifest))
    _check_policy(manifest, config)
    balance = check_balance(results)
    outcome = Outcome(folder.id, name, balance, list(folder.work().dead))
    pseudonyms = pseudonyms_of(results.spec, config.privacy.pseudonymous)
    found = Gathered(name, results.spec, manifest, outcome, config)
    found.runs = tuple(sorted(results.folders))
    found.texts = _texts(results, pseudonyms)
    _read_flagged(found, results, config, pseudonyms, excerpts)
    with reading_as_one(engine) as connection:
        found.states = count_states(connection, name)
    found.review_head = head(engine)
    return found


def _newest_dataset(out: str) -> str:
    folders = [folder for folder in runs_of(out) if folder.is_committed()]
    specs = (_dataset(folder) for folder in reversed(folders))
    found = next((name for name in specs if name), None)
    if found is None:
        raise UsageStop(f"no run in {out} is committed: call detect first")
    return found


def _dataset(folder: RunFolder) -> str | None:
    try:
        spec = folder.spec()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None if spec.sample is not None else spec.dataset


def _check_policy(manifest: dict[str, Any], config: Config) -> None:
    committed = manifest.get("digests", {}).get("policy")
    if committed != policy_digest(config.policy):
        raise UsageStop(
            "the policy is not the one that the newest run was committed with: call scrubtrace "
            "commit with this configuration first, or give --config of that run"
        )


def _texts(results: Results, pseudonyms: Pseudonyms | None) -> Counter[CellKey]:
    """Texts read by cell: what the detector with the most texts judged or abstained from."""
    table = judged_counts(results)
    by_detector: dict[str, Counter[CellKey]] = {}
    for row in table.to_pylist():
        cell = _cell(row["language"], row, row["month"], pseudonyms)
        by_detector.setdefault(row["detector"], Counter())[cell] += row["judged"] + row["abstained"]
    return max(by_detector.values(), key=Counter.total, default=Counter())


def _cell(
    language: str, groups: dict[str, Any], month: str | None, pseudonyms: Pseudonyms | None
) -> CellKey:
    values = {name: groups[name] for name in CELL_GROUPS}
    if pseudonyms is not None:
        values = pseudonyms.of(values)
    return (language, *(values[name] for name in CELL_GROUPS), month)


def _read_flagged(
    found: Gathered,
    results: Results,
    config: Config,
    pseudonyms: Pseudonyms | None,
    excerpts: int,
) -> None:
    sources = _Sources()
    for text, verdict, _ in judged_texts(results, config, found.outcome):
        kinds = found.outcome.flagged if verdict.flagged else found.outcome.reported
        kinds[verdict.kind] += 1
        if not verdict.flagged:
            continue
        row = text.row
        month = month_of(row["created_at"])
        found.flagged[_cell(row["language"], row, month, pseudonyms)] += 1
        asserted = {(e["detector"], e["signal"]) for e in text.evidence if e["use"] == "asserted"}
        found.signals.update(pair for pair in asserted if pair[0] != STYLOMETRY)
        if verdict.kind in (Kind.REFERENCE_MATCH, Kind.INPUT_MATCH):
            sources.add(text, month)
        if len(found.excerpts) < excerpts:
            found.excerpts.append(Excerpt(f"{row['shard']}, {row['row_index']:,}", row["snippet"]))
    found.matches = sources.listed()


class _Sources:
    """Matched texts by source and model of the reference."""

    def __init__(self) -> None:
        self._classes: dict[tuple[str, str | None], Counter[str]] = {}
        self._months: dict[tuple[str, str | None], set[str]] = {}

    def add(self, text: FoundText, month: str | None) -> None:
        for about, category in set(_references(text.evidence)):
            self._classes.setdefault(about, Counter())[category] += 1
            months = self._months.setdefault(about, set())
            months |= {month} if month else set()

    def listed(self) -> list[MatchedSource]:
        """The most texts first."""
        found = []
        for (source, model), classes in self._classes.items():
            months = sorted(self._months[source, model])
            ends = (months[0], months[-1]) if months else (None, None)
            found.append(
                MatchedSource(source, model, classes.total(), tuple(classes.most_common()), *ends)
            )
        return sorted(found, key=lambda m: (-m.texts, m.source, m.model or ""))


def _references(evidence: Sequence[dict[str, Any]]) -> Iterator[tuple[tuple[str, str | None], str]]:
    """Source and model of the references in the evidence, with the class of the match."""
    for entry in evidence:
        value = str(entry.get("value") or "")
        if entry["signal"].startswith("reference.") and value.startswith("{"):
            about = json.loads(value)
            if "source" in about:
                yield (str(about["source"]), about.get("model")), entry["category"]
