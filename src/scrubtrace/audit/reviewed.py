"""What reviewers decided on the texts of a batch, and what share of the hits they find."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection

from scrubtrace.audit.estimates import (
    Counted,
    Counts,
    Estimate,
    Finding,
    cell_estimate,
    whole_estimate,
)
from scrubtrace.audit.figures import Assumption, AuditFigure, Refusal, What, Why, without
from scrubtrace.audit.mixing import Mixed, more_controls, read_mixed
from scrubtrace.audit.strata import kind_words
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.review.batches.decided import decided_items
from scrubtrace.review.batches.store import find_batch
from scrubtrace.review.decisions.states import Standing
from scrubtrace.review.quality.reviewers import says_llm
from scrubtrace.review.quality.sensitivity import ControlAnswer, control_answers, count_answers
from scrubtrace.schemas.batches import Batch
from scrubtrace.stats.intervals import lower_bound
from scrubtrace.stats.prevalence.rates import LEAST_CONTROLS, REVIEWED
from scrubtrace.stats.prevalence.result import Reason

ALL_KINDS, UNFLAGGED = kind_words((False, True)), kind_words((False,))


@dataclass(frozen=True)
class Sensitivity:
    """The share of hits that reviewers find: given, or measured by controls.

    ``of`` says which controls: those of the batch or all that its reviewers decided, in which
    language.
    """

    given: float | None = None
    found: int = 0
    controls: int = 0
    of: str = ""

    def finding(self, confidence: float) -> Finding | None:
        """As given, or the lower limit at (1 + confidence) / 2; None if it cannot be told."""
        if self.given is not None:
            return Finding(self.given)
        if self.controls < LEAST_CONTROLS:
            return None
        least = lower_bound(self.found, self.controls, (1 + confidence) / 2)
        return Finding(least, is_measured=True) if least else None

    @property
    def words(self) -> str:
        """What it rests on."""
        if self.given is not None:
            return f"reviewers find {self.given:.0%} of the hits, as given"
        return f"reviewers found {self.found:,} of {self.controls:,} controls ({self.of})"

    def to_dict(self) -> dict[str, Any]:
        """The sensitivity for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Reviewed:
    """A batch with its cells in the order of its plan, and the answers to controls."""

    batch: Batch
    cells: tuple[Counted, ...]
    answers: tuple[ControlAnswer, ...]
    given: float | None = None
    mixed: Mixed = field(default_factory=Mixed)

    def more_controls(self, review: str = "") -> str:
        """What to do where there is no upper bound for too few controls, see `more_controls`."""
        of_batch = sum(answer.in_batch for answer in self.answers)
        return more_controls(self.batch.name, self.mixed, len(self.answers), of_batch, review)

    def sensitivity(self, language: str | None) -> Sensitivity:
        """What reviewers find of a language, or of all if too few controls are in it."""
        if self.given is not None:
            return Sensitivity(self.given)
        pools = []
        if language is not None:
            pools.append(self._pool(f"of this batch in {language}", language, True))
            pools.append(self._pool(f"of its reviewers in {language}", language, False))
        pools.append(self._pool("of this batch", None, True))
        pools.append(self._pool("of its reviewers", None, False))
        return next((pool for pool in pools if pool.controls >= LEAST_CONTROLS), pools[-1])

    def _pool(self, of: str, language: str | None, in_batch: bool) -> Sensitivity:
        found, controls = count_answers(
            self.answers,
            lambda one: (
                (language is None or one.language == language) and (one.in_batch or not in_batch)
            ),
        )
        return Sensitivity(None, found, controls, of)


