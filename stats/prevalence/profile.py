"""Likelihood of a share when judged rows and both references are counts in the same bins.

The probabilities of the bins are unknown for both kinds and are maximised out for each share, so
the likelihood ratio of shares carries the uncertainty of all three samples.
"""

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ADDED = 0.05
"""Rows added to each bin of the references, so that none has probability 0."""

EXACT = 1e-6
"""Share of a multiplier to which it is found; what is lost of the log-likelihood is of its square
times the rows, as it is flat there."""

GRID = 31
ZOOMS = 3


def log_likelihood(shares: Floats, judged: Floats, human: Floats, llm: Floats) -> Floats:
    """Greatest log-likelihood for each share (k,) of counts by bin (bins,).

    For given shares it is concave in the probabilities p of human and q of LLM rows. With
    multipliers a and b of their sums, a + b being the number of all rows, the mixture of each bin
    is the larger root of a quadratic, and the sum of p falls in a: its range is halved until that
    is 1.
    """
    h, g, c = human + ADDED, llm + ADDED, judged
    total = float(h.sum() + g.sum() + c.sum())
    share = np.clip(shares, 0.0, 1.0)[:, None]
    of_human, of_llm = c * (1 - share), c * share
    own, other = (1 - share) * h, share * g
    by_a, by_b = of_llm + other, of_human + own
    constant = of_human * of_llm + own * of_llm + other * of_human

    def mixture(a: Floats) -> Floats:
        b = total - a
        linear = a * by_a + b * by_b
        root = np.sqrt(np.maximum(linear * linear - 4 * a * b * constant, 0.0))
        return np.asarray((linear + root) / (2 * a * b))

    low = np.full((len(shares), 1), float(h.sum()) * (1 - 1e-9))
    high = total - float(g.sum()) * (1 - 1e-9) + np.zeros_like(low)
    for _ in range(math.ceil(math.log2(float(high[0, 0] / low[0, 0] - 1) / EXACT))):
        middle = (low + high) / 2
        more = _divided(h, mixture(middle), middle, of_human).sum(axis=1, keepdims=True) > 1
        low, high = np.where(more, middle, low), np.where(more, high, middle)
    mixed = mixture(high)
    p, q = _divided(h, mixed, high, of_human), _divided(g, mixed, total - high, of_llm)
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    mixed = np.log((1 - share) * p + share * q)
    return np.asarray((c * mixed + h * np.log(p) + g * np.log(q)).sum(axis=1))


def _divided(counts: Floats, mixed: Floats, multiplier: Floats, judged: Floats) -> Floats:
    """The probabilities of the bins of one kind, for the mixture of each bin."""
    return np.asarray(counts * mixed / np.maximum(multiplier * mixed - judged, 1e-300))


def most_likely(
    judged: Floats, human: Floats, llm: Floats, drop: float
) -> tuple[float, float, float, float]:
    """The most likely share, the ends of those whose log-likelihood is at most ``drop`` lower, and
    by how much the best mixture is less likely than counts without any relation between them."""
    shares = np.linspace(0.0, 1.0, GRID) ** 2
    values = log_likelihood(shares, judged, human, llm)
    for _ in range(ZOOMS):
        shares, values = _with(
            shares, _around(shares, int(values.argmax())), values, judged, human, llm
        )
    top = float(values.max())
    best = float(shares[values.argmax()])
    for _ in range(ZOOMS):
        inside = np.flatnonzero(values >= top - drop)
        first, last = int(inside[0]), int(inside[-1])
        more = [np.linspace(shares[max(0, first - 1)], shares[first], 8)]
        more.append(np.linspace(shares[last], shares[min(len(shares) - 1, last + 1)], 8))
        shares, values = _with(shares, np.concatenate(more), values, judged, human, llm)
    inside = np.flatnonzero(values >= top - drop)
    free = sum(_free(counts) for counts in (judged, human + ADDED, llm + ADDED))
    return best, float(shares[inside[0]]), float(shares[inside[-1]]), max(0.0, free - top)


def _with(
    shares: Floats, more: Floats, values: Floats, judged: Floats, human: Floats, llm: Floats
) -> tuple[Floats, Floats]:
    """Shares and their values with more of them, in order."""
    joined = np.concatenate([shares, more])
    found = np.concatenate([values, log_likelihood(more, judged, human, llm)])
    order = np.argsort(joined, kind="stable")
    return joined[order], found[order]


def _around(shares: Floats, place: int) -> Floats:
    return np.linspace(shares[max(0, place - 1)], shares[min(len(shares) - 1, place + 1)], 9)


def _free(counts: Floats) -> float:
    some = counts[counts > 0]
    return float((some * np.log(some / some.sum())).sum())
