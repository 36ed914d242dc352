"""Do the style lane's p-values keep their promise, and what if rows bear another source's name.

    python benchmarks/style_calibration.py DATA --language en

Every Parquet file is a source (columns text, label, lang, attack, ...). All its human rows are
scored by models that knew no text of its kind (`style_scores`).

Splits: half of a source's human rows, at random, calibrates; the other half is judged as the
detector does it. If nothing is wrong, the flags of a stratum with n calibrating and m judged rows
are beta-binomial (m; r, n + 1 - r), r of n + 1 p-values being at most alpha, and those of a source
the sum over its strata. This holds exactly for random halves without ties, whatever the scores are:
it tests strata, ranks and ties, not whether other rows are like these. Rows unlike the calibration
never flag, so the tool flags fewer than the p-values alone.

Pairs: one source calibrates, another's human rows are judged under the first one's name. Drift: how
often rows of the same source, with LLM rows of it among them, are taken for another's.
"""

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

import numpy as np
import numpy.typing as npt
from labelled_files import wrong_data_is_named
from style_scores import MOST, Scored, scored_of

from scrubtrace.detectors.style.calibration import Calibration, calibration_bytes
from scrubtrace.detectors.style.kinds import kind_counts
from scrubtrace.detectors.style.model import COVARIATES
from scrubtrace.detectors.style.strata import Calibrated, HumanRows, calibrated, measures
from scrubtrace.schemas.style import DRIFT, KEEP, UNLIKE, CalibrationManifest
from scrubtrace.stats.conformal import p_values, rank_reached, smallest_p
from scrubtrace.style.calibrate import LEAST_ROWS_MERGED
from scrubtrace.style.drift import LEAST_JUDGED, drifts

SPLITS = 50
ALPHAS = (0.01, 0.05)
CONFIDENCE = 0.95
LEAST = 200
"""Human rows, of the least words, of a source that calibrates others or is judged by them, and
rows in a half of a source that is split."""

LEAST_TESTED = 1_000
"""Rows in a half of the sources that the requirement is about."""

LLM_SHARES = (0.0, 0.3, 0.5, 1.0)
HIGHEST_RATE = 5.0
"""Times alpha: a source that is flagged more often under another's name should be abstained on."""


@dataclass(frozen=True)
class Flagged:
    """Rows that were judged, by stratum, and what flags at one alpha.

    ``sizes`` are calibrating and judged rows of each stratum; ``high`` rows have a p-value up to
    alpha, ``flagged`` ones are like their calibration as well; ``unlike`` ones are not.
    """

    sizes: tuple[tuple[int, int], ...]
    high: int
    flagged: int
    unlike: int
    shift: float

    @property
    def judged(self) -> int:
        """Rows of a stratum."""
        return sum(size for _, size in self.sizes)


@dataclass(frozen=True)
class SplitResult:
    """One source at one alpha: a first split against its interval, and means over all splits.

    ``inside`` counts splits whose number of p-values up to alpha is in the interval; ``above``
    those in which the tool flags more than its upper end. The two means are rates.
    """

    source: str
    alpha: float
    half: int
    judged: int
    strata: int
    first: Flagged
    interval: tuple[int, int]
    inside: int
    above: int
    splits: int
    mean_high: float
    mean_flagged: float
    mean_expected: float


@dataclass(frozen=True)
class PairResult:
    """Human rows of ``judged`` under the name of ``calibrates``: rates at alpha 0.01."""

    calibrates: str
    judged: str
    rows: int
    rate: float
    rate_alike: float
    unlike: float
    shift: float
    named_rows_ranked: int


def calibration_of(rows: HumanRows) -> Calibration:
    """The calibration file of one source, written and read again."""
    strata = calibrated(rows, LEAST_ROWS_MERGED)
    manifest = CalibrationManifest(
        "benchmark", "labelled rows", "random", LEAST_ROWS_MERGED, COVARIATES,
        tuple(entry.stratum for entry in strata), tuple(entry.n for entry in strata), (),
    )  # fmt: skip
    return Calibration(calibration_bytes(manifest, strata))


