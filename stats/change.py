"""Did the share of flagged rows change at a date: monthly counts, with months that vary by more
than chance.

Topics and batches move from month to month, so counts vary more than binomial ones. How much more,
the dispersion, is measured on the months themselves. Strata, such as sources or languages, are
compared within themselves: a month with more rows of one source is no change.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.intervals import effective_interval
from scrubtrace.stats.two_samples import excess_p_value, holm

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

CONFIDENCE = 0.95
PERMUTATIONS = 2_000
LEAST_MONTHS = 3
"""Months with rows on either side of a date, and in a baseline."""


class Reason(StrEnum):
    """Why a date is not tested."""

    FEW_MONTHS_BEFORE = "few_months_before"
    FEW_MONTHS_AFTER = "few_months_after"
    NO_FLAGGED_ROWS = "no_flagged_rows"
    NO_COMMON_STRATUM = "no_common_stratum"


@dataclass(frozen=True)
class MonthRate:
    """Flagged rows of one month; rate and interval are None without rows."""

    rows: int
    flagged: int
    rate: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Step:
    """A rise of the flag rate at one date.

    Parameters
    ----------
    p_value : one-sided; None where it is refused.
    adjusted : for the number of dates (Holm).
    odds_ratio, low, high : after to before within strata (Mantel and Haenszel), with its interval.
    dispersion : variance of the months over that of binomial ones, at least 1.
    rate_before, rate_after : of all strata together.
    """

    p_value: float | None
    adjusted: float | None
    odds_ratio: float | None
    low: float | None
    high: float | None
    dispersion: float | None
    rate_before: float | None
    rate_after: float | None
    months_before: int
    months_after: int
    refusal: Reason | None = None


def month_rates(
    rows: Numbers, flagged: Numbers, baseline: Flags, confidence: float = CONFIDENCE
) -> list[MonthRate]:
    """Rate of each month with its interval: rows and flagged rows (months,).

    Intervals are exact ones for rows / dispersion rows, the dispersion being that of the
    ``baseline`` months, if there are `LEAST_MONTHS` of them. Raises ValueError for impossible
    counts.
    """
    _check(rows[None], flagged[None])
    used = baseline & (rows > 0)
    dispersion = 1.0
    if used.sum() >= LEAST_MONTHS:
        dispersion = _dispersion(rows[None], flagged[None], [used])
    found = []
    for n, k in zip(rows.tolist(), flagged.tolist(), strict=True):
        if not n:
            found.append(MonthRate(0, 0, None, None, None))
            continue
        low, high = effective_interval(k / n, max(1.0, n / dispersion), confidence)
        found.append(MonthRate(n, k, k / n, low, high))
    return found


def step(
    rows: Numbers,
    flagged: Numbers,
    before: Flags,
    after: Flags,
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> Step:
    """Test of a rise between two sets of months: counts (strata, months), masks (months,).

    The p-value is the greatest of three, so that few flagged rows, months that vary and months of
    different sizes are all allowed for:

    - the exact test within strata, which takes rows as independent;
    - the Cochran-Mantel-Haenszel statistic divided by the root of the dispersion, against Student's
      t with the months' degrees of freedom (quasi-likelihood; McCullagh and Nelder, 1989, 4.5);
    - a permutation of months between the two sides. With few months it cannot be small: of 3 and 3
      at least 0.05.

    The interval of the odds ratio is that of Robins, Breslow and Greenland (1986), widened by the
    dispersion. Raises ValueError for impossible counts.
    """
    from scipy.stats import t

    _check(rows, flagged)
    with_rows = rows.sum(axis=0) > 0
    before, after = before & with_rows, after & with_rows
    n1, k1 = rows[:, after].sum(axis=1), flagged[:, after].sum(axis=1)
    n0, k0 = rows[:, before].sum(axis=1), flagged[:, before].sum(axis=1)
    months = int(before.sum()), int(after.sum())
    if reason := _refusal(months, n1, k1, n0, k0):
        return Step(None, None, None, None, None, None, None, None, *months, reason)
    common = (n0 > 0) & (n1 > 0)
    rows, flagged = rows[common], flagged[common]
    n1, k1, n0, k0 = n1[common], k1[common], n0[common], k0[common]
    dispersion = max(
        _dispersion(rows, flagged, [before, after]), _between(rows, flagged, before, after)
    )
    freedom = sum(months) - 2
    excess, variance = _excess(n1, k1, n0 + n1, k0 + k1)
    score = float(excess / np.sqrt(variance * dispersion))
    permuted = _permuted(rows, flagged, before, after, rng)
    exact = excess_p_value(k1.tolist(), n1.tolist(), k0.tolist(), n0.tolist())
    ratio, error = _odds_ratio(n1, k1, n0, k0)
    reach = float(t.ppf((1 + confidence) / 2, freedom)) * error * np.sqrt(dispersion)
    return Step(
        max(exact, float(t.sf(score, freedom)), permuted), None,
        ratio, float(ratio * np.exp(-reach)), float(ratio * np.exp(reach)), dispersion,
        float(k0.sum() / n0.sum()), float(k1.sum() / n1.sum()), *months,
    )  # fmt: skip


def steps(
    rows: Numbers,
    flagged: Numbers,
    dates: Sequence[int],
    rng: np.random.Generator,
    confidence: float = CONFIDENCE,
) -> list[Step]:
    """Tests several dates: each is the number of the first month after it, in rising order.

    Each date is tested between its neighbours: months from the date before it up to it, against
    those up to the date after it. P-values are adjusted for the number of dates that are tested.
    """
    if list(dates) != sorted(set(dates)):
        raise ValueError(f"dates are in rising order, each once, not {list(dates)}")
    months = np.arange(rows.shape[1])
    ends = [0, *dates, rows.shape[1]]
    found = [
        step(rows, flagged, (months >= start) & (months < date), (months >= date) & (months < end),
             rng, confidence)
        for start, date, end in zip(ends, dates, ends[2:], strict=False)
    ]  # fmt: skip
    tested = [place for place, one in enumerate(found) if one.p_value is not None]
    p_values = [p for one in found if (p := one.p_value) is not None]
    for place, adjusted in zip(tested, holm(p_values), strict=True):
        found[place] = replace(found[place], adjusted=adjusted)
    return found


def _refusal(
    months: tuple[int, int], n1: Numbers, k1: Numbers, n0: Numbers, k0: Numbers
) -> Reason | None:
    if months[0] < LEAST_MONTHS:
        return Reason.FEW_MONTHS_BEFORE
    if months[1] < LEAST_MONTHS:
        return Reason.FEW_MONTHS_AFTER
    common = (n0 > 0) & (n1 > 0)
    if not common.any():
        return Reason.NO_COMMON_STRATUM
    return None if (k0 + k1)[common].any() else Reason.NO_FLAGGED_ROWS


def _dispersion(rows: Numbers, flagged: Numbers, periods: Sequence[Flags]) -> float:
    """Pearson's chi-squared of monthly totals around each period's rates, by degree of freedom."""
    squares, freedom = 0.0, 0
    for period in periods:
        n, k = rows[:, period], flagged[:, period]
        sizes = np.maximum(n.sum(axis=1, keepdims=True), 1)
        rates = k.sum(axis=1, keepdims=True) / sizes
        variance = (n * rates * (1 - rates)).sum(axis=0)
        gaps = k.sum(axis=0) - (n * rates).sum(axis=0)
        some = variance > 0
        squares += float((gaps[some] ** 2 / variance[some]).sum())
        freedom += int(period.sum()) - 1
    return max(1.0, squares / max(1, freedom))


def _excess(n1: Numbers, k1: Numbers, rows: Numbers, flagged: Numbers) -> tuple[Floats, Floats]:
    """Flagged rows on our side beyond what both sides' rate explains, and the variance of that.

    Of ``rows`` of each stratum (last axis) n1 are on our side; sums over strata.
    """
    share = flagged / rows
    spread = share * (1 - share) * n1 * (rows - n1) / np.maximum(rows - 1, 1)
    variance = np.maximum(spread.sum(axis=-1), 1e-12)
    return np.asarray((k1 - n1 * share).sum(axis=-1)), np.asarray(variance)


def _permuted(
    rows: Numbers, flagged: Numbers, before: Flags, after: Flags, rng: np.random.Generator
) -> float:
    """P-value of the studentised excess among random choices of as many months for our side."""
    used = np.flatnonzero(before | after)
    n, k = rows[:, used].T, flagged[:, used].T
    own = after[used]
    order = rng.random((PERMUTATIONS, len(used))).argsort(axis=1)
    sides = np.concatenate([own[None], own[order]]).astype(np.int64)
    excess, variance = _excess(sides @ n, sides @ k, n.sum(axis=0), k.sum(axis=0))
    scores = excess / np.sqrt(variance)
    return float((scores >= scores[0] - 1e-9).sum() / len(scores))


def _between(rows: Numbers, flagged: Numbers, before: Flags, after: Flags) -> float:
    """Variance of the excess from months' own gaps to their side's rates, over the binomial one."""
    n1, total = rows[:, after].sum(axis=1), rows[:, before | after].sum(axis=1)
    squares = 0.0
    for period, weight in ((after, 1 - n1 / total), (before, n1 / total)):
        n, k = rows[:, period], flagged[:, period]
        rates = k.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1)
        gaps = (weight[:, None] * (k - n * rates)).sum(axis=0)
        squares += float((gaps**2).sum()) * len(gaps) / (len(gaps) - 1)
    k = flagged[:, before | after].sum(axis=1)
    _, variance = _excess(n1, flagged[:, after].sum(axis=1), total, k)
    return squares / float(variance)


def _odds_ratio(n1: Numbers, k1: Numbers, n0: Numbers, k0: Numbers) -> tuple[float, float]:
    """Mantel and Haenszel's ratio and the standard error of its logarithm; half a row is added to
    each cell where one of the sums is 0."""
    a, b = np.asarray(k1, np.float64), np.asarray(n1 - k1, np.float64)
    c, d = np.asarray(k0, np.float64), np.asarray(n0 - k0, np.float64)
    if not (a * d).sum() or not (b * c).sum():
        a, b, c, d = a + 0.5, b + 0.5, c + 0.5, d + 0.5
    total = a + b + c + d
    r, s = a * d / total, b * c / total
    p, q = (a + d) / total, (b + c) / total
    top, bottom = float(r.sum()), float(s.sum())
    variance = (
        float((p * r).sum()) / (2 * top**2)
        + float((p * s + q * r).sum()) / (2 * top * bottom)
        + float((q * s).sum()) / (2 * bottom**2)
    )
    return top / bottom, float(np.sqrt(variance))


def _check(rows: Numbers, flagged: Numbers) -> None:
    if rows.shape != flagged.shape or (flagged < 0).any() or (flagged > rows).any():
        raise ValueError("flagged rows are between 0 and the rows of each stratum and month")
