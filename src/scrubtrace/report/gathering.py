"""What a report is about: current results with their denominators, and the review table."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine

from scrubtrace.audit.population import shards_digest
from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cells import (
    LABELER,
    Cell,
    cell_of,
    check_committed_here,
    committed_manifest,
    newest_dataset,
    pseudonyms_for,
    texts_by_cell,
)
from scrubtrace.commit import judged_texts
from scrubtrace.config import Config
from scrubtrace.counted import CELL, empty_apart, judged_counts
from scrubtrace.labelers.referrals import read_referrals, referred_in, renewed
from scrubtrace.outcome import Outcome
from scrubtrace.pseudonyms import Pseudonyms
from scrubtrace.report.campaigns import Noted, noted_checks
from scrubtrace.resolver import committed_runs, current_results, current_sources
from scrubtrace.results import FoundText, Results
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.lines import count_states
from scrubtrace.review.trail.events import head_of
from scrubtrace.schemas.counts import month_of
from scrubtrace.schemas.plan import RunSpec
from scrubtrace.schemas.style import STYLOMETRY
from scrubtrace.schemas.vocabulary import Kind
from scrubtrace.stats.counts import ranked


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

    ``texts`` counts the texts that were read, without null and empty ones if runs counted them
    apart (``empty_apart``), ``flagged`` those that are flagged, both by `CELL`, people by
    pseudonyms; ``flagged_without_style`` leaves out what only style flags. ``referred``
    are labelers that were referred to review this year. ``signals`` counts flagged texts by
    signature. ``runs`` are those with current results, ``shards_sha256`` is the digest of their
    shards as plans of batches have it. ``states`` counts places in the review table by kind and
    state, ``noted`` are the checks of campaigns that its log knows; both are of one moment.
    """

    dataset: str
    spec: RunSpec
    manifest: dict[str, Any]
    outcome: Outcome
    config: Config
    texts: Counter[Cell] = field(default_factory=Counter)
    empty_apart: bool = True
    flagged: Counter[Cell] = field(default_factory=Counter)
    flagged_without_style: Counter[Cell] = field(default_factory=Counter)
    referred: Set[str] = frozenset()
    signals: Counter[tuple[str, str]] = field(default_factory=Counter)
    matches: list[MatchedSource] = field(default_factory=list)
    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    excerpts: list[Excerpt] = field(default_factory=list)
    review_head: str = ""
    runs: tuple[str, ...] = ()
    shards_sha256: str = ""
    noted: tuple[Noted, ...] = ()

    def by(self, name: str) -> dict[str | None, tuple[int, int]]:
        """Flagged texts and all texts by one of `CELL`, the most texts first."""
        place = CELL.index(name)
        texts: Counter[str | None] = Counter()
        flagged: Counter[str | None] = Counter()
        for counted, into in ((self.texts, texts), (self.flagged, flagged)):
            for cell, count in counted.items():
                into[cell[place]] += count
        return {value: (flagged[value], count) for value, count in ranked(texts)}


def gather(
    out: str, config: Config, engine: Engine, dataset: str | None = None, excerpts: int = 0
) -> Gathered:
    """Reads the current results of a data set; by default of the newest committed run.

    Raises `UsageStop` if there is none, if one was not committed to the review table, or if the
    policy is not the one that the newest run was committed with; `IncompleteStop` and
    `SumsDifferStop` as reading results does.
    """
    name = dataset or newest_dataset(out)
    results = current_results(out, name)
    folders = runs_of(out)
    check_committed_here(engine, {run.id for run, *_ in current_sources(folders, name)})
    folder = next(committed_runs(folders, name))[0]
    manifest = committed_manifest(folder, config)
    balance = check_balance(results)
    outcome = Outcome(folder.id, name, balance, list(folder.work().dead))
    pseudonyms = pseudonyms_for(results, config)
    found = Gathered(name, results.spec, manifest, outcome, config)
    found.runs = tuple(sorted(results.folders))
    found.shards_sha256 = shards_digest(results.shards.values())
    counts = judged_counts(results)
    found.texts, found.empty_apart = texts_by_cell(counts, pseudonyms), empty_apart(counts)
    found.referred = _referred(out, pseudonyms)
    _read_flagged(found, results, config, pseudonyms, excerpts)
    with reading_as_one(engine) as connection:
        found.states = count_states(connection, name)
        found.review_head = head_of(connection)
        found.noted = noted_checks(connection)
    return found


def _referred(out: str, pseudonyms: Pseudonyms | None) -> Set[str]:
    """Labelers that were referred to review this year."""
    if pseudonyms is None:
        return frozenset()
    recorded = renewed(read_referrals(out), pseudonyms.renewed[LABELER])
    return referred_in(recorded, datetime.now(UTC).year)


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
        cell = cell_of(row, pseudonyms)
        found.flagged[cell] += 1
        if verdict.kind != Kind.LLM_STYLE:
            found.flagged_without_style[cell] += 1
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
                MatchedSource(source, model, classes.total(), tuple(ranked(classes)), *ends)
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
