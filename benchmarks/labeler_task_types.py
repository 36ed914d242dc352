"""How many labelers are referred wrongly when they have several task types.

    python benchmarks/labeler_task_types.py

Simulated: 300 labelers, each with texts of one to three task types whose clean rates are 0.5%, 1.2%
and 4%, in a clean month and in a later one. Rates of labelers vary within a task type as a beta
distribution; in the rows *dependent* a labeler who has much in one type has much in all. Ten have
15% of their texts of one task type flagged in the later month. Labelers are referred as by
`screen_labelers` (Bonferroni within a labeler, then Benjamini and Hochberg over labelers), and, to
compare, by Benjamini and Hochberg over all pairs of labeler and task type. The false-discovery
proportion (FDP) counts labelers; power is the share of the ten that are referred.
"""

import argparse
from collections import Counter

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from scrubtrace.cells import Cell
from scrubtrace.labelers.model import LabelerScreening
from scrubtrace.labelers.periods import Settings
from scrubtrace.labelers.screening import screen_labelers
from scrubtrace.stats.fdr import benjamini_hochberg

Floats = npt.NDArray[np.float64]

RATES = (0.005, 0.012, 0.04)
LABELERS, CHEATERS, CHEATING, ROWS = 300, 10, 0.15, 200
SETTINGS = Settings(("source",))


def cells(
    dispersion: float, dependent: bool, rng: np.random.Generator
) -> tuple[Counter[Cell], Counter[Cell]]:
    """Texts and flagged texts of one repetition."""
    texts: Counter[Cell] = Counter()
    flagged: Counter[Cell] = Counter()
    for labeler in range(LABELERS):
        types = rng.permutation(3)[: rng.integers(1, 4)]
        level = rng.random()
        for at, number in enumerate(types.tolist()):
            size = 1 / dispersion - 1
            place = level if dependent else rng.random()
            rate = float(beta.ppf(place, RATES[number] * size, (1 - RATES[number]) * size))
            for month in ("2022-10", "2023-01"):
                cheats = labeler < CHEATERS and at == 0 and month > "2022-11"
                rows = max(5, int(rng.lognormal(np.log(ROWS), 1.0)))
                cell = ("en", f"p-{labeler}", None, f"s{number}", None, None, month)
                texts[cell] = rows
                flagged[cell] = int(rng.binomial(rows, CHEATING if cheats else rate))
    return texts, flagged


def by_pairs(found: LabelerScreening) -> set[str]:
    """Who is referred by all pairs of labeler and task type."""
    entries = [entry for task in found.tasks for entry in task.entries]
    p = np.array([entry.p_value for entry in entries])
    cut = benjamini_hochberg(p, len(p), SETTINGS.level)
    return {entry.labeler for entry in entries if 0 < cut >= entry.p_value}


def main() -> None:
    """Prints one line for each setting and way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    cheaters = {f"p-{number}" for number in range(CHEATERS)}
    print("| rates | over-dispersion | way | FDP | >.1 | power |\n|---|---:|---|---|---:|---:|")
    for dependent in (False, True):
        for dispersion in (0.001, 0.01):
            rng = np.random.default_rng(given.seed)
            shares: dict[str, list[tuple[float, float]]] = {"labelers": [], "pairs": []}
            for _ in range(given.repetitions):
                found = screen_labelers(*cells(dispersion, dependent, rng), SETTINGS)
                ways = {"labelers": {r.labeler for r in found.referrals}, "pairs": by_pairs(found)}
                for way, chosen in ways.items():
                    wrong = len(chosen - cheaters) / max(1, len(chosen))
                    shares[way].append((wrong, len(chosen & cheaters) / CHEATERS))
            for way, results in shares.items():
                wrong_, power = np.array(results).T
                reach = 1.96 * wrong_.std() / np.sqrt(len(wrong_))
                print(
                    f"| {'dependent' if dependent else 'independent'} | {dispersion} | {way} "
                    f"| {wrong_.mean():.3f} ({max(0, wrong_.mean() - reach):.3f}-"
                    f"{wrong_.mean() + reach:.3f}) | {(wrong_ > 0.1).mean():.2f} "
                    f"| {power.mean():.2f} |"
                )


if __name__ == "__main__":
    main()
