"""What decisions on drawn texts say of all texts.

In a cell every text had the same probability, and those that were decided stand for all of it. But
flagged texts may be decided because they are flagged: in the ordinary review, which has them as
well. So as long as not all drawn texts of a cell are decided, they do not stand for the others.
Reviewers who find only a share of the hits see a share of what there is, so an upper bound is
divided by it. Where that share was measured, it and the bound have half of the error each; where it
is given, the bound has all of it.
"""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from scrubtrace.audit.figures import Refusal
from scrubtrace.stats.intervals import interval, upper_bound
from scrubtrace.stats.prevalence.result import Figure
from scrubtrace.stats.prevalence.strata import stratified_rate

EXACT = "share of hits, exact interval"
WHOLE = "share of hits, stratified (Hajek)"


@dataclass(frozen=True)
class Counts:
    """Texts: how many there are, were drawn, are decided, and are hits."""

    population: int
    drawn: int
    decided: int
    hits: int


@dataclass(frozen=True)
class Counted:
    """Texts of a cell: how many there are, were drawn, are decided, and are hits.

    ``flagged`` counts those of them that were flagged at the draw; None if the cell has none.
    """

    stratum: str
    of: str
    population: int
    drawn: int
    decided: int
    hits: int
    flagged: Counts | None = None

    @property
    def parts(self) -> "tuple[Counted, ...] | None":
        """The cell in parts of which those that are decided are a random part, or None.

        Its flagged texts are one if they are all decided and others are not.
        """
        flagged = self.flagged
        if self.decided == self.drawn or flagged is None or not flagged.drawn:
            return (self,)
        others = Counts(*(getattr(self, name) - getattr(flagged, name) for name in _COUNTS))
        if flagged.decided < flagged.drawn or not others.decided:
            return None
        return tuple(
            Counted(self.stratum, of, *astuple(own))
            for of, own in (("flagged", flagged), ("unflagged", others))
        )


_COUNTS = ("population", "drawn", "decided", "hits")


@dataclass(frozen=True)
class Finding:
    """The share of hits that reviewers find: ``at_least`` so much, in (0, 1].

    ``is_measured``: that is a lower limit of what was measured, at (1 + confidence) / 2.
    """

    at_least: float
    is_measured: bool = False

    @property
    def is_certain(self) -> bool:
        """Whether reviewers miss nothing, so that texts that were all read are settled."""
        return self.at_least == 1 and not self.is_measured

    def level(self, confidence: float) -> float:
        """The confidence of the one-sided bound on what reviewers see."""
        return (1 + confidence) / 2 if self.is_measured else confidence


@dataclass(frozen=True)
class Estimate:
    """A share of hits with its two-sided interval, or the reason for none.

    ``upper_corrected`` is the one-sided upper bound for reviewers who find a share of the hits
    only; None if it is not known how many they find.
    ``if_undecided`` is the share if no undecided text is a hit, and if all are; also where decided
    texts are no random part.
    """

    rate: float | None = None
    lower: float | None = None
    upper: float | None = None
    upper_corrected: float | None = None
    if_undecided: tuple[float, float] | None = None
    refusal: Refusal | None = None
    about: str = ""
    method: str = ""


def cell_estimate(cell: Counted, confidence: float, finding: Finding | None) -> Estimate:
    """The share of hits in a cell, with its exact interval (Clopper and Pearson 1934).

    If its flagged texts are all decided and others are not, as `whole_estimate` of both.
    """
    if not cell.decided:
        return Estimate(refusal=Refusal.NOT_DECIDED if cell.drawn else Refusal.NOT_DRAWN)
    if cell.parts != (cell,):
        return whole_estimate([cell], confidence, finding)
    lower, upper = interval(cell.hits, cell.decided, confidence)
    rate = cell.hits / cell.decided
    corrected = None
    if finding is not None:
        bound = upper_bound(cell.hits, cell.decided, finding.level(confidence))
        bound = rate if finding.is_certain and cell.decided == cell.population else bound
        corrected = min(1.0, bound / finding.at_least)
    return Estimate(rate, lower, upper, corrected, _range([cell]), method=EXACT)


def whole_estimate(
    cells: Sequence[Counted], confidence: float, finding: Finding | None
) -> Estimate:
    """The share of hits in all cells together: see `stratified_rate`.

    Refused if one of them has nothing decided, or if what is decided is no random part of it.
    """
    cells = [cell for cell in cells if cell.population]
    empty = [cell for cell in cells if not cell.decided]
    if empty or not cells:
        about = f"{empty[0].stratum} ({empty[0].of})" if empty else ""
        is_part = len(empty) < len(cells)
        reason = Refusal.PART_NOT_DECIDED if is_part else Refusal.NOT_DECIDED
        return Estimate(refusal=reason, about=about)
    if biased := [cell for cell in cells if cell.parts is None]:
        about = f"{biased[0].stratum} ({biased[0].of})" if len(cells) > 1 else ""
        ends = _range(cells)
        return Estimate(refusal=Refusal.NOT_AT_RANDOM, about=about, if_undecided=ends)
    ends = _range(cells)
    cells = [part for cell in cells for part in cell.parts or ()]
    figure = _stratified(cells, confidence)
    corrected = None if finding is None else _corrected(cells, confidence, finding)
    return Estimate(figure.estimate, figure.lower, figure.upper, corrected, ends, method=WHOLE)


def _stratified(cells: Sequence[Counted], confidence: float) -> Figure:
    """The share of hits in cells of which texts are decided."""
    decided = [cell.decided for cell in cells]
    hits = [np.arange(cell.decided) < cell.hits for cell in cells]
    return stratified_rate(
        np.concatenate(hits),
        np.repeat([cell.decided / cell.population for cell in cells], decided),
        np.repeat(np.arange(len(cells)), decided),
        {number: cell.population for number, cell in enumerate(cells)},
        confidence,
    ).total


def _corrected(cells: Sequence[Counted], confidence: float, finding: Finding) -> float:
    """The upper bound of the whole; a cell that was all read is settled if reviewers miss nothing.

    It is the upper end of an interval with so much of the error on either side.
    """
    population = sum(cell.population for cell in cells)
    settled = [c for c in cells if finding.is_certain and c.decided == c.population]
    unsettled = [cell for cell in cells if cell not in settled]
    bound = math.fsum(cell.hits for cell in settled) / population
    if unsettled:
        figure = _stratified(unsettled, max(0.0, 2 * finding.level(confidence) - 1))
        assert figure.upper is not None
        bound += figure.upper * sum(cell.population for cell in unsettled) / population
    return min(1.0, bound / finding.at_least)


def _range(cells: Sequence[Counted]) -> tuple[float, float]:
    """The share if no undecided text is a hit, and if all are."""
    population = sum(cell.population for cell in cells)
    weights = [(cell, cell.population / cell.drawn / population) for cell in cells]
    least = math.fsum(weight * cell.hits for cell, weight in weights)
    most = least + math.fsum(weight * (cell.drawn - cell.decided) for cell, weight in weights)
    return least, min(1.0, most)
