"""The job of ``audit run``: decisions on the texts of a batch to shares of all texts."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Engine

from scrubtrace.audit.estimates import Counted, Estimate, cell_estimate, whole_estimate
from scrubtrace.audit.strata import EVERYTHING, kind_words
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.review.batches.decided import decided_items
from scrubtrace.review.batches.store import find_batch
from scrubtrace.review.connection import reading_as_one
from scrubtrace.schemas.batches import Batch
from scrubtrace.schemas.review import Decision

ALL_KINDS = kind_words((False, True))
CONFIDENCE = 0.95


@dataclass(frozen=True)
class AuditResult:
    """What a batch says: of each cell, and of all texts of each kind.

    ``is_measured``: the sensitivity was given, not taken for certain.
    """

    batch: Batch
    confidence: float
    sensitivity: float
    is_measured: bool
    cells: tuple[tuple[Counted, Estimate], ...]
    wholes: tuple[tuple[Counted, Estimate], ...]

    def to_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "batch": self.batch.name,
            "dataset": self.batch.dataset,
            "run": self.batch.plan.get("run"),
            "confidence": self.confidence,
            "sensitivity": self.sensitivity if self.is_measured else None,
            "total": [_as_dict(*pair) for pair in self.wholes],
            "strata": [_as_dict(*pair) for pair in self.cells],
        }


def run_audit(
    engine: Engine, name: str, sensitivity: float | None, confidence: float | None
) -> AuditResult:
    """Shares of hits from the decisions so far: concur is a hit, dismiss is none.

    Without ``sensitivity`` and ``confidence``, those of the plan. Raises `UsageStop` for a batch
    without strata, `SumsDifferStop` if it does not have the texts of its plan, `ReviewError`.
    """
    drawn: Counter[tuple[str, str]] = Counter()
    decided: Counter[tuple[str, str]] = Counter()
    hits: Counter[tuple[str, str]] = Counter()
    with reading_as_one(engine) as connection:
        batch = find_batch(connection, name)
        planned = _planned_cells(batch)
        kinds = {stratum: {of for s, of in planned if s == stratum} for stratum, _ in planned}
        for item, standing in decided_items(connection, name):
            of = ALL_KINDS if ALL_KINDS in kinds[item.stratum] else kind_words((item.flagged,))
            cell = (item.stratum, of)
            drawn[cell] += 1
            decided[cell] += standing.verdict is not None
            hits[cell] += standing.verdict == Decision.CONCUR
    for cell, (_, wanted) in planned.items():
        if drawn[cell] != wanted:
            raise SumsDifferStop(
                f"batch {name} has {drawn[cell]:,} texts of {cell[0]} ({cell[1]}), its plan "
                f"{wanted:,}"
            )
    goal = batch.plan.get("goal", {})
    given = goal.get("sensitivity", 1.0) if sensitivity is None else sensitivity
    sure = goal.get("confidence", CONFIDENCE) if confidence is None else confidence
    counted = [
        Counted(*cell, population, drawn[cell], decided[cell], hits[cell])
        for cell, (population, _) in planned.items()
    ]
    return AuditResult(
        batch,
        sure,
        given,
        sensitivity is not None or given != 1,
        tuple((cell, cell_estimate(cell, sure, given)) for cell in counted),
        tuple(_wholes(counted, sure, given)),
    )


def _planned_cells(batch: Batch) -> dict[tuple[str, str], tuple[int, int]]:
    """Population and number drawn by stratum and kind of texts."""
    strata: Mapping[str, Any] = batch.plan.get("strata", {})
    cells = {
        (name, cell["of"]): (cell["population"], cell["drawn"])
        for name, stratum in strata.items()
        for cell in stratum.get("drawn_from", ())
    }
    if not cells:
        raise UsageStop(f"batch {batch.name} was not drawn by audit plan or review sample")
    return cells


def _wholes(
    cells: list[Counted], confidence: float, sensitivity: float
) -> Iterator[tuple[Counted, Estimate]]:
    """All texts, and where they were drawn for themselves, those flagged and not flagged."""
    kinds = sorted({cell.of for cell in cells})
    groups = [cells]
    if kinds != [ALL_KINDS]:
        groups += [[cell for cell in cells if cell.of == kind] for kind in kinds]
    for group, of in zip(groups, [ALL_KINDS, *kinds], strict=False):
        sums = (sum(getattr(cell, name) for cell in group) for name in _COUNTS)
        yield (
            Counted(EVERYTHING, of, *sums),
            whole_estimate(group, confidence, sensitivity),
        )


_COUNTS = ("population", "drawn", "decided", "hits")


def _as_dict(cell: Counted, estimate: Estimate) -> dict[str, Any]:
    return asdict(cell) | asdict(estimate)


def audit_lines(result: AuditResult) -> Iterator[str]:
    """The result for people: a table, then what it means."""
    head = ("STRATUM", "OF", "TEXTS", "DRAWN", "DECIDED", "HITS", "SHARE", "INTERVAL", "AT MOST")
    pairs = [*result.cells, *result.wholes]
    rows = [head, *(_row(cell, estimate) for cell, estimate in pairs)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:2], widths[:2], strict=True)]
        right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*left, *right]).rstrip()
    whole, estimate = result.wholes[0]
    if estimate.if_undecided and whole.decided < whole.drawn:
        least, most = estimate.if_undecided
        yield (
            f"note: {whole.drawn - whole.decided:,} texts are undecided; if none of them is a hit "
            f"the share is {least:.3%}, if all are {most:.3%}"
        )
    if estimate.refusal:
        about = f": {estimate.about}" if estimate.about else ""
        yield f"no figure for all texts: {estimate.refusal}{about}"
    if result.is_measured:
        yield f"AT MOST is for reviewers who find {result.sensitivity:.0%} of the hits"
    else:
        yield (
            "note: reviewers are taken to find every hit; measure with controls how many they "
            "find, and give the lower limit with --sensitivity"
        )
    yield f"at {result.confidence:.0%} confidence; a hit is a text that reviewers concur on"


def _row(cell: Counted, estimate: Estimate) -> tuple[str, ...]:
    counts = [f"{getattr(cell, name):,}" for name in _COUNTS]
    if estimate.rate is None or estimate.lower is None or estimate.upper_corrected is None:
        return (cell.stratum, cell.of, *counts, "-", str(estimate.refusal), "-")
    interval = f"{estimate.lower:.3%} to {estimate.upper:.3%}"
    return (
        cell.stratum,
        cell.of,
        *counts,
        f"{estimate.rate:.3%}",
        interval,
        (f"{estimate.upper_corrected:.3%}"),
    )
