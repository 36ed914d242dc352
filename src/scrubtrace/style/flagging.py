"""What style flags of a whole data set, decided once, at commit.

Each stratum is decided on its own: alpha bounds the p-value, then the false discovery rate, then
the review budget. Equal texts count once for both. Candidates of all current parts are read, so
that it does not matter in which run each part was scanned.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import numpy as np

from scrubtrace.config import Config, StyleSection
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.different import KEPT, DifferentTexts
from scrubtrace.schemas.plan import DetectorSpec
from scrubtrace.schemas.style import (
    KEEP,
    NOT_CALIBRATED_SUFFIX,
    P_BINS,
    STYLOMETRY,
    UNLIKE_SUFFIX,
    KindCount,
    PValueCount,
    RankedAmong,
    described,
)
from scrubtrace.stats.conformal import conditional, false_flags, rows_for, smallest_p
from scrubtrace.stats.distinct import at_most
from scrubtrace.stats.fdr import benjamini_hochberg, least_rejections
from scrubtrace.style.cuts import Cut, can_flag, highest_p
from scrubtrace.style.drift import drifts
from scrubtrace.style_words import NO_RATE, NO_TEXT, NOTE, OTHER_KIND, TOO_FEW

Row = Mapping[str, Any]

ASKS = ("alpha", "budget", "fdr")
"""Keys of the policy that say what style shall flag; those that change how do not ask for it."""


class Place(NamedTuple):
    """Where a text stands in its stratum; smaller is first."""

    p: float
    minus_score: float


@dataclass
class Stratum:
    """What is known of one stratum of a data set, for the summary and the manifest.

    ``candidates`` are texts that were kept and are like the calibration rows. ``expected_false``
    is how many texts would be flagged, on average over calibrations, if all were by humans like
    those that calibrated; ``false_range`` holds it in 95% of cases if they are independent.
    ``shift`` and ``measure`` are the `Drift` of its source's rows, if there are enough. ``problem``
    says why nothing can be flagged. ``n`` are its calibration rows, None where receipts of earlier
    versions do not say and there is no candidate. ``p_values`` counts the judged rows in `P_BINS`
    equal bins; empty for runs of earlier versions. At most so many ``different`` texts were judged,
    with 99% confidence: the tests that the false discovery rate is about.
    """

    name: str
    judged: int
    unlike: int
    n: int | None = None
    smallest_p: float | None = None
    candidates: int = 0
    flagged: int = 0
    flagged_texts: int = 0
    cut_p: float | None = None
    expected_false: float = 0.0
    expected_false_share: float | None = None
    false_range: tuple[int, int] = (0, 0)
    shift: float | None = None
    measure: str = ""
    problem: str = ""
    p_values: list[int] = field(default_factory=list)
    different: int = 0


@dataclass
class StyleOutcome:
    """Strata by name, their cuts, and texts that were only ranked, by language."""

    strata: dict[str, Stratum]
    cuts: dict[str, Cut]
    not_calibrated: dict[str, int]

    def for_manifest(self) -> dict[str, Any]:
        """What the manifest says, as JSON-able data."""
        return {
            "strata": {name: asdict(found) for name, found in sorted(self.strata.items())},
            "not_calibrated": dict(sorted(self.not_calibrated.items())),
        }


def check_style(config: Config, detectors: Iterable[DetectorSpec]) -> None:
    """Raises `UsageStop` for a policy by which style could flag nothing, or not all that it says.

    That is one without a calibration among the ``detectors``, or an alpha above what they keep.
    """
    options = next((spec.options for spec in detectors if spec.name == STYLOMETRY), {})
    if problem := style_problem(config, options):
        raise UsageStop(problem)


def style_problem(config: Config, options: Mapping[str, Any]) -> str:
    """What `check_style` raises for a detector of these options; empty if nothing is wrong."""
    policy = config.policy.style
    asked = [name for name in ASKS if getattr(policy, name) is not None]
    if asked and not options.get("calibration"):
        chosen = config.scan.detectors
        lacking = chosen is not None and STYLOMETRY not in chosen
        return (
            f"policy.style.{asked[0]} is set, but style flags nothing in a scan without a "
            "calibration: scan with --style-calibration FILE (or "
            f"detectors.{STYLOMETRY}.calibration; scrubtrace style calibrate makes the file)"
            f"{f' and with {STYLOMETRY} in scan.detectors' if lacking else ''}, or remove "
            f"{' and '.join(f'policy.style.{name}' for name in asked)}"
        )
    keep = options.get("keep", KEEP)
    if policy.alpha is not None and policy.alpha > keep:
        return (
            f"policy.style.alpha is {policy.alpha:g}, but the scan keeps p-values up to {keep:g}: "
            f"lower alpha, or raise detectors.{STYLOMETRY}.keep and scan again"
        )
    return ""


def decide(
    rows: Iterable[Row],
    counts: Mapping[str, int],
    policy: StyleSection,
    different: Mapping[str, DifferentTexts] | None = None,
) -> StyleOutcome:
    """What is flagged of each stratum.

    Parameters
    ----------
    rows : findings of the detector, each with text_digest and evidence; not read without alpha.
    counts : texts judged by stratum, from the receipts.
    different : the smallest digests of these texts by stratum; receipts of earlier versions have
        none, and their texts are taken to differ.

    Memory: about 300 bytes for each different text with a p-value up to alpha.
    """
    outcome = _counted(counts, different or {})
    if policy.alpha is None:
        return outcome
    found: dict[str, dict[str, tuple[Place, int]]] = {}
    for row in rows:
        for entry in row["evidence"]:
            if value := can_flag(entry):
                stratum = outcome.strata.get(value["stratum"])
                if stratum is None:  # a receipt that was lost counts none of its rows
                    continue
                _set_rows(stratum, value["n"])  # receipts of earlier versions do not have it
                stratum.candidates += 1
                if entry["score"] <= highest_p(policy, value["n"]):
                    place = Place(entry["score"], -value["raw_score"])
                    own = found.setdefault(stratum.name, {})
                    copies = own.get(row["text_digest"], (place, 0))[1]
                    own[row["text_digest"]] = (place, copies + 1)
    for name, stratum in outcome.strata.items():
        places = sorted(found.get(name, {}).values())
        if cut := _cut(stratum, places, policy):
            outcome.cuts[name] = cut
    return outcome


def _counted(counts: Mapping[str, int], different: Mapping[str, DifferentTexts]) -> StyleOutcome:
    """Rows by stratum, before anything is decided."""
    strata: dict[str, Stratum] = {}
    not_calibrated: dict[str, int] = {}
    drift = drifts(counts)
    for name, count in sorted(counts.items()):
        if (ranked := RankedAmong.read(name)) and ranked.stratum in strata:
            _set_rows(strata[ranked.stratum], ranked.n)
        elif name.endswith(NOT_CALIBRATED_SUFFIX):
            not_calibrated[name.removesuffix(NOT_CALIBRATED_SUFFIX)] = count
        elif not _says_more(name):
            strata[name] = Stratum(name, count, counts.get(name + UNLIKE_SUFFIX, 0))
            strata[name].p_values = _histogram(name, counts)
            strata[name].different = _most_different(count, different.get(name))
            if found := drift.get(name.rpartition("/")[0]):
                strata[name].shift, strata[name].measure = found
    return StyleOutcome(strata, {}, not_calibrated)


def _set_rows(stratum: Stratum, n: int) -> None:
    stratum.n, stratum.smallest_p = n, smallest_p(n)


def _most_different(judged: int, met: DifferentTexts | None) -> int:
    """Upper bound on the number of different texts among the judged."""
    if met is None:
        return judged
    known = sum(at_most(smallest, KEPT) for smallest in met.kept().values())
    return min(judged, known + judged - met.texts)


def _says_more(name: str) -> bool:
    """Whether a count is about some rows of a stratum, not all."""
    parts = (KindCount, PValueCount, RankedAmong)
    return name.endswith(UNLIKE_SUFFIX) or any(part.read(name) for part in parts)


def _histogram(stratum: str, counts: Mapping[str, int]) -> list[int]:
    found = [counts.get(PValueCount(stratum, number).name, 0) for number in range(P_BINS)]
    return found if any(found) else []


def _cut(stratum: Stratum, places: list[tuple[Place, int]], policy: StyleSection) -> Cut | None:
    """The cut of a stratum; fills in what the stratum's numbers are with it."""
    n, judged = stratum.n, stratum.judged
    if n is not None and highest_p(policy, n) == 0:
        stratum.problem = _too_few(policy, n)
        return None
    if stratum.shift is not None and stratum.shift > policy.drift:
        stratum.problem = _of_another_kind(stratum, policy)
        return None
    if n is None:
        return None  # no candidate, and receipts of an earlier version
    left = len(places)
    if policy.fdr is not None:
        left = _rejected(stratum, [place.p for place, _ in places], policy)
    if policy.budget is not None:
        left = min(left, policy.budget)
    # Without a ranking the last candidate is nothing special: all up to alpha would be flagged.
    p = highest_p(policy, n)
    if policy.fdr is not None or policy.budget is not None:
        p = places[left - 1][0].p if left else 0.0
    stratum.cut_p = p
    stratum.expected_false = judged * p
    stratum.false_range = false_flags(p, n, judged)
    if not left:
        return None
    last = places[left - 1][0]
    flagged = [copies for place, copies in places if place <= last]
    stratum.flagged, stratum.flagged_texts = sum(flagged), len(flagged)
    if policy.budget is not None:
        _within_budget(stratum, max(policy.budget, stratum.flagged))
    stratum.expected_false_share = min(1.0, stratum.expected_false / stratum.flagged)
    return Cut(last.p, -last.minus_score, _note(stratum))