def flags(calibration: Calibration, rows: HumanRows, name: str, alpha: float) -> Flagged:
    """Judges rows under the name of a source, as the detector and the policy do."""
    groups: dict[int, tuple[Calibrated, list[int]]] = {}
    for row, words in enumerate(rows.words.tolist()):
        found = calibration.find(rows.language, name, words)
        if found is not None and smallest_p(found.n) <= KEEP:
            groups.setdefault(id(found), (found, []))[1].append(row)
    high = flagged = unlike = 0
    counts: Counter[str] = Counter()
    for stratum, own in groups.values():
        covariates = rows.covariates[own].astype(np.float32)
        like = stratum.typical.p_values(measures(covariates, rows.words[own])) > UNLIKE
        is_high = p_values(rows.scores[own], stratum.scores) <= alpha
        high, flagged = high + int(is_high.sum()), flagged + int((is_high & like).sum())
        unlike += int((~like).sum())
        counts.update(kind_counts(stratum, covariates, COVARIATES))
    found_drift = drifts(counts).get(f"{rows.language}/{name}")
    sizes = tuple((stratum.n, len(own)) for stratum, own in groups.values())
    return Flagged(sizes, high, flagged, unlike, found_drift.shift if found_drift else 0.0)


def false_flag_interval(
    sizes: Sequence[tuple[int, int]], alpha: float, confidence: float
) -> tuple[int, int]:
    """Range of the number of p-values up to alpha in all strata, each of n and m rows.

    The sum of independent beta-binomial counts. The ends are the smallest counts with a
    distribution function of (1 - ``confidence``) / 2 and of the rest.
    """
    from scipy.stats import betabinom

    chances = []
    for n, m in sizes:
        r = rank_reached(alpha, n)
        if r and m:
            chances.append(betabinom.pmf(np.arange(m + 1), m, r, n + 1 - r))
    if not chances:
        return 0, 0
    reached = np.cumsum(reduce(np.convolve, chances))
    tail = (1 - confidence) / 2
    low, high = np.searchsorted(reached, [tail, 1 - tail])
    return int(low), min(int(high), len(reached) - 1)


def expected_rate(sizes: Sequence[tuple[int, int]], alpha: float) -> float:
    """Mean share of the judged rows with a p-value up to alpha: ranks are whole, so it is less."""
    judged = sum(m for _, m in sizes)
    return sum(m * rank_reached(alpha, n) / (n + 1) for n, m in sizes) / max(judged, 1)


def split_results(scored: Scored, alpha: float, splits: int = SPLITS) -> list[SplitResult]:
    """Every source with enough rows; the interval is Bonferroni's, over those the test is about."""
    numbers = [n for n in range(len(scored.names)) if len(scored.rows_of(n).scores) >= 2 * LEAST]
    tested = sum(len(scored.rows_of(n).scores) >= 2 * LEAST_TESTED for n in numbers)
    confidence = 1 - (1 - CONFIDENCE) / max(tested, 1)
    return [_split_result(scored.rows_of(n), alpha, splits, confidence) for n in numbers]


def _split_result(rows: HumanRows, alpha: float, splits: int, confidence: float) -> SplitResult:
    found = [_split(rows, alpha, seed) for seed in range(splits)]
    limits = [false_flag_interval(one.sizes, alpha, confidence) for one in found]
    both = list(zip(found, limits, strict=True))
    return SplitResult(
        rows.source,
        alpha,
        len(rows.scores) // 2,
        found[0].judged,
        len(found[0].sizes),
        found[0],
        limits[0],
        sum(low <= one.high <= high for one, (low, high) in both),
        sum(one.flagged > high for one, (_, high) in both),
        splits,
        float(np.mean([one.high / one.judged for one in found])),
        float(np.mean([one.flagged / one.judged for one in found])),
        float(np.mean([expected_rate(one.sizes, alpha) for one in found])),
    )


def _split(rows: HumanRows, alpha: float, seed: int) -> Flagged:
    order = np.random.default_rng(seed).permutation(len(rows.scores))
    first, second = np.array_split(np.arange(len(order)), 2)
    return flags(calibration_of(taken(rows, order[first])), taken(rows, order[second]),
                 rows.source, alpha)  # fmt: skip


def taken(rows: HumanRows, places: npt.NDArray[np.integer]) -> HumanRows:
    """Some of the rows."""
    return HumanRows(
        rows.language, rows.source, rows.scores[places], rows.words[places], rows.covariates[places]
    )


