"""How often the intervals of ``audit run`` hold what they promise, on made counts.

    python benchmarks/audit_intervals.py [--repetitions 1000]

1,000 judged rows, 400 human and 200 LLM reference rows. Flags: a false-positive rate and a
sensitivity, `rogan_gladen_either`. Scores: p-values in 20 bins, even for human rows and growing
towards the last bin for LLM rows, `binned_likelihood`.
"""

import argparse

import numpy as np

from scrubtrace.stats.prevalence.binned import binned_likelihood
from scrubtrace.stats.prevalence.result import Figure
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen_either

ROWS, HUMAN, LLM = 1_000, 400, 200
PREVALENCES = (0.0, 0.02, 0.05, 0.1, 0.15, 0.3, 0.6)
RATES = ((0.02, 0.7), (0.05, 0.8), (0.01, 0.3))
GROWTH = 300
"""How much likelier the last bin is for an LLM row than the first."""


def by_flags(rng: np.random.Generator, prevalence: float, false: float, found: float) -> Figure:
    """One estimate from drawn counts of flags."""
    rate = prevalence * found + (1 - prevalence) * false
    pairs = ((rate, ROWS), (false, HUMAN), (found, LLM))
    counts = (number for chance, n in pairs for number in (int(rng.binomial(n, chance)), n))
    return rogan_gladen_either(Flags(*counts), rng)


def by_scores(rng: np.random.Generator, prevalence: float) -> Figure:
    """One estimate from drawn counts in bins."""
    human = np.full(20, 0.05)
    llm = np.geomspace(1, GROWTH, 20)
    llm /= llm.sum()
    mixed = (1 - prevalence) * human + prevalence * llm
    drawn = ((ROWS, mixed), (HUMAN, human), (LLM, llm))
    judged, own, other = (rng.multinomial(n, chances).tolist() for n, chances in drawn)
    return binned_likelihood(judged, own, other)


def held(figures: list[Figure], prevalence: float) -> str:
    """The share of intervals that hold the prevalence, of those that there are."""
    ends = [(f.lower, f.upper) for f in figures if f.lower is not None and f.upper is not None]
    if not ends:
        return "all refused"
    return f"{sum(low <= prevalence <= high for low, high in ends) / len(ends):.3f}"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=1_000)
    repetitions = range(parser.parse_args().repetitions)
    rng = np.random.default_rng(9)
    print("| prevalence |", " | ".join(f"flags {f:g}, {s:g}" for f, s in RATES), "| scores |")
    for prevalence in PREVALENCES:
        cells = [
            held([by_flags(rng, prevalence, false, found) for _ in repetitions], prevalence)
            for false, found in RATES
        ]
        cells.append(held([by_scores(rng, prevalence) for _ in repetitions], prevalence))
        print(f"| {prevalence:g} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