def _within_budget(stratum: Stratum, most: int) -> None:
    """Of texts by humans, too, no more than the budget and its copies would be flagged."""
    low, high = stratum.false_range
    stratum.false_range = min(low, most), min(high, most)
    stratum.expected_false = min(stratum.expected_false, float(most))


def _rejected(stratum: Stratum, p_values: list[float], policy: StyleSection) -> int:
    """How many of the sorted p-values the false discovery rate allows; says so if none can be."""
    n = stratum.n or 0
    level = policy.fdr or 0.0
    tests = max(stratum.different, len(p_values))  # the bound may be too low, in 1% of cases
    own = np.array(p_values, np.float64)
    adjusted = conditional(own, n) if policy.conditional else own
    cut = benjamini_hochberg(adjusted, tests, level)
    rejected = int((adjusted <= cut).sum()) if cut else 0
    if not rejected:
        smallest = _adjusted(smallest_p(n), n, policy)
        least = least_rejections(smallest, tests, level)
        stratum.problem = (
            NO_RATE.format(rows=f"{n:,}", level=f"{level:g}")
            if least is None
            else NO_TEXT.format(level=f"{level:g}", least=f"{least:,}", p=f"{smallest:.2g}")
        )
    return rejected


def _adjusted(p: float, n: int, policy: StyleSection) -> float:
    return float(conditional(np.array([p]), n)[0]) if policy.conditional else p


