"""How often a step of monthly flag rates is seen: where there is none, and where there is one.

    python benchmarks/rate_steps.py

Simulated: months before and after a date, with 250 to 1,000 rows each, of which 1.2% are flagged.
The rate of a month varies around that as a beta distribution with a given over-dispersion, which
all strata share. *Seen* is the share of repetitions with a p-value of at most 0.05, without a step
and with the rate three times as high; *held* that in which the 95% interval holds the odds ratio.
"""

import argparse

import numpy as np

from scrubtrace.stats.change import Step, step

RATE, LEVEL, LIFT = 0.012, 0.05, 3.0
LENGTHS = ((24, 6), (12, 3))
DISPERSIONS = (0.0, 0.001, 0.003, 0.01)
STRATA = (1, 3)


def simulated(
    months: tuple[int, int], dispersion: float, strata: int, lift: float, rng: np.random.Generator
) -> Step:
    """One test."""
    place = np.arange(sum(months))
    after = place >= months[0]
    rates = np.full(len(place), RATE)
    if dispersion:
        size = 1 / dispersion - 1
        rates = rng.beta(RATE * size, (1 - RATE) * size, len(place))
    rates = np.minimum(1.0, np.where(after, lift * rates, rates))
    rows = rng.integers(250, 1_000, (strata, len(place))) // strata
    return step(rows, rng.binomial(rows, rates), ~after, after, rng)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=500)
    given = parser.parse_args()
    print("months   strata   rho  seen without  held  seen with")
    for months in LENGTHS:
        for strata in STRATA:
            for dispersion in DISPERSIONS:
                rng = np.random.default_rng(1)
                sides = [
                    [
                        found
                        for _ in range(given.repetitions)
                        if (found := simulated(months, dispersion, strata, lift, rng)).p_value
                        is not None
                    ]
                    for lift in (1.0, LIFT)
                ]
                seen = [
                    np.mean([(found.p_value or 0.0) <= LEVEL for found in side]) for side in sides
                ]
                held = np.mean([(f.low or 0.0) <= 1 <= (f.high or np.inf) for f in sides[0]])
                print(
                    f"{months[0]:2} and {months[1]}  {strata:3} {dispersion:8.3f} {seen[0]:13.3f} "
                    f"{held:5.3f} {seen[1]:10.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
