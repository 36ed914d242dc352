"""The style lane in the summary of a run: per stratum, and over all lanes."""

from collections.abc import Iterator

from scrubtrace.config import Config, PolicySection, StyleSection
from scrubtrace.schemas.plain import many
from scrubtrace.schemas.style import UNLIKE, described
from scrubtrace.style.flagging import Stratum, StyleOutcome, is_expected

SHOWN = 10

TRACE_BOUNDS = {"en": 0.00037, "zh": 0.00020, "ja": 0.00025, "id": 0.00037, "de": 0.00055}
"""95% upper bounds on the share of human rows that the trace lane flags, from the README."""

MEASURED = ("boilerplate", "redaction")
"""The detectors whose flags the bounds are of, as they are without options."""


def style_lines(outcome: StyleOutcome, config: Config) -> Iterator[str]:
    """What was judged, flagged and expected by chance; nothing where no row was ranked."""
    policy = config.policy.style
    if outcome.not_calibrated:
        counts = ", ".join(f"{name} {n:,}" for name, n in sorted(outcome.not_calibrated.items()))
        yield (
            f"style: ranked without calibration, never flagged: {counts} (no calibration has their "
            "language, source and length, or it has too few rows for what is kept)"
        )
    if policy.alpha is None:
        if outcome.strata:
            yield "style: policy.style.alpha is not set, so style flags nothing"
        return
    ordered = sorted(outcome.strata.values(), key=lambda s: (-s.flagged, -s.judged, s.name))
    for stratum in ordered[:SHOWN]:
        yield f"style, {described(stratum.name)}: {_told(stratum)}"
    if len(ordered) > SHOWN:
        more = many(len(ordered) - SHOWN, "more stratum", "more strata")
        yield f"... and {more}, all in the manifest"
    if outcome.strata:
        yield from _union(outcome, config)


def union_bounds(outcome: StyleOutcome, config: Config) -> dict[str, float]:
    """Most human rows that any lane flags, as a share: alpha and the bound of the trace lane.

    By language, where the trace lane was measured. A sum, so it holds however the lanes overlap.
    Empty without alpha, and where policy or options are others than those that were measured.
    """
    alpha = config.policy.style.alpha
    if alpha is None or not _is_measured(config):
        return {}
    languages = {name.partition("/")[0] for name in outcome.strata}
    return {code: alpha + TRACE_BOUNDS[code] for code in sorted(languages & TRACE_BOUNDS.keys())}


def _told(stratum: Stratum) -> str:
    copies = stratum.different < stratum.judged
    among = f" (at most {stratum.different:,} different)" if copies else ""
    told = f"{stratum.judged:,} judged{among}, {many(stratum.candidates, 'candidate')}"
    if stratum.n is None:
        told += ", none flagged"
    else:
        told += f", {stratum.flagged:,} flagged, {many(stratum.n, 'calibration row')}"
    if stratum.problem:
        told += f"; {stratum.problem}"
    if stratum.flagged:
        low, high = stratum.false_range
        told += (
            f"; false if all were human: {stratum.expected_false:,.3g} ({low:,} to {high:,}), "
            f"up to about {stratum.expected_false_share or 0:.1%} of the flagged"
        )
    if not is_expected(stratum.unlike, stratum.judged, UNLIKE):
        told += (
            f"; {many(stratum.unlike, 'is', 'are')} unlike the calibration rows, {UNLIKE:.0%} are "
            "expected: they never flag, and the others may not be comparable"
        )
    return told


def _is_measured(config: Config) -> bool:
    """Whether the trace lane flags as it did when its bounds were measured."""
    policy = config.policy.model_copy(update={"style": StyleSection()})
    return policy == PolicySection() and not any(config.detectors.get(name) for name in MEASURED)


def _union(outcome: StyleOutcome, config: Config) -> Iterator[str]:
    if not _is_measured(config):
        yield (
            "how many human rows all lanes flag together was not measured for this policy and "
            "these detectors: scrubtrace style calibrate measures it on your rows"
        )
        return
    told = ", ".join(f"{code} {bound:.3%}" for code, bound in union_bounds(outcome, config).items())
    if told:
        yield (
            "of human rows like those that calibrated, trace and style lanes together flag at "
            f"most, on average: {told} (alpha {config.policy.style.alpha or 0.0:.3%} and the "
            "measured bound of the trace lane); the match lane states its own"
        )