def pair_results(scored: Scored) -> Iterator[PairResult]:
    """Every ordered pair of sources with enough rows."""
    numbers = [n for n in range(len(scored.names)) if len(scored.rows_of(n).scores) >= LEAST]
    for first in numbers:
        for second in numbers:
            if first == second:
                continue
            calibration = calibration_of(scored.rows_of(first, second))
            rows = scored.rows_of(second, first)
            found = flags(calibration, rows, scored.names[first], ALPHAS[0])
            named = flags(calibration, rows, scored.names[second], ALPHAS[0])
            if found.judged:
                yield PairResult(
                    scored.names[first], scored.names[second], found.judged,
                    found.high / found.judged, found.flagged / found.judged,
                    found.unlike / found.judged, found.shift, named.judged,
                )  # fmt: skip


def split_lines(found: Sequence[SplitResult]) -> Iterator[str]:
    """The table of one alpha, and whether the requirement holds."""
    alpha = found[0].alpha if found else 0.0
    yield f"alpha {alpha:g}, {found[0].splits if found else 0} random halves of each source"
    yield (
        f"{'source':24} {'half':>6} {'strata':>6} {'p<=alpha':>9} {'interval':>11} {'inside':>7} "
        f"{'flagged':>8} {'mean rate: p<=alpha':>20} {'flagged':>8} {'possible':>9}"
    )
    for row in found:
        interval = "{}-{}".format(*row.interval)
        yield (
            f"{row.source[:24]:24} {row.half:>6,} {row.strata:>6} {row.first.high:>9} "
            f"{interval:>11} {row.inside:>4}/{row.splits:<2} {row.first.flagged:>8} "
            f"{row.mean_high / alpha:>12.2f} x alpha {row.mean_flagged / alpha:>8.2f} "
            f"{row.mean_expected / alpha:>9.2f}"
        )
    tested = [row for row in found if row.half >= LEAST_TESTED]
    if not tested:
        yield f"no source has {LEAST_TESTED:,} human rows in a half"
        return
    inside = sum(row.interval[0] <= row.first.high <= row.interval[1] for row in tested)
    limits = sum(0.8 <= row.mean_high / alpha <= 1.25 for row in tested)
    yield (
        f"of {len(tested)} sources with {LEAST_TESTED:,} rows in a half: {inside} inside the "
        f"interval in the first split, {limits} with a mean of p<=alpha within 0.8 to 1.25 alpha; "
        f"mean {np.mean([row.mean_high for row in tested]) / alpha:.2f}, flagged "
        f"{np.mean([row.mean_flagged for row in tested]) / alpha:.2f}"
    )


def pair_lines(found: Sequence[PairResult]) -> Iterator[str]:
    """How many pairs would be flagged too often, and how many of them are abstained on."""
    limit = HIGHEST_RATE * ALPHAS[0]
    high = [row for row in found if row.rate > limit]
    yield (
        f"{len(found):,} ordered pairs of human sources; in {len(high):,} more than {limit:.0%} of "
        f"the second's rows have p <= {ALPHAS[0]:g} among the first's"
    )
    if not high:
        return
    head = f"{'calibrates':24} {'judged':24} {'rows':>6} {'p<=0.01':>8}"
    yield f"{head} {'alike':>7} {'unlike':>7} {'shift':>6}"
    for row in sorted(high, key=lambda row: -row.rate):
        yield (
            f"{row.calibrates[:24]:24} {row.judged[:24]:24} {row.rows:>6,} {row.rate:>8.1%} "
            f"{row.rate_alike:>7.1%} {row.unlike:>7.1%} {row.shift:>6.2f}"
        )
    named = sum(row.named_rows_ranked == 0 for row in high)
    alike = sum(row.rate_alike <= limit for row in high)
    drift = sum(row.shift > DRIFT for row in high)
    either = sum(row.shift > DRIFT or row.rate_alike <= limit for row in high)
    others = [row for row in found if row.rate <= limit]
    yield (
        f"rows that bear their own source's name: abstained in {named:,} of {len(high):,} pairs "
        f"({named / len(high):.0%}), since it has no stratum"
    )
    yield (
        f"rows that bear the first's name: the check of likeness brings {alike:,} of {len(high):,} "
        f"({alike / len(high):.0%}) to {limit:.0%} or less; on average {_mean(high, 'rate'):.0%} "
        f"without it, {_mean(high, 'rate_alike'):.0%} with it, {_mean(high, 'unlike'):.0%} unlike"
    )
    yield (
        f"the source's rows as a whole: {drift:,} of {len(high):,} ({drift / len(high):.0%}) shift "
        f"by more than {DRIFT:g} and flag nothing; with the check of likeness {either:,} "
        f"({either / len(high):.0%}); so do {sum(row.shift > DRIFT for row in others):,} of the "
        f"{len(others):,} other pairs"
    )
    left = [row for row in high if row.shift <= DRIFT and row.rate_alike > limit]
    told = ", ".join(f"{row.judged} as {row.calibrates} {row.rate_alike:.0%}" for row in left)
    yield f"neither, with the rate that is left: {told or 'none'}"


