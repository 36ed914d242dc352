"""Whose rows are flagged more often than chance explains: a reason to look, never a verdict.

Labelers differ in what they write about, so their flag rates differ without any misuse. How much
they do is learnt from clean periods: rows that are trusted, such as those from before the first
public chat models. What is unusual then is a count that neither of two descriptions of the clean
rates explains:

- a beta-binomial with the upper confidence limit of its over-dispersion;
- a mixture of binomials of any shape, fitted by maximum likelihood (Kiefer and Wolfowitz, 1956;
  Laird, 1978), for rates that are no beta distribution, such as two kinds of work.

Misuse within the clean periods makes both wider, that is the screening blind and not unfair.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from scrubtrace.stats.fdr import benjamini_hochberg
from scrubtrace.stats.intervals import effective_interval

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]

LEVEL = 0.02
LEAST_LABELERS, LEAST_CLEAN_ROWS, LEAST_ROWS = 50, 2_000, 50
CONFIDENCE = 0.95

RATES, ROUNDS = 61, 400
"""Rates and iterations of the mixture."""

SMALLEST, LARGEST = -12.0, 2.0
"""Log-odds of the over-dispersion that are looked at."""


class Reason(StrEnum):
    """Why nothing is said."""

    FEW_LABELERS = "few_labelers_in_clean_periods"
    FEW_CLEAN_ROWS = "few_rows_in_clean_periods"
    FEW_ROWS = "few_rows"


@dataclass(frozen=True)
class Refused:
    """Clean periods that say too little, with what they have and what is needed."""

    reason: Reason
    have: int
    needed: int


@dataclass(frozen=True)
class CleanNull:
    """Flag rates of labelers in clean periods.

    Parameters
    ----------
    rate, dispersion : mean and over-dispersion (intraclass correlation) of the beta-binomial.
    dispersion_limit : its upper 95% confidence limit.
    rates, weights : (k,) of the mixture.
    labelers, rows : that it was fitted on.
    """

    rate: float
    dispersion: float
    dispersion_limit: float
    rates: Floats
    weights: Floats
    labelers: int
    rows: int

    def p_values(self, rows: Numbers, flagged: Numbers) -> Floats:
        """Chance that a clean labeler with as many rows has so many flagged, or more."""
        a, b = self.shape(self.dispersion_limit)
        spread = _beta_binomial_tail(rows, flagged, np.array(a), np.array(b))
        return np.maximum(spread, self._mixture_tail(rows, flagged, self.weights[None, :]))

    def own_p_values(
        self, rows: Numbers, flagged: Numbers, past_rows: Numbers, past_flagged: Numbers
    ) -> Floats:
        """The same for labelers with clean rows of their own, whose rate is more surely known.

        It assumes that a labeler's own rate stays what it was: other work makes it wrong.
        """
        a, b = self.shape(self.dispersion_limit)
        own, rest = np.asarray(a + past_flagged), np.asarray(b + past_rows - past_flagged)
        spread = _beta_binomial_tail(rows, flagged, own, rest)
        chances = _binomial_logs(past_rows, past_flagged, self.rates)
        weights = np.exp(chances - chances.max(axis=1, keepdims=True)) * self.weights
        weights /= weights.sum(axis=1, keepdims=True)
        return np.maximum(spread, self._mixture_tail(rows, flagged, weights))

    def shape(self, dispersion: float) -> tuple[float, float]:
        """Parameters of the beta distribution with an over-dispersion."""
        size = 1 / dispersion - 1
        return self.rate * size, (1 - self.rate) * size

    def _mixture_tail(self, rows: Numbers, flagged: Numbers, weights: Floats) -> Floats:
        from scipy.stats import binom

        tails = binom.sf(flagged[:, None] - 1, rows[:, None], self.rates[None, :])
        return np.asarray((tails * weights).sum(axis=1))


@dataclass(frozen=True)
class Screening:
    """One entry for each labeler, in the order given.

    Parameters
    ----------
    p_values : NaN for labelers with too few rows.
    shrunken, low, high : flag rate drawn towards the others', with its 95% interval.
    referred : whether to look at the labeler's rows.
    refused : labelers with too few rows.
    unusual : how many are below the cut of the false discovery rate, before the budget.
    """

    p_values: Floats
    shrunken: Floats
    low: Floats
    high: Floats
    referred: npt.NDArray[np.bool_]
    refused: npt.NDArray[np.bool_]
    unusual: int


@dataclass(frozen=True)
class GroupRate:
    """Flag rate of the clean rows of a group; None for numbers with too few labelers.

    ``referred`` labelers of ``labelers`` would have been, at the cut that was given.
    """

    labelers: int
    rows: int
    rate: float | None
    low: float | None
    high: float | None
    referred: int | None
    refusal: Reason | None = None


def fit_null(rows: Numbers, flagged: Numbers) -> CleanNull | Refused:
    """Learns from clean periods: one entry for each labeler and period.

    Entries with fewer than `LEAST_ROWS` rows do not count. Raises ValueError for impossible counts.
    """
    _check(rows, flagged)
    enough = rows >= LEAST_ROWS
    n, k = rows[enough], flagged[enough]
    total = int(n.sum())
    if len(n) < LEAST_LABELERS:
        return Refused(Reason.FEW_LABELERS, len(n), LEAST_LABELERS)
    if total < LEAST_CLEAN_ROWS:
        return Refused(Reason.FEW_CLEAN_ROWS, total, LEAST_CLEAN_ROWS)
    rate, dispersion, limit = _beta_binomial(n, k)
    rates = np.concatenate([[0.0], np.geomspace(min(1e-3, 0.2 / n.max()), 0.9, RATES - 1)])
    return CleanNull(rate, dispersion, limit, rates, _mixture(n, k, rates), len(n), total)


def screen(
    null: CleanNull,
    rows: Numbers,
    flagged: Numbers,
    past: tuple[Numbers, Numbers] | None = None,
    same_work: bool = False,
    level: float = LEVEL,
    budget: int | None = None,
) -> Screening:
    """Compares labelers with clean ones; refers those that are unusual, the smallest p-value first.

    ``past`` are each labeler's own clean rows and flagged rows, 0 where there are none: then a
    labeler must be unusual among others and beside their own past. Where labelers are known to do
    the ``same_work`` as in the clean periods, the own past is enough and finds far more. ``level``
    is the false discovery rate among the referred (Benjamini and Hochberg). At most ``budget`` are
    referred: what is left of what reviewers can do in the year. Raises ValueError for impossible
    counts, and for ``same_work`` without ``past``.
    """
    _check(rows, flagged)
    tested = rows >= LEAST_ROWS
    if same_work and past is None:
        raise ValueError("same_work needs the past of each labeler")
    counts = rows[tested], flagged[tested]
    p = np.full(len(rows), np.nan)
    p[tested] = 0.0 if same_work else null.p_values(*counts)
    if past is not None:
        _check(*past)
        own = null.own_p_values(*counts, past[0][tested], past[1][tested])
        p[tested] = np.maximum(p[tested], own)
    cut = benjamini_hochberg(p[tested], int(tested.sum()), level)
    unusual = tested & (np.nan_to_num(p, nan=1.0) <= cut) & (cut > 0)
    order = np.lexsort((-flagged / np.maximum(rows, 1), p))
    chosen = [place for place in order.tolist() if unusual[place]]
    referred = np.zeros(len(rows), np.bool_)
    referred[chosen if budget is None else chosen[: max(0, budget)]] = True
    shrunken, low, high = shrunken_rates(null, rows, flagged)
    return Screening(p, shrunken, low, high, referred, ~tested, int(unusual.sum()))


def shrunken_rates(
    null: CleanNull, rows: Numbers, flagged: Numbers, confidence: float = CONFIDENCE
) -> tuple[Floats, Floats, Floats]:
    """Mean and interval of each rate given the clean rates (empirical Bayes, beta-binomial).

    So a labeler with few rows is not shown with an extreme rate.
    """
    from scipy.stats import beta

    a, b = null.shape(null.dispersion)
    own, rest = a + flagged, b + rows - flagged
    tail = (1 - confidence) / 2
    return own / (own + rest), beta.ppf(tail, own, rest), beta.ppf(1 - tail, own, rest)


def rates_by_group(
    null: CleanNull, rows: Numbers, flagged: Numbers, group: Numbers, cut: float
) -> dict[int, GroupRate]:
    """False-positive rates of clean rows by a group of labelers, such as their first language.

    Intervals take rows of a labeler as dependent. ``cut`` is the p-value that refers. A group with
    fewer than `LEAST_LABELERS` labelers has no numbers: they would be about persons.
    """
    _check(rows, flagged)
    found = {}
    for number in sorted(set(group.tolist())):
        own = (group == number) & (rows >= LEAST_ROWS)
        n, k = rows[own], flagged[own]
        total = int(n.sum())
        if len(n) < LEAST_LABELERS:
            reason = Reason.FEW_LABELERS
            found[number] = GroupRate(len(n), total, None, None, None, None, reason)
            continue
        rate = float(k.sum()) / total
        low, high = effective_interval(rate, _independent_rows(n, k, null.dispersion))
        referred = int((null.p_values(n, k) <= cut).sum())
        found[number] = GroupRate(len(n), total, rate, low, high, referred)
    return found


def _independent_rows(n: Numbers, k: Numbers, dispersion: float) -> float:
    """How many independent rows these are worth, by the null's over-dispersion and by their own."""
    total = float(n.sum())
    rate = float(k.sum()) / total
    worth = total / (1 + (float((n**2).sum()) / total - 1) * dispersion)
    spread = len(n) / (len(n) - 1) * float(((k - n * rate) ** 2).sum()) / total**2
    return max(1.0, min(worth, rate * (1 - rate) / spread if spread > 0 else worth))


