"""What decisions on drawn texts say of all texts.

In a cell every text had the same probability, and those that were decided stand for all of it: its
rate has the exact binomial interval. The whole is the mean weighted by one over the probabilities
(Hajek 1971), with the interval of as many equal rows as its variance is worth (Korn and Graubard
1998); cells without a hit are bounded jointly and added to the upper end. Reviewers who find only
a share of the hits see a share of what there is, so the upper end is divided by it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from scrubtrace.audit.sizes import no_hit_bound


class Refusal(StrEnum):
    """Why there is no figure."""

    NOT_DRAWN = "no text was drawn"
    NOT_DECIDED = "no text is decided"
    PART_NOT_DECIDED = "a stratum has no decided text"


@dataclass(frozen=True)
class Counted:
    """Texts of a cell: how many there are, were drawn, are decided, and are hits."""

    stratum: str
    of: str
    population: int
    drawn: int
    decided: int
    hits: int


@dataclass(frozen=True)
class Estimate:
    """A share of hits with its two-sided interval, or the reason for none.

    ``upper_corrected`` is the upper end for reviewers who find a share of the hits only.
    ``if_undecided`` is the share if no undecided text is a hit, and if all are.
    """

    rate: float | None
    lower: float | None
    upper: float | None
    upper_corrected: float | None
    if_undecided: tuple[float, float] | None
    refusal: Refusal | None = None
    about: str = ""


def cell_estimate(cell: Counted, confidence: float, sensitivity: float) -> Estimate:
    """The share of hits in a cell."""
    if not cell.decided:
        reason = Refusal.NOT_DECIDED if cell.drawn else Refusal.NOT_DRAWN
        return Estimate(None, None, None, None, None, reason)
    rate = cell.hits / cell.decided
    lower, upper = _interval(cell.hits, cell.decided, confidence)
    return _estimate(rate, lower, upper, sensitivity, _range([cell]))


def whole_estimate(cells: Sequence[Counted], confidence: float, sensitivity: float) -> Estimate:
    """The share of hits in all cells together; refused if one of them has nothing decided."""
    cells = [cell for cell in cells if cell.population]
    empty = [cell for cell in cells if not cell.decided]
    if empty or not cells:
        about = f"{empty[0].stratum} ({empty[0].of})" if empty else ""
        reason = Refusal.PART_NOT_DECIDED if len(empty) < len(cells) else Refusal.NOT_DECIDED
        return Estimate(None, None, None, None, None, reason, about)
    population = sum(cell.population for cell in cells)
    rate = sum(cell.population * cell.hits / cell.decided for cell in cells) / population
    with_hits = [cell for cell in cells if cell.hits]
    without = [cell for cell in cells if not cell.hits]
    # Each part has half of the error where there are both.
    level = confidence if not (with_hits and without) else (1 + confidence) / 2
    lower, upper = _joined(with_hits, population, level)
    if without:
        pairs = [(cell.population, cell.decided) for cell in without]
        share = sum(cell.population for cell in without) / population
        upper += share * no_hit_bound(pairs, (1 + level) / 2, is_settled=False)
    return _estimate(rate, lower, min(1.0, upper), sensitivity, _range(cells))


def _joined(cells: Sequence[Counted], population: int, confidence: float) -> tuple[float, float]:
    """Interval of the hits in cells that have some, as a share of the whole population."""
    covered = sum(cell.population for cell in cells)
    if not covered:
        return 0.0, 0.0
    rate = variance = 0.0
    for cell in cells:
        share, p = cell.population / covered, cell.hits / cell.decided
        rate += share * p
        variance += share**2 * p * (1 - p) / max(cell.decided - 1, 1)
    decided = sum(cell.decided for cell in cells)
    worth = min(decided, rate * (1 - rate) / variance) if variance else decided
    lower, upper = _interval(rate * worth, worth, confidence)
    return lower * covered / population, upper * covered / population


def _interval(hits: float, trials: float, confidence: float) -> tuple[float, float]:
    """Exact two-sided interval (Clopper and Pearson 1934), also of fractions of rows."""
    from scipy.stats import beta

    error = (1 - confidence) / 2
    lower = 0.0 if hits <= 0 else float(beta.ppf(error, hits, trials - hits + 1))
    upper = 1.0 if hits >= trials else float(beta.ppf(1 - error, hits + 1, trials - hits))
    return lower, upper


def _range(cells: Sequence[Counted]) -> tuple[float, float]:
    """The share if no undecided text is a hit, and if all are."""
    population = sum(cell.population for cell in cells)
    weights = [(cell, cell.population / cell.drawn / population) for cell in cells]
    least = math.fsum(weight * cell.hits for cell, weight in weights)
    most = least + math.fsum(weight * (cell.drawn - cell.decided) for cell, weight in weights)
    return least, min(1.0, most)


def _estimate(
    rate: float, lower: float, upper: float, sensitivity: float, undecided: tuple[float, float]
) -> Estimate:
    return Estimate(rate, lower, upper, min(1.0, upper / sensitivity), undecided)
