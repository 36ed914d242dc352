"""Intervals for proportions."""


def upper_bound(hits: int, trials: int, confidence: float = 0.95) -> float:
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


def interval(hits: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    """Two-sided exact confidence interval of a proportion (Clopper and Pearson 1934).

    Raises ValueError as `upper_bound` does. Without trials it is the whole range.
    """
    one_sided = (1 + confidence) / 2
    upper = upper_bound(hits, trials, one_sided)
    return 1.0 - upper_bound(trials - hits, trials, one_sided), upper