def read_batch(connection: Connection, name: str, given: float | None) -> Reviewed:
    """The decisions so far: LLM text is a hit, other text none, anything else is undecided.

    The connection must read one state of the database. Raises `UsageStop` for a batch without
    strata, `SumsDifferStop` if it does not have the texts of its plan, `ReviewError`.
    """
    batch = find_batch(connection, name)
    planned = _planned_cells(batch)
    kinds = {stratum: {of for s, of in planned if s == stratum} for stratum, _ in planned}
    drawn, decided, hits = (Counter[tuple[str, str, bool]]() for _ in range(3))
    reviewers, texts = set(), set()
    for item, standing in decided_items(connection, name):
        of = ALL_KINDS if ALL_KINDS in kinds[item.stratum] else kind_words((item.flagged,))
        key = (item.stratum, of, item.flagged)
        drawn[key] += 1
        decided[key] += standing.verdict is not None
        hits[key] += _is_hit(standing)
        texts.add(item.text_digest)
        reviewers |= {opinion.reviewer for opinion in standing.counted}
    cells = []
    for cell, (population, wanted) in planned.items():
        flagged, others = (
            [counts[*cell, is_flagged] for counts in (drawn, decided, hits)]
            for is_flagged in (True, False)
        )
        own, done, found = (one + other for one, other in zip(flagged, others, strict=True))
        if own != wanted:
            raise SumsDifferStop(
                f"batch {name} has {own:,} texts of {cell[0]} ({cell[1]}), its plan {wanted:,}"
            )
        there = batch.plan["strata"][cell[0]].get("flagged", 0)
        of_flagged = None if cell[1] == UNFLAGGED else Counts(there, *flagged)
        cells.append(Counted(*cell, population, own, done, found, of_flagged))
    answers = tuple(control_answers(connection, name, reviewers))
    return Reviewed(batch, tuple(cells), answers, given, read_mixed(connection, name, len(texts)))


def _is_hit(standing: Standing) -> bool:
    """Whether reviewers call a text one of an LLM, as they do for controls.

    They agree on that, or on a dismissal that at least one of them gives for LLM text that is
    allowed.
    """
    if standing.verdict is None:
        return False
    return any(says_llm(opinion.decision, opinion.reason) for opinion in standing.counted)


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


def estimate_of(cells: Sequence[Counted], confidence: float, finding: Finding | None) -> Estimate:
    """The share of hits in cells: exact for one, stratified for several."""
    cells = [cell for cell in cells if cell.population]
    if len(cells) == 1:
        return cell_estimate(cells[0], confidence, finding)
    return whole_estimate(cells, confidence, finding)


def reviewed_figures(
    cells: Sequence[Counted], confidence: float, sensitivity: Sensitivity
) -> tuple[AuditFigure, AuditFigure]:
    """The share of hits with its interval, and the upper bound on the share of LLM texts.

    The bound is a one-sided one divided by the lower limit of the sensitivity, with half of the
    error each, as `reviewed_upper_bound`; with all of the error if the sensitivity is given.
    """
    found = estimate_of(cells, confidence, sensitivity.finding(confidence))
    decided, drawn = (sum(getattr(c, name) for c in cells) for name in ("decided", "drawn"))
    if found.refusal is not None:
        about = (confidence, decided, found.refusal, found.about)
        return without(What.REVIEWED, *about), without(What.UPPER_BOUND, *about)
    open_ = f"{drawn - decided:,} of {drawn:,} drawn texts are undecided" if decided < drawn else ""
    at_random = (Assumption.UNDECIDED_AT_RANDOM,) if open_ else ()
    share = AuditFigure(
        What.REVIEWED,
        found.method,
        found.rate,
        found.lower,
        found.upper,
        confidence,
        decided,
        detail=open_,
        assumes=at_random,
    )
    return share, _upper(found.upper_corrected, confidence, decided, sensitivity, open_, at_random)


def _upper(
    upper: float | None,
    confidence: float,
    decided: int,
    sensitivity: Sensitivity,
    open_: str,
    at_random: tuple[Assumption, ...],
) -> AuditFigure:
    if upper is None:
        reason: Why = Reason.FEW_CONTROLS if sensitivity.controls else Reason.NO_CONTROLS
        told = f"{sensitivity.controls} of {LEAST_CONTROLS}" if sensitivity.controls else ""
        if sensitivity.controls >= LEAST_CONTROLS:
            reason, told = Refusal.NONE_FOUND, sensitivity.words
        return without(What.UPPER_BOUND, confidence, decided, reason, told)
    measured = sensitivity.given is None
    source = Assumption.CONTROLS_ALIKE if measured else Assumption.SENSITIVITY_GIVEN
    detail = "; ".join(filter(None, [sensitivity.words, open_]))
    return AuditFigure(
        What.UPPER_BOUND,
        REVIEWED,
        None,
        None,
        upper,
        confidence,
        decided,
        detail=detail,
        assumes=(source, *at_random),
    )
