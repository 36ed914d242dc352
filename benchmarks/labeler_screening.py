"""How many of the labelers that screening refers are referred wrongly, and how many it finds.

    python benchmarks/labeler_screening.py

Simulated: 500 labelers with lognormal numbers of rows in a clean and in a judged period, 10 of
whom have 15% of their rows flagged in the judged one. Clean rates have mean 1.2% and a given
over-dispersion, as a beta distribution or as one that is none: logit-normal, or two kinds of work
with two rates. A labeler keeps the rate, except in the rows *other work*, where each period has one
of its own. Four ways to refer:

    binomial  p-values of a binomial test against the mean rate, as a comparison
    among     p-values among all labelers' clean rates
    both      the greater one of those and of p-values that use the labeler's own clean rows
    own       the latter alone: for labelers who do the same work in both periods

The false-discovery proportion is the share of the referred that are not among the ten, 0 if nobody
is referred.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.optimize import fsolve
from scipy.special import expit
from scipy.stats import binom, norm

from scrubtrace.stats.fdr import benjamini_hochberg
from scrubtrace.stats.screening import LEAST_ROWS, CleanNull, fit_null, screen

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

MEAN, CHEATERS, CHEATING = 0.012, 10, 0.15
ROWS, SPREAD = 200, 1.0
"""Median and logarithmic standard deviation of the rows of a labeler and period."""

HIGH = 0.05
"""Share of the labelers with the higher of two rates."""

WAYS = ("binomial", "among", "both", "own")
TARGET = 0.07


@dataclass(frozen=True)
class Scenario:
    """A distribution of clean rates; ``kept``: a labeler has the same one in both periods."""

    shape: str
    dispersion: float
    kept: bool = True


@dataclass(frozen=True)
class Outcome:
    """Of one repetition: referred wrongly, referred, cheaters referred and with enough rows."""

    wrong: int
    referred: int
    found: int
    cheaters: int

    @property
    def false_share(self) -> float:
        """False-discovery proportion."""
        return self.wrong / self.referred if self.referred else 0.0


SCENARIOS = (
    Scenario("beta", 0.0), Scenario("beta", 0.01), Scenario("beta", 0.03),
    Scenario("logit-normal", 0.01), Scenario("logit-normal", 0.03),
    Scenario("two rates", 0.01), Scenario("two rates", 0.03),
    Scenario("beta", 0.01, kept=False), Scenario("logit-normal", 0.03, kept=False),
)  # fmt: skip


def clean_rates(scenario: Scenario, labelers: int, rng: np.random.Generator) -> Floats:
    """A rate for each labeler."""
    if not scenario.dispersion:
        return np.full(labelers, MEAN)
    if scenario.shape == "beta":
        size = 1 / scenario.dispersion - 1
        return np.asarray(rng.beta(MEAN * size, (1 - MEAN) * size, labelers))
    if scenario.shape == "logit-normal":
        centre, spread = _logit_normal(scenario.dispersion)
        return np.asarray(expit(rng.normal(centre, spread, labelers)))
    variance = scenario.dispersion * MEAN * (1 - MEAN)
    share = max(HIGH, MEAN**2 / (variance + MEAN**2)) if _reaches(variance) else HIGH
    gap = np.sqrt(variance / (share * (1 - share)))
    low = max(0.0, MEAN - share * gap)
    return np.asarray(np.where(rng.random(labelers) < share, low + gap, low))


def _reaches(variance: float) -> bool:
    """Whether the lower of two rates would be negative at the usual share of the higher."""
    return bool(HIGH * np.sqrt(variance / (HIGH * (1 - HIGH))) > MEAN)


@cache
def _logit_normal(dispersion: float) -> tuple[float, float]:
    """Centre and spread of the logit with the mean and this over-dispersion."""
    places = norm.ppf((np.arange(20_000) + 0.5) / 20_000)

    def gaps(at: Floats) -> list[float]:
        rates = expit(at[0] + np.exp(at[1]) * places)
        wanted = dispersion * MEAN * (1 - MEAN)
        return [np.log(rates.mean() / MEAN), np.log(rates.var() / wanted)]

    centre, spread = fsolve(gaps, [-5.0, 0.0])
    return float(centre), float(np.exp(spread))


def repetition(
    scenario: Scenario, labelers: int, level: float, rng: np.random.Generator
) -> dict[str, Outcome]:
    """One simulated year, judged in each way."""
    clean = clean_rates(scenario, labelers, rng)
    judged = clean.copy() if scenario.kept else clean_rates(scenario, labelers, rng)
    cheats = np.arange(labelers) < CHEATERS
    judged[cheats] = CHEATING
    past, rows = (
        np.maximum(5, rng.lognormal(np.log(ROWS), SPREAD, labelers)).astype(np.int64)
        for _ in range(2)
    )
    past_flagged, flagged = rng.binomial(past, clean), rng.binomial(rows, judged)
    null = fit_null(past, past_flagged)
    assert isinstance(null, CleanNull)
    own = past, past_flagged
    rate = float(past_flagged.sum() / past.sum())
    referred = {
        "binomial": _by_binomial(rows, flagged, rate, level),
        "among": screen(null, rows, flagged, level=level).referred,
        "both": screen(null, rows, flagged, own, level=level).referred,
        "own": screen(null, rows, flagged, own, same_work=True, level=level).referred,
    }
    tested = int((cheats & (rows >= LEAST_ROWS)).sum())
    return {
        way: Outcome(
            int((chosen & ~cheats).sum()), int(chosen.sum()), int((chosen & cheats).sum()), tested
        )
        for way, chosen in referred.items()
    }


def _by_binomial(rows: Numbers, flagged: Numbers, rate: float, level: float) -> Flags:
    tested = rows >= LEAST_ROWS
    p = np.where(tested, binom.sf(flagged - 1, rows, rate), 1.0)
    cut = benjamini_hochberg(p[tested], int(tested.sum()), level)
    return np.asarray(tested & (p <= cut) & (cut > 0))


def lines(found: dict[str, list[Outcome]], scenario: Scenario) -> Iterator[str]:
    """One line for each way."""
    for way in WAYS:
        own = found[way]
        shares = np.array([outcome.false_share for outcome in own])
        reach = 1.96 * shares.std(ddof=1) / np.sqrt(len(shares))
        power = sum(o.found for o in own) / max(1, sum(o.cheaters for o in own))
        name = scenario.shape + ("" if scenario.kept else ", other work")
        yield (
            f"{name:26}{scenario.dispersion:5.2f} {way:9} {shares.mean():6.3f} "
            f"({max(0.0, shares.mean() - reach):.3f}-{shares.mean() + reach:.3f}) "
            f"{(shares > 0.1).mean():9.3f} {np.mean([o.wrong for o in own]):6.2f} {power:6.2f}"
            f"{'' if shares.mean() <= TARGET else f'  above {TARGET}'}"
        )


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    parser.add_argument("--labelers", type=int, default=500)
    parser.add_argument("--level", type=float, default=0.02)
    given = parser.parse_args()
    print(
        f"{'clean rates':26}{'rho':>5} {'way':9} {'FDP':>6} {'(95%)':13} {'P(>0.10)':>9} "
        f"{'wrong':>6} {'power':>6}"
    )
    for number, scenario in enumerate(SCENARIOS):
        rng = np.random.default_rng(number)
        found: dict[str, list[Outcome]] = {way: [] for way in WAYS}
        for _ in range(given.repetitions):
            for way, outcome in repetition(scenario, given.labelers, given.level, rng).items():
                found[way].append(outcome)
        for line in lines(found, scenario):
            print(line, flush=True)


if __name__ == "__main__":
    main()
