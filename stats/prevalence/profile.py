"""Likelihood of a share when judged rows and both references are counts in the same bins.

The probabilities of the bins are unknown for both kinds and are maximised out for each share, so
the likelihood ratio of shares carries the uncertainty of all three samples.
"""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ADDED = 0.05
"""Rows added to each bin of the references, so that none has probability 0."""

HALVINGS = 36
GRID = 31
ZOOMS = 3


def log_likelihood(shares: Floats, judged: Floats, human: Floats, llm: Floats) -> Floats:
    """Greatest log-likelihood for each share (k,) of counts by bin (bins,).

    For given shares it is concave in the probabilities p of human and q of LLM rows. With
    multipliers a and b of their sums, a + b being the number of all rows, the mixture of each bin
    is the larger root of a quadratic, and the sum of p falls in a: a is halved until it is 1.
    """
    h, g, c = human + ADDED, llm + ADDED, judged
    total = float(h.sum() + g.sum() + c.sum())
    share = np.clip(shares, 0.0, 1.0)[:, None]
    low = np.full((len(shares), 1), float(h.sum()) * (1 - 1e-9))
    high = total - float(g.sum()) * (1 - 1e-9) + np.zeros_like(low)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        more = _probabilities(middle, total - middle, share, c, h, g)[0].sum(axis=1) > 1
        low, high = np.where(more[:, None], middle, low), np.where(more[:, None], high, middle)
    p, q = _probabilities(high, total - high, share, c, h, g)
    p, q = p / p.sum(axis=1, keepdims=True), q / q.sum(axis=1, keepdims=True)
    mixed = np.log((1 - share) * p + share * q)
    return np.asarray((c * mixed + h * np.log(p) + g * np.log(q)).sum(axis=1))


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


def _probabilities(
    a: Floats, b: Floats, share: Floats, c: Floats, h: Floats, g: Floats
) -> tuple[Floats, Floats]:
    """p and q of each bin for multipliers a and b (k, 1) and counts (bins,)."""
    of_human, of_llm = c * (1 - share), c * share
    own, other = (1 - share) * h, share * g
    linear = a * (of_llm + other) + b * (of_human + own)
    constant = of_human * of_llm + own * of_llm + other * of_human
    root = np.sqrt(np.maximum(linear**2 - 4 * a * b * constant, 0.0))
    mixed = (linear + root) / (2 * a * b)
    p = h * mixed / np.maximum(a * mixed - of_human, 1e-300)
    q = g * mixed / np.maximum(b * mixed - of_llm, 1e-300)
    return np.asarray(p), np.asarray(q)