def _too_few(policy: StyleSection, n: int) -> str:
    alpha = policy.alpha or 0.0
    needed = rows_for(alpha, policy.conditional)
    return TOO_FEW.format(
        alpha=f"{alpha:g}", rows=f"{n:,}", more=f"{needed - n:,}", needed=f"{needed:,}"
    )


def _of_another_kind(stratum: Stratum, policy: StyleSection) -> str:
    measure = stratum.measure.replace("_", " ")
    shift = f"{stratum.shift or 0:.0%}"
    return OTHER_KIND.format(shift=shift, measure=measure, drift=f"{policy.drift:.0%}")


def _note(stratum: Stratum) -> str:
    low, high = stratum.false_range
    return NOTE.format(
        flagged=f"{stratum.flagged:,}",
        judged=f"{stratum.judged:,}",
        group=described(stratum.name),
        expected=_rounded(stratum.expected_false),
        low=f"{low:,}",
        high=f"{high:,}",
        share=f"{stratum.expected_false_share or 0.0:.1%}",
    )


def _rounded(expected: float) -> str:
    return f"{expected:,.0f}" if expected >= 10 or not expected else f"{expected:.2g}"


def is_expected(unlike: int, judged: int, share: float) -> bool:
    """Whether so many unlike rows are what chance gives, within four standard deviations."""
    return unlike <= judged * share + 4 * math.sqrt(judged * share * (1 - share)) + 1
