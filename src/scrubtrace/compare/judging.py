"""From samples to verdicts: rows that match the index, and a way of writing nearer to the model.

A language of a group is a part; each is tested on its own, and p-values are adjusted over all tests
of all parts (Holm). `REFER` asks people to look, and says nothing about anyone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from scrubtrace.compare.baseline import Baseline
from scrubtrace.compare.measuring import Sample
from scrubtrace.detectors.reference.features import BUCKETS, Contrast, Floats
from scrubtrace.stats.intervals import interval
from scrubtrace.stats.power import smallest_excess, smallest_mixture
from scrubtrace.stats.two_samples import (
    excess_p_value,
    holm,
    shift,
    shift_error,
    shift_p_value,
)

LEAST_ROWS = 20
"""Distinct rows of a part below which nothing is said."""

LEAST_CONTROLS = 100
LEAST_OF_LENGTH = 20
"""Trusted rows of a language, and of one stratum of length, below which nothing is compared."""

ALIGNED = 0.7
"""Cosine of the way a part differs from trusted rows and the way references do, at least.

Measured: mixtures with model text 0.9 to 1.0, with DIPPER paraphrases of it 0.72 to 0.76, human
rows of ten other sources 0.03 to 0.66 (``benchmarks/batch_comparison.py``).
"""


DISTINCT = 3.0
"""Standard errors by which references held out have to lie above trusted rows."""

PERMUTATIONS = 9_999
SPARE = 5
"""How much lower than the strictest level the lowest possible p-value is, with many tests."""


class Verdict(StrEnum):
    """What is said of a part and of a group; the first that any part has is that of the group."""

    REFER = "refer"
    NOT_COMPARABLE = "not comparable"
    PASS = "pass"
    TOO_FEW = "too few rows"


@dataclass
class Judged:
    """What was found of one language of one group, in the form in which it is written."""

    group: dict[str, str | None]
    language: str
    counts: dict[str, int]
    verdict: Verdict = Verdict.TOO_FEW
    reasons: list[str] = field(default_factory=list)
    matched: dict[str, Any] | None = None
    resembles: dict[str, Any] | None = None
    smallest_share_seen: dict[str, float | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """``alpha`` bounds the chance, over all tests, that anything is referred without cause.

    ``permutations`` None means `PERMUTATIONS`, or what the number of tests needs if that is more.
    """

    alpha: float = 0.05
    permutations: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Pair:
    """A part and the controls of its language in the strata of length that both have."""

    ours: Sample
    controls: Sample
    strata: Sequence[int]

    @classmethod
    def of(cls, ours: Sample, controls: Sample) -> "Pair":
        """The strata with enough controls."""
        strata = [s for s in sorted(ours.scores) if controls.size(s) >= LEAST_OF_LENGTH]
        return cls(ours, controls, strata)

    @property
    def rows(self) -> int:
        """Rows of the part that are compared."""
        return sum(self.ours.size(stratum) for stratum in self.strata)

    @property
    def control_rows(self) -> int:
        """Trusted rows that they are compared with."""
        return sum(self.controls.size(stratum) for stratum in self.strata)

    def scores(self, sample: Sample) -> list[Floats]:
        """Scores of either side by stratum."""
        return [np.array(sample.scores[stratum]) for stratum in self.strata]


def judge(
    parts: dict[tuple[tuple[tuple[str, str | None], ...], str], Sample],
    base: Baseline,
    settings: Settings,
) -> list[Judged]:
    """One result a part, in the order of ``parts``, whose keys are group and language."""
    results = []
    pairs: list[tuple[Judged, Pair]] = []
    for (group, language), sample in parts.items():
        counts = {
            "rows": sample.rows,
            "left_out": sample.left_out,
            "repeated": sample.repeated,
            "compared": 0,
        }
        result = Judged(dict(group), language, counts)
        results.append(result)
        pair = Pair.of(sample, base.controls.get(language, Sample()))
        if reason := _nothing_to_say(result, pair):
            result.reasons.append(reason)
        else:
            pairs.append((result, pair))
    level = settings.alpha / max(1, 2 * len(pairs))
    permutations = settings.permutations or max(PERMUTATIONS, int(SPARE / level))
    for number, (result, pair) in enumerate(pairs):
        rng = np.random.default_rng((settings.seed, number))
        _test(result, pair, base, permutations, level, rng)
    _decide([result for result, _ in pairs], settings.alpha)
    return results


def _nothing_to_say(result: Judged, pair: Pair) -> str | None:
    result.counts["compared"] = pair.rows
    if pair.ours.distinct < LEAST_ROWS:
        return f"{pair.ours.distinct} distinct rows; {LEAST_ROWS} are needed"
    if pair.rows < LEAST_ROWS or pair.control_rows < LEAST_CONTROLS:
        result.verdict = Verdict.NOT_COMPARABLE
        return (
            f"{pair.control_rows} trusted rows of this language and length that the index was not "
            f"calibrated on; {LEAST_CONTROLS} are needed"
        )
    return None


def _test(
    result: Judged,
    pair: Pair,
    base: Baseline,
    permutations: int,
    level: float,
    rng: np.random.Generator,
) -> None:
    result.matched = _matched(pair)
    result.smallest_share_seen["copied"] = _smallest_copied(pair, level / 2)
    held_out = base.held_out.get(result.language)
    if held_out is None:
        result.reasons.append("too few references of this language to compare the way of writing")
        return
    contrast = base.meter.contrasts[result.language]
    error = float(held_out.std()) / math.sqrt(len(held_out))
    if contrast.length <= 0 or held_out.mean() <= DISTINCT * error:
        result.reasons.append("references and trusted rows are written alike: nothing to compare")
        return
    result.resembles = _resembles(pair, contrast, float(held_out.mean()), permutations, rng)
    trusted = np.concatenate([scores - scores.mean() for scores in pair.scores(pair.controls)])
    mixture = smallest_mixture(trusted, held_out, pair.rows, level, rng)
    result.smallest_share_seen["by_the_same_model"] = mixture


def _matched(pair: Pair) -> dict[str, Any]:
    """Shares of rows above either threshold; the p-value is twice the lesser of theirs."""
    sizes = [pair.ours.size(stratum) for stratum in pair.strata]
    others = [pair.controls.size(stratum) for stratum in pair.strata]
    found: dict[str, Any] = {}
    p_values = []
    for name in ("strict", "loose"):
        ours = [getattr(pair.ours, name)[stratum] for stratum in pair.strata]
        theirs = [getattr(pair.controls, name)[stratum] for stratum in pair.strata]
        p_values.append(excess_p_value(ours, sizes, theirs, others))
        found[name] = _share(sum(ours), sum(sizes)) | {"trusted": _share(sum(theirs), sum(others))}
    return found | {"p_value": min(1.0, 2 * min(p_values))}


def _smallest_copied(pair: Pair, level: float) -> float | None:
    """Smallest share of rows from the index that would be referred, if each of them matched."""
    shares = []
    for counts in (pair.controls.strict, pair.controls.loose):
        hits = sum(counts[stratum] for stratum in pair.strata)
        shares.append(smallest_excess(pair.rows, hits, pair.control_rows, level))
    return min((share for share in shares if share is not None), default=None)


def _share(hits: int, rows: int) -> dict[str, Any]:
    return {"rows": hits, "share": hits / rows, "interval": list(interval(hits, rows))}


def _resembles(
    pair: Pair, contrast: Contrast, model: float, permutations: int, rng: np.random.Generator
) -> dict[str, Any]:
    """How far a part lies towards the references, as the share of model text that would do it."""
    ours, theirs = pair.scores(pair.ours), pair.scores(pair.controls)
    moved = shift(ours, theirs) / model
    error = 1.96 * shift_error(ours, theirs) / model
    return {
        "equivalent_share": moved,
        "interval": [moved - error, moved + error],
        "alignment": alignment(pair, contrast),
        "p_value": shift_p_value(ours, theirs, permutations, rng),
    }


def alignment(pair: Pair, contrast: Contrast) -> float:
    """Cosine of two differences: part less trusted rows, and references less trusted rows.

    It is an upper bound, for a part must not fail by chance: the squared length of the difference
    is unbiased, without products of a row with itself, and taken two standard errors lower.
    """
    mean, length = _mean_and_length(pair, pair.ours)
    other, other_length = _mean_and_length(pair, pair.controls)
    projected = float((mean - other) @ contrast.direction)
    error = math.sqrt(2) * contrast.spread * (1 / pair.rows + 1 / pair.control_rows)
    squared = length + other_length - 2 * float(mean @ other) - 2 * error
    squared = max(squared, projected**2 / contrast.length)
    return projected / math.sqrt(squared * contrast.length) if squared else 0.0


def _mean_and_length(pair: Pair, sample: Sample) -> tuple[Floats, float]:
    """Mean vector with the strata weighted as in the part, and its unbiased squared length."""
    total: Floats = np.zeros(BUCKETS)
    correction = 0.0
    for stratum in pair.strata:
        weight = pair.ours.size(stratum) / pair.rows
        size = sample.size(stratum)
        own = sample.sums[stratum].astype(np.float64) / size
        total += weight * own
        within = float(own @ own)
        correction += weight**2 * (1.0 - within) / max(1, size - 1)
    return total, float(total @ total) - correction


def _decide(results: list[Judged], alpha: float) -> None:
    """Adjusts all p-values together and gives the verdicts."""
    tests = [test for r in results for test in (r.matched, r.resembles) if test is not None]
    for test, adjusted in zip(tests, holm([test["p_value"] for test in tests]), strict=True):
        test["adjusted_p_value"] = adjusted
    for result in results:
        result.verdict = Verdict.PASS
        near = result.resembles
        if near is not None and near["adjusted_p_value"] <= alpha:
            if near["alignment"] >= ALIGNED:
                result.verdict = Verdict.REFER
                result.reasons.append("as a whole nearer to the references than trusted rows are")
            else:
                result.verdict = Verdict.NOT_COMPARABLE
                result.reasons.append(
                    "differs from the trusted rows in other ways than model text would: compare "
                    "with trusted rows of the same tasks"
                )
        if result.matched is not None and result.matched["adjusted_p_value"] <= alpha:
            result.verdict = Verdict.REFER
            result.reasons.insert(0, "more rows match the index than of the trusted rows")