def drift_lines(scored: Scored, splits: int = SPLITS) -> Iterator[str]:
    """How often a source's own rows, some of them by models, are taken for those of another."""
    shifts = drift_of(scored, splits)
    for share, found in shifts.items():
        over = [value > DRIFT for values in found.values() for value in values]
        named = sorted(name for name, values in found.items() if np.mean(values) > DRIFT)
        yield (
            f"own rows, {share:.0%} by models: {sum(over):,} of {len(over):,} batches of "
            f"{len(found)} sources shift by more than {DRIFT:g} ({np.mean(over):.1%})"
            + (f"; on average {', '.join(named)}" if named else "")
        )


def drift_of(scored: Scored, splits: int) -> dict[float, dict[str, list[float]]]:
    """Shifts of batches by share of LLM rows and source; half of the human rows calibrates."""
    found: dict[float, dict[str, list[float]]] = {share: {} for share in LLM_SHARES}
    for number, name in enumerate(scored.names):
        human, llm = scored.rows_of(number), scored.rows_of(number, is_llm=True)
        if len(human.scores) < 2 * LEAST:
            continue
        for seed in range(splits):
            rng = np.random.default_rng(seed)
            order = rng.permutation(len(human.scores))
            first, second = np.array_split(order, 2)
            calibration = calibration_of(taken(human, first))
            for share in LLM_SHARES:
                rows = _mixed(taken(human, second), llm, share, rng)
                if len(rows.scores) >= LEAST_JUDGED:
                    shift = flags(calibration, rows, name, ALPHAS[0]).shift
                    found[share].setdefault(name, []).append(shift)
    return found


def _mixed(human: HumanRows, llm: HumanRows, share: float, rng: np.random.Generator) -> HumanRows:
    """As many rows as there are for this share of LLM rows."""
    most = min(
        len(human.scores) / (1 - share) if share < 1 else np.inf,
        len(llm.scores) / share if share else np.inf,
    )
    parts = [(human, round(most * (1 - share))), (llm, round(most * share))]
    chosen = [taken(rows, rng.permutation(len(rows.scores))[:count]) for rows, count in parts]
    columns = ([getattr(rows, name) for rows in chosen] for name in ("scores", "words"))
    scores, words = (np.concatenate(column) for column in columns)
    covariates = np.concatenate([rows.covariates for rows in chosen])
    return HumanRows(human.language, human.source, scores, words, covariates)


def _mean(found: Sequence[PairResult], name: str) -> float:
    return float(np.mean([getattr(row, name) for row in found]))


def report(scored: Scored, splits: int = SPLITS) -> Iterator[str]:
    """All tables of a language."""
    for alpha in ALPHAS:
        yield from split_lines(split_results(scored, alpha, splits))
        yield ""
    yield from pair_lines(list(pair_results(scored)))
    yield ""
    yield from drift_lines(scored, splits)


@wrong_data_is_named()
def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--most", type=int, default=MOST,
                        help="rows of each source and label that are fitted on")  # fmt: skip
    parser.add_argument("--splits", type=int, default=SPLITS)
    given = parser.parse_args()
    try:
        scored = scored_of(given.data, given.language, given.most)
    except ValueError as error:
        print(error)
        return
    print(f"{len(scored.source):,} rows, long enough", flush=True)
    for line in report(scored, given.splits):
        print(line, flush=True)


if __name__ == "__main__":
    main()
