"""How many different values there are, from the smallest of their hashes."""

import math
from collections.abc import Sequence

CONFIDENCE = 0.99
"""In so many cases there are not more than `at_most` says."""


def at_most(smallest: Sequence[float], kept: int) -> int:
    """Upper bound on the number of different values, with `CONFIDENCE`.

    ``smallest`` are the smallest different hashes, rising, each evenly spread over (0, 1], at most
    ``kept`` of them. Fewer than that are all there are. Else the number below the last is at most
    Poisson's bound for ``kept`` events: a binomial count lies below its mean less often than a
    Poisson count of the same mean (Anderson and Samuels, 1967).
    """
    if len(smallest) < kept:
        return len(smallest)
    from scipy.special import gammaincinv  # imported where needed: slow to import

    return math.ceil(float(gammaincinv(kept, CONFIDENCE)) / smallest[-1])
