"""How many texts are flagged, by language, group and month, of a data set and of references.

A text is flagged by the policy of the configuration. What style flags may also depend on the other
texts of its data set (rank, false discovery rate, drift), which a reference does not have. So
references, and texts that are compared with them, are counted by the fixed rule: alpha alone. It
flags no less than the policy does.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import astuple, dataclass
from typing import Any

from scrubtrace.audit.population import shards_digest
from scrubtrace.balance import check_balance
from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.commit import recurring_names, style_outcome
from scrubtrace.config import Config
from scrubtrace.counted import CELL, EMPTY, empty_apart, judged_counts
from scrubtrace.exits import UsageStop
from scrubtrace.outcome import Outcome
from scrubtrace.policy import judge
from scrubtrace.progress import counted_progress
from scrubtrace.recurrence import promoted
from scrubtrace.resolver import committed_runs, current_results
from scrubtrace.results import FoundText, Results
from scrubtrace.schemas.counts import CELL_GROUPS, month_of
from scrubtrace.schemas.plan import RunSpec
from scrubtrace.schemas.style import P_BINS, SIGNAL, STYLOMETRY, stratum_parts, style_value
from scrubtrace.style.cuts import Cuts

CellKey = tuple[str | None, ...]
"""Values of `CELL`."""

Histogram = tuple[int, ...]
"""Texts by style p-value in `P_BINS` bins, the largest first."""

LANGUAGE_AT, SOURCE_AT, MONTH_AT = (CELL.index(name) for name in ("language", "source", "month"))


@dataclass(frozen=True)
class Tally:
    """Texts that were read; judged by a detector; flagged. Null and empty texts are none.

    Flagged are those that the policy flags, and those that the fixed rule does. ``judged`` are
    those of the detector that judged the most texts of each cell. Style judged ``styled`` texts and
    gave ``unusual`` of them a p-value in the last bin of `P_BINS`, that of the smallest.
    """

    texts: int = 0
    judged: int = 0
    flagged: int = 0
    by_rule: int = 0
    styled: int = 0
    unusual: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Tally(*(one + more for one, more in pairs))


@dataclass(frozen=True)
class Flags:
    """What the current results of a data set flag.

    ``names`` are those that recur, see `recurring_names`. ``empty`` null or empty texts are
    counted among the others, because a run of an earlier version did not count them apart.
    ``shards_sha256`` is that of the plan of a batch that is drawn from the same shards.
    ``p_values`` are of all texts that style ranked among calibration rows, by language and source
    (empty for none).
    """

    dataset: str
    run: str
    runs: tuple[str, ...]
    spec: RunSpec
    detectors: frozenset[tuple[str, str]]
    names: frozenset[str]
    empty: int
    footers: Mapping[str, str]
    shards_sha256: str
    tallies: Mapping[CellKey, Tally]
    p_values: Mapping[tuple[str, str], Histogram]

    def sum_of(self, which: Callable[[CellKey], bool] = lambda _: True) -> Tally:
        """All texts whose cell is one of those that are meant."""
        found = (tally for cell, tally in self.tallies.items() if which(cell))
        return sum(found, Tally())


def count_flags(
    out: str,
    dataset: str,
    config: Config,
    names: frozenset[str] | None = None,
    quiet: bool = True,
) -> Flags:
    """Reads the current results of a data set; shows its progress unless ``quiet``.

    With the ``names`` that recur in the audited data set it is read as a reference: they count in
    addition to its own, and nothing is flagged but by the fixed rule. Raises `UsageStop` if no run
    is committed or shards were judged by different detectors, `IncompleteStop` and
    `SumsDifferStop` as reading results does.
    """
    results = current_results(out, dataset)
    balance = check_balance(results)
    run = next(committed_runs(runs_of(out), dataset))[0].id
    outcome = Outcome(run, dataset, balance, [])
    recurring = recurring_names(results, config, outcome) | (names or frozenset())
    style = style_outcome(results, config, outcome)
    tallies, are_apart = _texts(results)
    for text in _watched(results, quiet):
        flags = _flags(text, config, recurring, None if names is not None else style.cuts)
        counted = Tally(
            flagged=int(flags[0]), by_rule=int(flags[1]), unusual=int(_is_unusual(text))
        )
        if counted != Tally():
            cell = _cell_of(text.row)
            tallies[cell] = tallies.get(cell, Tally()) + counted
    p_values: dict[tuple[str, str], Histogram] = {}
    for name, stratum in style.strata.items():
        if stratum.p_values:
            key = stratum_parts(name)[:2]
            own = stratum.p_values[::-1]
            p_values[key] = _added(p_values.get(key), own)
    return Flags(
        dataset,
        run,
        tuple(sorted(results.folders)),
        results.spec,
        _detectors(results, dataset),
        recurring,
        0 if are_apart else balance.null_texts + balance.empty_texts,
        {name: shard.footer_digest for name, shard in results.shards.items()},
        shards_digest(results.shards.values()),
        tallies,
        p_values,
    )


def _watched(results: Results, quiet: bool) -> Iterator[FoundText]:
    """All texts with evidence; shows its progress by the rows of the shards that are read."""
    rows = sum(shard.rows for shard in results.shards.values())
    doing = f"counting flags of {results.spec.dataset}"
    with counted_progress(rows, quiet, "with evidence", doing) as counts:
        for name, shard in results.shards.items():
            for text in results.texts(name):
                counts.findings += 1
                yield text
            counts.done += shard.rows


def _flags(
    text: FoundText, config: Config, names: frozenset[str], cuts: Cuts | None
) -> tuple[bool, bool]:
    """Whether the policy flags a text, and whether the fixed rule does."""
    evidence = promoted(text.evidence, names)
    verdict = judge(evidence, config.policy, cuts)
    flagged = verdict is not None and verdict.flagged
    if cuts is None or config.policy.style.alpha is None:
        return flagged, flagged
    fixed = judge(evidence, config.policy, None)
    return flagged, fixed is not None and fixed.flagged


def _is_unusual(text: FoundText) -> bool:
    """Whether style gave a text a p-value in the last bin."""
    own = (entry for entry in text.evidence if entry["signal"] == SIGNAL)
    return any(
        entry["score"] <= 1 / P_BINS and bool(style_value(entry).get("calibrated")) for entry in own
    )


def _texts(results: Results) -> tuple[dict[CellKey, Tally], bool]:
    """Texts by cell, and whether null and empty ones are left out of them.

    They are if every unit counts them apart. Read are the texts of the detector that was given the
    most.
    """
    read: dict[str, Counter[CellKey]] = {}
    judged: Counter[CellKey] = Counter()
    styled: Counter[CellKey] = Counter()
    table = judged_counts(results)
    are_apart = empty_apart(table)
    for row in table.to_pylist():
        cell, detector = tuple(row[name] for name in CELL), row["detector"]
        nothing, silent = (row[name] if are_apart else 0 for name in EMPTY)
        own = row["judged"] - nothing
        read.setdefault(detector, Counter())[cell] += own + row["abstained"] - silent
        judged[cell] = max(judged[cell], own)
        if detector == STYLOMETRY:
            styled[cell] = own
    most = max(read, key=lambda detector: read[detector].total(), default="")
    texts = read.get(most, Counter())
    tallies = {cell: Tally(n, judged[cell], styled=styled[cell]) for cell, n in texts.items() if n}
    return tallies, are_apart


def _cell_of(row: Mapping[str, Any]) -> CellKey:
    groups = (row[name] for name in CELL_GROUPS)
    return (row["language"], *groups, month_of(row["created_at"]))


def _added(one: Histogram | None, other: list[int]) -> Histogram:
    return tuple(a + b for a, b in zip(one or (0,) * P_BINS, other, strict=True))


def _detectors(results: Results, dataset: str) -> frozenset[tuple[str, str]]:
    """Names and fingerprints of the detectors that judged every shard."""
    found = set(_detectors_of_shards(results))
    if len(found) > 1:
        raise UsageStop(
            f"shards of data set {dataset} were judged by different detectors, so that rates of "
            "flagged texts cannot be compared: scan all of them with the same options"
        )
    return found.pop() if found else frozenset()


def _detectors_of_shards(results: Results) -> Iterator[frozenset[tuple[str, str]]]:
    fingerprints = {
        run: {planned.name: planned.fingerprint for planned in folder.spec().detectors}
        for run, folder in results.folders.items()
    }
    for shard in results.shards:
        runs = results.runs(shard)
        yield frozenset((name, fingerprints[run][name]) for name, run in runs.items())
