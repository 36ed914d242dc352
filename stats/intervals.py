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