def _check(rows: Numbers, flagged: Numbers) -> None:
    if rows.shape != flagged.shape or (flagged < 0).any() or (flagged > rows).any():
        raise ValueError("flagged rows are between 0 and the rows of each labeler")


def _beta_binomial_tail(rows: Numbers, flagged: Numbers, a: Floats, b: Floats) -> Floats:
    from scipy.stats import betabinom

    with np.errstate(over="ignore"):
        tail = betabinom.sf(flagged - 1, rows, a, b)
    return np.asarray(np.clip(np.where(flagged == 0, 1.0, tail), 0.0, 1.0))


def _beta_binomial(n: Numbers, k: Numbers) -> tuple[float, float, float]:
    """Rate, over-dispersion and its upper limit, by (profile) maximum likelihood."""
    from scipy.optimize import brentq, minimize_scalar
    from scipy.special import betaln, expit, logit
    from scipy.stats import chi2

    start = float(logit((k.sum() + 0.5) / (n.sum() + 1)))

    def best_rate(odds: float) -> tuple[float, float]:
        size = 1 / float(expit(odds)) - 1

        def loss(x: float) -> float:
            a, b = float(expit(x)) * size, float(expit(-x)) * size
            return -float((betaln(k + a, n - k + b) - betaln(a, b)).sum())

        found = minimize_scalar(loss, bounds=(start - 2, start + 2), method="bounded")
        return float(found.x), float(found.fun)

    fitted = minimize_scalar(
        lambda odds: best_rate(odds)[1], bounds=(SMALLEST, LARGEST), method="bounded"
    )
    at = float(fitted.x)
    rate, least = best_rate(at)
    drop = float(chi2.ppf(2 * CONFIDENCE - 1, 1)) / 2

    def above(odds: float) -> float:
        return best_rate(odds)[1] - least - drop

    limit = float(brentq(above, at, LARGEST, xtol=0.01)) if above(LARGEST) > 0 else LARGEST
    return float(expit(rate)), float(expit(at)), float(expit(limit))


def _mixture(n: Numbers, k: Numbers, rates: Floats) -> Floats:
    """Weights of the rates by expectation maximisation."""
    logs = _binomial_logs(n, k, rates)
    chances = np.exp(logs - logs.max(axis=1, keepdims=True))
    weights = np.full(len(rates), 1 / len(rates))
    for _ in range(ROUNDS):
        joint = chances * weights
        weights = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)
    return weights


def _binomial_logs(n: Numbers, k: Numbers, rates: Floats) -> Floats:
    """Log-probability of each count at each rate, up to a constant of the count."""
    from scipy.special import xlog1py, xlogy

    return np.asarray(
        xlogy(k[:, None], rates[None, :]) + xlog1py((n - k)[:, None], -rates[None, :])
    )
