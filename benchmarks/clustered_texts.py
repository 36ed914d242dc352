"""How often intervals of ``audit run`` hold where labelers differ, with and without ``--cluster``.

    python benchmarks/clustered_texts.py [--repetitions 400]

Made counts. A labeler has a share of LLM texts and a false-positive rate of their own, each of a
beta distribution with an over-dispersion (intraclass correlation); a share of the LLM texts is
flagged, which differs between labelers, too. Texts a labeler are log-normal. Of the references,
writers of human texts have false-positive rates as labelers do, and LLM texts come in clusters with
rates of being flagged of their own. What should be held are the means of those distributions.

Scores: the p-values of a labeler's texts in 20 bins are shifted by an amount of the labeler's own.

``drawn`` takes the labelers as they are, draws texts at random and asks how often the exact
interval of hits holds the share of LLM texts among all: labelers do not matter to it.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import interval
from scrubtrace.stats.prevalence.binned import binned_likelihood
from scrubtrace.stats.prevalence.clusters import Clusters, clustered_rate
from scrubtrace.stats.prevalence.lower_bound import (
    clustered_lower_bound,
    prevalence_lower_bound,
)
from scrubtrace.stats.prevalence.rates import raw_rate
from scrubtrace.stats.prevalence.result import Figure
from scrubtrace.stats.prevalence.rogan_gladen import (
    Flags,
    rogan_gladen_clusters,
    rogan_gladen_either,
)

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Held = dict[str, tuple[bool, bool]]
"""By the name of a figure, whether it holds without and with clusters."""

FALSE, FOUND = 0.02, 0.7
"""Mean rates at which human and LLM texts are flagged."""

SPREAD = 0.8
"""Standard deviation of the logarithm of texts a labeler."""

BINS = 20


@dataclass(frozen=True)
class Scenario:
    """Labelers of the data, with so many texts in the mean; references have a third as many."""

    labelers: int
    texts: int
    dispersion: float
    prevalence: float


SCENARIOS = tuple(
    Scenario(labelers, texts, dispersion, prevalence)
    for labelers, texts, dispersions in (
        (30, 50, (0.01, 0.03, 0.1)),
        (30, 200, (0.01, 0.03, 0.1)),
        (100, 200, (0.01,)),
    )
    for dispersion in dispersions
    for prevalence in (0.0, 0.05, 0.3)
)


@dataclass(frozen=True)
class Made:
    """Flags of the data and of both references by cluster."""

    judged: Clusters
    human: Clusters
    llm: Clusters

    @property
    def flags(self) -> Flags:
        """The same without clusters."""
        samples = (self.judged, self.human, self.llm)
        return Flags(*(int(own.sum()) for one in samples for own in (one.hits, one.rows)))


def made(scenario: Scenario, rng: np.random.Generator) -> Made:
    """Counts of one repetition."""
    rho, references = scenario.dispersion, max(30, scenario.labelers // 3)
    rows = sizes(scenario.labelers, scenario.texts, rng)
    llm = rng.binomial(rows, beta(scenario.prevalence, rho, len(rows), rng))
    hits = rng.binomial(llm, beta(FOUND, rho, len(rows), rng))
    hits += rng.binomial(rows - llm, beta(FALSE, rho, len(rows), rng))
    human, other = (sizes(references, scenario.texts, rng) for _ in range(2))
    of_human = rng.binomial(human, beta(FALSE, rho, references, rng))
    of_llm = rng.binomial(other, beta(FOUND, rho, references, rng))
    return Made(Clusters(hits, rows), Clusters(of_human, human), Clusters(of_llm, other))


def sizes(labelers: int, mean: int, rng: np.random.Generator) -> Numbers:
    """Texts of each labeler."""
    drawn = rng.lognormal(np.log(mean) - SPREAD**2 / 2, SPREAD, labelers)
    return np.maximum(1, drawn).astype(np.int64)


def beta(mean: float, dispersion: float, size: int, rng: np.random.Generator) -> Floats:
    """Rates with a mean and an over-dispersion."""
    if dispersion == 0 or mean in (0, 1):
        return np.full(size, mean)
    scale = 1 / dispersion - 1
    return rng.beta(mean * scale, (1 - mean) * scale, size)


def by_flags(scenario: Scenario, rng: np.random.Generator) -> Held:
    """Whether each figure holds; figures that are refused with or without clusters are left out."""
    found = made(scenario, rng)
    return rate_and_estimate(found, scenario.prevalence, rng) | bound(found, scenario.prevalence)


def rate_and_estimate(found: Made, p: float, rng: np.random.Generator) -> Held:
    """Of the rate of flagged texts and the estimate by flags."""
    flags = found.flags
    rate = int(flags.flagged), int(flags.rows)
    pairs = {
        "rate": (raw_rate(*rate), clustered_rate(*rate, found.judged)),
        "estimate": (
            rogan_gladen_either(flags, rng),
            rogan_gladen_clusters(found.judged, found.human, found.llm, rng),
        ),
    }
    truths = {"rate": p * FOUND + (1 - p) * FALSE, "estimate": p}
    return {
        name: (holds(one, truths[name]), holds(two, truths[name]))
        for name, (one, two) in pairs.items()
        if one.refusal is None and two.refusal is None
    }


def bound(found: Made, p: float) -> Held:
    """Of the lower bound."""
    flags = found.flags
    counts = (flags.flagged, flags.rows, flags.human_flagged, flags.human_rows)
    plain = prevalence_lower_bound(*map(int, counts))
    widened = clustered_lower_bound(found.judged, found.human)
    if plain.refusal or widened.refusal:
        return {}
    return {"at least": (holds(plain, p), holds(widened, p))}


def holds(figure: Figure, truth: float) -> bool:
    """Whether the truth is in the interval, or above the bound."""
    low = 0.0 if figure.lower is None else figure.lower
    high = 1.0 if figure.upper is None else figure.upper
    return low <= truth <= high


def by_scores(scenario: Scenario, rng: np.random.Generator) -> Held:
    """The same of the estimate from p-values in bins."""
    references = max(30, scenario.labelers // 3)
    samples = [
        binned(count, scenario, share, rng)
        for count, share in (
            (scenario.labelers, scenario.prevalence),
            (references, 0.0),
            (references, 1.0),
        )
    ]
    plain = binned_likelihood(*(own.sum(axis=0).tolist() for own in samples))
    divided = binned_likelihood(*(worth(own).tolist() for own in samples))
    if plain.refusal or divided.refusal:
        return {}
    p = scenario.prevalence
    return {"scores": (holds(plain, p), holds(divided, p))}


def binned(
    labelers: int, scenario: Scenario, prevalence: float, rng: np.random.Generator
) -> Numbers:
    """P-values (labelers, bins): even for human texts, small for LLM texts, shifted by labeler."""
    from scipy.stats import norm

    rows = sizes(labelers, scenario.texts, rng)
    of = np.repeat(np.arange(labelers), rows)
    is_llm = rng.random(len(of)) < beta(prevalence, scenario.dispersion, labelers, rng)[of]
    rho = scenario.dispersion
    shifts = rng.normal(size=labelers) * np.sqrt(rho)
    scores = rng.normal(size=len(of)) * np.sqrt(1 - rho) + shifts[of] + 2.5 * is_llm
    bins = np.minimum((norm.cdf(scores) * BINS).astype(int), BINS - 1)
    counts = np.zeros((labelers, BINS), np.int64)
    np.add.at(counts, (of, bins), 1)
    return counts


def worth(counts: Numbers) -> Floats:
    """Counts divided as those of ``audit run`` are: by the last bin, of the smallest p-values."""
    last = Clusters(counts[:, -1], counts.sum(axis=1))
    return np.asarray(counts.sum(axis=0) / last.divisor())


def by_decisions(scenario: Scenario, rng: np.random.Generator) -> Held:
    """Whether the exact interval of 300 texts drawn at random holds the share among all texts."""
    rows = sizes(scenario.labelers, scenario.texts, rng)
    llm = rng.binomial(rows, beta(scenario.prevalence, scenario.dispersion, len(rows), rng))
    total, every = int(llm.sum()), int(rows.sum())
    hits = int(rng.hypergeometric(total, every - total, min(300, every)))
    low, high = interval(hits, min(300, every))
    return {"drawn": (low <= total / every <= high,) * 2}


WAYS: tuple[Callable[[Scenario, np.random.Generator], Held], ...] = (
    by_flags,
    by_scores,
    by_decisions,
)
FIGURES = ("rate", "at least", "estimate", "scores", "drawn")


def measured(scenario: Scenario, repetitions: int, rng: np.random.Generator) -> dict[str, Floats]:
    """Of each figure, how often it held without and with clusters, and how often it was given."""
    held: dict[str, list[tuple[bool, bool]]] = {name: [] for name in FIGURES}
    for _ in range(repetitions):
        for way in WAYS:
            for name, pair in way(scenario, rng).items():
                held[name].append(pair)
    shares = {}
    for name, own in held.items():
        both = np.array(own, np.float64).reshape(-1, 2)
        mean = both.mean(axis=0) if len(both) else np.full(2, np.nan)
        shares[name] = np.array([*mean, len(both) / repetitions])
    return shares


def lines(scenario: Scenario, found: dict[str, Floats]) -> Iterator[str]:
    """A row of the table."""
    about = f"{scenario.labelers} | {scenario.texts} | {scenario.dispersion:g}"
    cells = []
    for name in FIGURES[:-1]:
        before, after, given = found[name]
        told = f"{before:.3f}, {after:.3f}" if given else "refused"
        cells.append(told + (f" ({given:.0%})" if 0 < given < 0.995 else ""))
    cells.append(f"{found['drawn'][0]:.3f}")
    yield f"| {about} | {scenario.prevalence:g} | {' | '.join(cells)} |"


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=400)
    repetitions = parser.parse_args().repetitions
    rng = np.random.default_rng(11)
    print("| labelers | texts each | over-dispersion | prevalence |", " | ".join(FIGURES), "|")
    print("|" + "---|" * (4 + len(FIGURES)))
    for scenario in SCENARIOS:
        for line in lines(scenario, measured(scenario, repetitions, rng)):
            print(line, flush=True)


if __name__ == "__main__":
    main()
