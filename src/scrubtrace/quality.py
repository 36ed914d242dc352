"""What ``review quality`` and ``review learn`` say, for people and as JSON-able data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from scrubtrace.config import Config
from scrubtrace.detectors.registry import DetectorError, find_detector
from scrubtrace.review.quality.precision import (
    RIGHT_REASONS,
    Decided,
    Exports,
    Learned,
    Suspect,
)
from scrubtrace.review.quality.reviewers import (
    NOBODY,
    GroupAgreement,
    PairAgreement,
    Rates,
    ReviewerQuality,
)
from scrubtrace.stats.agreement import Agreement
from scrubtrace.stats.counts import ranked

NOT_TRUTH = (
    "Agreement is not truth: reviewers who saw the same evidence can be wrong together. Only "
    "controls measure how often they are right."
)
SAW_EVIDENCE = (
    "{shown} of {all} exports for reviewers showed the evidence: precision is that of reviewers "
    "who saw it, and may be too high."
)


def quality_lines(
    reviewers: Sequence[ReviewerQuality],
    pairs: Sequence[PairAgreement],
    together: GroupAgreement | None,
    decided: Sequence[Decided],
    exports: Exports,
) -> Iterator[str]:
    """The report as lines of text."""
    yield "reviewers, measured by controls of known origin (95% intervals)"
    for one in reviewers:
        yield from _reviewer(one)
    if not reviewers:
        yield "  no control was given out: see review controls add, and --controls"
    yield "agreement of two reviewers on the same texts and evidence, adjudications left out"
    for pair in pairs:
        left_out = f"; {pair.left_out:,} texts without two verdicts" if pair.left_out else ""
        yield (
            f"  {' and '.join(pair.reviewers)}: {_share(pair.percent)}, "
            f"kappa {_coefficient(pair.kappa)}{left_out}"
        )
    if not pairs:
        yield "  no text was decided by two: see --overlap"
    if together is not None:
        yield from _together(together)
    yield f"  {NOT_TRUTH}"
    yield "precision: texts confirmed of those with a verdict (95% intervals)"
    for entry in sorted(decided, key=lambda one: (one.detector, one.signal or "")):
        indent = "    " if entry.signal else "  "
        yield f"{indent}{entry.name}: {_share(entry.precision(), entry.concur)}"
    if not decided:
        yield "  no flagged text has a verdict"
    if exports.shown:
        yield "  " + SAW_EVIDENCE.format(shown=exports.shown, all=exports.shown + exports.blind)


def _together(found: GroupAgreement) -> Iterator[str]:
    left_out = f"; {found.left_out:,} answers without a verdict" if found.left_out else ""
    yield (
        f"  all {len(found.reviewers)} reviewers: Krippendorff's alpha "
        f"{_coefficient(found.alpha)} over {found.alpha.units:,} texts that two or more decided, "
        f"{found.by_all:,} of them all{left_out}"
    )


def _reviewer(one: ReviewerQuality) -> Iterator[str]:
    name = "assigned to nobody" if one.reviewer == NOBODY else one.reviewer
    apart = ", ".join(
        f"{count:,} {what}"
        for count, what in (
            (one.second, "second"),
            (one.escalate, "escalate"),
            (one.undecided, "undecided"),
        )
        if count
    )
    yield f"  {name}: {_rates(one.rates)}{f'; apart: {apart}' if apart else ''}"
    for group, rates in one.groups.items():
        yield f"    {group}: {_rates(rates)}"


def _rates(rates: Rates) -> str:
    return f"sensitivity {_share(rates.sensitivity)}, specificity {_share(rates.specificity)}"


def _share(found: Agreement, hits: int | None = None) -> str:
    """A share with its interval and the counts it rests on."""
    if found.value is None:
        return f"not measured ({found.units:,} texts)"
    counted = round(found.value * found.units) if hits is None else hits
    low, high = f"{found.low or 0:.0%}", f"{found.high or 0:.0%}"
    return f"{found.value:.0%} ({counted:,} of {found.units:,}; {low} to {high})"


def _coefficient(found: Agreement) -> str:
    if found.value is None:
        why = "all answers are the same" if found.refusal == "one_answer" else "too few texts"
        return f"not given: {why}"
    if found.low is None or found.high is None:
        always = "always" if found.value > 0 else "never"
        return f"{found.value:.2f} (no interval: they {always} agree)"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def quality_data(
    reviewers: Sequence[ReviewerQuality],
    pairs: Sequence[PairAgreement],
    together: GroupAgreement | None,
    decided: Sequence[Decided],
    exports: Exports,
) -> dict[str, Any]:
    """The same as JSON-able data."""
    return {
        "reviewers": [asdict(one) for one in reviewers],
        "pairs": [asdict(pair) for pair in pairs],
        "together": None if together is None else asdict(together),
        "precision": [
            {
                "detector": one.detector,
                "signature": one.signal,
                "concur": one.concur,
                "dismissed": dict(ranked(one.dismissed)),
                "precision": asdict(one.precision()),
            }
            for one in decided
        ],
        "exports": asdict(exports),
        "warnings": [NOT_TRUTH, *_saw_evidence(exports)],
    }


def _saw_evidence(exports: Exports) -> list[str]:
    everything = exports.shown + exports.blind
    return [SAW_EVIDENCE.format(shown=exports.shown, all=everything)] if exports.shown else []


def learned_lines(
    found: Learned, below: float, least: int, off: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """What decisions speak against, and the lines of scrubtrace.toml to think about."""
    yield (
        f"{found.looked_at:,} detectors and signatures have {least:,} or more decided texts; "
        f"{len(found.suspects):,} of them matched rightly in less than {below:.0%} "
        "(exact test, Holm's correction, 5%)"
    )
    for suspect in found.suspects:
        decided = suspect.decided
        reasons = ", ".join(
            f"{reason or 'no reason'} {count:,}" for reason, count in ranked(decided.dismissed)
        )
        yield (
            f"  {decided.name}: {decided.right:,} of {decided.texts:,} right, at most "
            f"{suspect.upper:.0%}; dismissed: {reasons}"
        )
        if decided.signal is None:
            yield "    a detector: think about scan.detectors, or its part in the policy"
    if not found.suspects:
        return
    lines = " Lines for scrubtrace.toml to think about:" if off else ""
    yield (
        f"Dismissals as {' and '.join(RIGHT_REASONS)} count as right: there the signature matched "
        f"what it is for. Nothing was changed.{lines}"
    )
    for detector, names in off.items():
        yield ""
        yield f"[detectors.{detector}]"
        yield "off = ["
        yield from (f'  "{name}",' for name in names)
        yield "]"


def to_switch_off(suspects: Sequence[Suspect], config: Config) -> dict[str, list[str]]:
    """By detector, the signatures that are off already and those that decisions are against."""
    off: dict[str, set[str]] = {}
    for suspect in suspects:
        decided = suspect.decided
        if decided.signal is not None and _has_signatures(decided.detector):
            off.setdefault(decided.detector, set()).add(decided.signal)
    return {
        detector: sorted(names | set(config.detectors.get(detector, {}).get("off", ())))
        for detector, names in sorted(off.items())
    }


def _has_signatures(detector: str) -> bool:
    try:
        return hasattr(find_detector(detector).make(), "off")
    except DetectorError:
        return False


def learned_data(found: Learned, off: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The same as JSON-able data."""
    return {
        "looked_at": found.looked_at,
        "against": [
            {
                "detector": one.decided.detector,
                "signature": one.decided.signal,
                "texts": one.decided.texts,
                "concur": one.decided.concur,
                "right": one.decided.right,
                "dismissed": dict(one.decided.dismissed),
                "upper": one.upper,
                "p_value": one.p_value,
                "adjusted": one.adjusted,
            }
            for one in found.suspects
        ],
        "off": {detector: list(names) for detector, names in off.items()},
    }
