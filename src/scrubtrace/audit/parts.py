"""Figures of a stratum from flags and scores, by comparing each language with its references.

A stratum is cut into parts: texts of one language, and of one source if a reference stands for its
own source only. Each part is compared with the references that match it. Parts are added up by
their texts. The error of a bound or interval is divided among parts in proportion to their texts,
so the sum holds at the same confidence (union bound).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from scrubtrace.audit.figures import (
    Assumption,
    AuditFigure,
    What,
    Why,
    of_figure,
    without,
)
from scrubtrace.audit.part import Part
from scrubtrace.audit.precision import error_to_expect, imprecise_words
from scrubtrace.schemas.vocabulary import UNDETERMINED
from scrubtrace.stats.prevalence.expected_error import MOST
from scrubtrace.stats.prevalence.result import Figure, Reason

SHOWN = 5
"""Parts that a refusal names."""

HUMAN = (Assumption.HUMAN_ALIKE,)
BOTH = (Assumption.HUMAN_ALIKE, Assumption.LLM_ALIKE)


def lower_bound(parts: Sequence[Part], texts: int, confidence: float) -> AuditFigure:
    """At least so many of ``texts`` are by models.

    Of texts that no detector judged, and of parts without a matching human reference, none is
    claimed to be.
    """
    parts = [part for part in parts if part.tally.judged]
    judged = sum(part.tally.judged for part in parts)
    if not parts:
        return without(What.LOWER_BOUND, confidence, texts, Reason.NO_ROWS)
    refusals: list[tuple[Why, str] | None] = []
    found: list[tuple[Part, Figure]] = []
    for part in parts:
        refusal = part.human_refusal()
        if refusal is None:
            figure = part.bound(1 - (1 - confidence) * part.tally.judged / judged)
            refusal = _of_stats(part, figure)
            found += [] if refusal else [(part, figure)]
        refusals.append(refusal)
    if not found:
        first = next(refusal for refusal in refusals if refusal)
        return without(What.LOWER_BOUND, confidence, texts, first[0], _about(parts, refusals))
    lower = sum((figure.lower or 0.0) * part.tally.judged for part, figure in found)
    method = found[0][1].method + (", parts added up" if len(parts) > 1 else "")
    figure = Figure(method, None, lower / texts, None, confidence, texts)
    assumed = (*HUMAN, _alone(parts))
    left = [_about(parts, refusals)] if any(refusals) else []
    left += [f"{texts - judged:,} texts that no detector judged"] if judged < texts else []
    told = f"nothing is claimed of {'; '.join(left)}" if left else ""
    return of_figure(What.LOWER_BOUND, figure, *assumed, detail=told)


def estimate(
    what: What, parts: Sequence[Part], texts: int, confidence: float, max_error: float = MOST
) -> AuditFigure:
    """About so many are by models; only if both references match every part.

    `What.BY_FLAGS` by Rogan and Gladen, of the texts that a detector judged; `What.BY_SCORES` by
    maximum likelihood over style p-values, of the texts that style ranked. Texts whose language is
    not known match no reference: they are left out where there are others. It is refused if the
    error to expect is above ``max_error``.
    """
    parts = [part for part in parts if part.tally.judged]
    parts = [part for part in parts if part.language != UNDETERMINED] or parts
    if not parts:
        return without(what, confidence, texts, Reason.NO_ROWS)
    refusals = [_refusal(what, part) for part in parts]
    if any(refusals):
        first = next(refusal for refusal in refusals if refusal)
        return without(what, confidence, texts, first[0], _about(parts, refusals))
    sizes = [part.size(what) for part in parts]
    n = sum(sizes)
    found = [
        part.estimate(what, 1 - (1 - confidence) * size / n)
        for part, size in zip(parts, sizes, strict=True)
    ]
    for part, figure in zip(parts, found, strict=True):
        if refusal := _of_stats(part, figure):
            return without(what, confidence, texts, refusal[0], f"{part.name}: {refusal[1]}")
    compared = [part.compared(what) for part in parts]
    error = error_to_expect(compared)
    if error > max_error:
        told = imprecise_words(compared, error, max_error)
        refused = without(what, confidence, texts, Reason.IMPRECISE, told)
        return replace(refused, expected_error=error)
    who = "that style ranked" if what == What.BY_SCORES else "of known language that are judged"
    told = "" if n == texts else f"it is about {n:,} of {texts:,} texts, those {who}"
    figure = _added_up(found, sizes, confidence)
    return replace(
        of_figure(what, figure, *_assumed(what, parts), detail=told), expected_error=error
    )


def _added_up(found: Sequence[Figure], sizes: Sequence[int], confidence: float) -> Figure:
    n = sum(sizes)
    best, low, high = (
        sum((getattr(f, name) or 0.0) * size for f, size in zip(found, sizes, strict=True)) / n
        for name in ("estimate", "lower", "upper")
    )
    methods = sorted({figure.method for figure in found})
    method = "; ".join(methods) + (", parts added up" if len(found) > 1 else "")
    return Figure(method, best, low, high, confidence, n)


def _assumed(what: What, parts: Sequence[Part]) -> Iterator[Assumption]:
    """What an estimate rests on."""
    yield from (*BOTH, alone := _alone(parts))
    if what == What.BY_SCORES and alone == Assumption.CLUSTERS_INDEPENDENT:
        yield Assumption.SCORES_AS_SMALLEST


def _alone(parts: Sequence[Part]) -> Assumption:
    """What stands alone: texts, or clusters of them."""
    is_widened = any(part.clusters is not None for part in parts)
    return Assumption.CLUSTERS_INDEPENDENT if is_widened else Assumption.INDEPENDENT


def _of_stats(part: Part, figure: Figure) -> tuple[Why, str] | None:
    """Why a figure of `scrubtrace.stats` has no number, or None."""
    if figure.refusal is None:
        return None
    divided = "" if part.clusters is None else ", counts divided by design effects"
    return figure.refusal, figure.detail + divided


def _refusal(what: What, part: Part) -> tuple[Why, str] | None:
    """Why a part has no estimate before anything is computed, or None."""
    if reason := part.human_refusal():
        return reason
    if part.llm is None or not part.llm.judged:
        return Reason.NO_LLM_REFERENCE, ""
    if part.clusters is not None and (found := part.clusters.problem("llm")):
        return found
    return part.scores_refusal() if what == What.BY_SCORES else None


def _about(parts: Sequence[Part], refusals: Sequence[tuple[Why, str] | None]) -> str:
    """The parts that are refused, with their texts and what is missing."""
    told = []
    for part, refusal in zip(parts, refusals, strict=True):
        if refusal is not None:
            why = f": {refusal[1]}" if refusal[1] else ""
            told.append(f"{part.tally.judged:,} texts of {part.name}{why}")
    return "; ".join(told[:SHOWN]) + (
        f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    )
