"""Does one sample lie higher than another: exact and permutation tests within strata.

Both tests permute which rows are whose, within each stratum, and nothing else. So they hold for
any score that was fixed without looking at who the rows belong to.
"""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ENOUGH = 50
BLOCK = 200

NEGLIGIBLE = 1e-60
"""Chance of all counts that an exact test leaves out on one side; it is added to the p-value."""


def shift(ours: Sequence[Floats], theirs: Sequence[Floats]) -> float:
    """Difference of means within strata, weighted by how many of ours are in each.

    Each stratum needs a value on either side.
    """
    sizes = np.array([len(values) for values in ours])
    gaps = [own.mean() - other.mean() for own, other in zip(ours, theirs, strict=True)]
    return float(sizes @ np.array(gaps) / sizes.sum())


def shift_error(ours: Sequence[Floats], theirs: Sequence[Floats]) -> float:
    """Standard error of `shift`, from variances pooled over strata."""
    sizes = np.array([len(values) for values in ours])
    others = np.array([len(values) for values in theirs])
    weights = (sizes / sizes.sum()) ** 2
    first, second = _pooled_variance(ours), _pooled_variance(theirs)
    return float(np.sqrt((weights * (first / sizes + second / others)).sum()))


def shift_p_value(
    ours: Sequence[Floats],
    theirs: Sequence[Floats],
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """One-sided permutation p-value of `shift`: (1 + b) / (1 + m) (Phipson and Smyth, 2010).

    As soon as `ENOUGH` permutations reach the observed shift, after l of them, it is `ENOUGH` / l
    (Besag and Clifford, 1991). Valid, that is at most alpha in a share alpha of cases, where rows
    of a stratum could as well have changed sides.
    """
    weights = [1 + len(own) / len(other) for own, other in zip(ours, theirs, strict=True)]
    observed = sum(weight * float(own.sum()) for weight, own in zip(weights, ours, strict=True))
    limit = observed - 1e-9 * max(1.0, abs(observed))
    pools = [np.concatenate(pair) for pair in zip(ours, theirs, strict=True)]
    reached = 0
    for first in range(0, permutations, BLOCK):
        size = min(BLOCK, permutations - first)
        sums = np.zeros(size)
        for weight, pool, own in zip(weights, pools, ours, strict=True):
            sums += weight * _permuted_sums(pool, len(own), size, rng)
        places = np.flatnonzero(sums >= limit)
        if reached + len(places) >= ENOUGH:
            return ENOUGH / (first + int(places[ENOUGH - reached - 1]) + 1)
        reached += len(places)
    return (1 + reached) / (1 + permutations)


def excess_p_value(
    hits: Sequence[int], rows: Sequence[int], other_hits: Sequence[int], other_rows: Sequence[int]
) -> float:
    """Exact one-sided p-value that we have so many hits: Fisher's test, summed over strata.

    Conditional on the hits of each stratum on both sides together (Cochran-Mantel-Haenszel, exact).
    Counts far from the mean are left out, so that the time grows with the hits and not with their
    square; the p-value is too large by what they could have, 2e-60 for each stratum and each sum.
    """
    from scipy.stats import hypergeom

    chances, first, left_out = np.ones(1), 0, 0
    mean = variance = 0.0
    for ours, size, theirs, other in zip(hits, rows, other_hits, other_rows, strict=True):
        total, both = ours + theirs, size + other
        expected = size * total / both if both else 0.0
        varying = expected * (1 - total / both) * other / (both - 1) if both > 1 else 0.0
        least, most = max(0, total - other), min(total, size)
        low, high = _window(expected, varying, least, most)
        counts = np.arange(low, high + 1)
        chances = np.convolve(chances, hypergeom.pmf(counts, both, total, size))
        left_out += (low, high) != (least, most)
        first, mean, variance = first + low, mean + expected, variance + varying
        last = first + len(chances) - 1
        low, high = _window(mean, variance, first, last)
        left_out += (low, high) != (first, last)
        chances, first = chances[low - first : high + 1 - first], low
    reached = float(chances[max(0, sum(hits) - first) :].sum())
    return min(1.0, reached + 2 * NEGLIGIBLE * left_out)


def _window(mean: float, variance: float, least: int, most: int) -> tuple[int, int]:
    """Counts outside of which `NEGLIGIBLE` lies on each side, by Bernstein's inequality.

    It holds for hypergeometric counts and their sums: these are sums of independent ones of 0 and 1
    (Vatutin and Mikhailov, 1982).
    """
    needed = -math.log(NEGLIGIBLE)
    reach = needed / 3 + math.sqrt((needed / 3) ** 2 + 2 * variance * needed)
    return max(least, math.floor(mean - reach)), min(most, math.ceil(mean + reach))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values adjusted for their number, in the same order (Holm, 1979)."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, highest = [1.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, (len(p_values) - rank) * p_values[place])
        adjusted[place] = min(1.0, highest)
    return adjusted


def _permuted_sums(pool: Floats, size: int, permutations: int, rng: np.random.Generator) -> Floats:
    """Sums of so many values drawn from the pool without replacement; the smaller side is drawn."""
    drawn = min(size, len(pool) - size)
    sums = np.array(
        [
            pool[rng.choice(len(pool), drawn, replace=False, shuffle=False)].sum()
            for _ in range(permutations)
        ]
    )
    return sums if drawn == size else pool.sum() - sums


def _pooled_variance(strata: Sequence[Floats]) -> float:
    squares = sum(float(((values - values.mean()) ** 2).sum()) for values in strata)
    return squares / max(1, sum(len(values) for values in strata) - len(strata))
