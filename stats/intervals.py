"""Intervals for proportions."""


def upper_bound(hits: float, trials: float, confidence: float = 0.95) -> float:
    """One-sided exact upper confidence bound of a proportion (Clopper and Pearson 1934).

    Raises ValueError unless 0 <= hits <= trials and 0 < confidence < 1. Without trials the bound
    is 1.
    """
    from scipy.stats import beta

    if not 0 <= hits <= trials or not 0 < confidence < 1:
        raise ValueError(f"no proportion: {hits} of {trials} at confidence {confidence}")
    if hits == trials:
        return 1.0
    return float(beta.ppf(confidence, hits + 1, trials - hits))


def lower_bound(hits: float, trials: float, confidence: float = 0.95) -> float:
    """One-sided exact lower confidence bound, as `upper_bound`; 0 without trials."""
    return 1.0 - upper_bound(trials - hits, trials, confidence)


def interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact confidence interval of a proportion (Clopper and Pearson 1934).

    Raises ValueError as `upper_bound` does. Without trials it is the whole range.
    """
    one_sided = (1 + confidence) / 2
    upper = upper_bound(hits, trials, one_sided)
    return 1.0 - upper_bound(trials - hits, trials, one_sided), upper


def effective_interval(rate: float, size: float, confidence: float = 0.95) -> tuple[float, float]:
    """`interval` for a rate that is worth ``size`` independent rows, which need not be whole.

    So dependent or weighted rows get an interval (Korn and Graubard 1998).
    """
    from scipy.stats import beta

    hits, tail = rate * size, (1 - confidence) / 2
    low = float(beta.ppf(tail, hits, size - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, size - hits)) if hits < size else 1.0
    return low, high


def wilson(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided score interval of a proportion (Wilson 1927).

    Shorter than `interval`, and right on average only: for rare hits it holds in fewer cases than
    the confidence says (Brown, Cai and DasGupta 2001). Raises ValueError as `upper_bound` does.
    Without trials it is the whole range.
    """
    from scipy.stats import norm

    if not 0 <= hits <= trials or not 0 < confidence < 1:
        raise ValueError(f"no proportion: {hits} of {trials} at confidence {confidence}")
    if not trials:
        return 0.0, 1.0
    z = float(norm.ppf((1 + confidence) / 2))
    rate, size = hits / trials, trials + z * z
    centre = (hits + z * z / 2) / size
    reach = z * (trials * rate * (1 - rate) + z * z / 4) ** 0.5 / size
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    return low, 1.0 if hits == trials else min(1.0, centre + reach)
