"""Figures of a stratum from flags and scores, by comparing each language with its references.

A stratum is cut into parts: texts of one language, and of one source if a reference stands for its
own source only. Each part is compared with the references that match it. Parts are added up by
their texts. The error of a bound or interval is divided among parts in proportion to their texts,
so the sum holds at the same confidence (union bound).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from scrubtrace.audit.figures import (
    Assumption,
    AuditFigure,
    Refusal,
    What,
    Why,
    of_figure,
    without,
)
from scrubtrace.audit.flags import Histogram, Tally
from scrubtrace.audit.precision import Compared, error_to_expect, imprecise_words
from scrubtrace.schemas.vocabulary import UNDETERMINED
from scrubtrace.stats.prevalence.binned import (
    binned_likelihood,
    binned_mixture_p_value,
    reference_bins,
)
from scrubtrace.stats.prevalence.expected_error import MOST
from scrubtrace.stats.prevalence.lower_bound import LEAST_HUMAN, prevalence_lower_bound
from scrubtrace.stats.prevalence.quantify import UNLIKE
from scrubtrace.stats.prevalence.result import Figure, Reason, missing
from scrubtrace.stats.prevalence.rogan_gladen import Flags, rogan_gladen_either

SEED = 1
"""Of resampling, so that an audit says the same again."""

SHOWN = 5
"""Parts that a refusal names."""

HUMAN = (Assumption.HUMAN_ALIKE, Assumption.INDEPENDENT)
BOTH = (Assumption.HUMAN_ALIKE, Assumption.LLM_ALIKE, Assumption.INDEPENDENT)


@dataclass(frozen=True)
class Part:
    """Texts of a stratum that the same references stand for.

    ``source`` is None where texts of all sources are meant. A tally of a reference is None if there
    is no such reference, a histogram if scores of all texts are not kept apart for these.
    """

    language: str
    source: str | None
    tally: Tally
    human: Tally | None = None
    llm: Tally | None = None
    scores: Histogram | None = None
    human_scores: Histogram | None = None
    llm_scores: Histogram | None = None

    @property
    def name(self) -> str:
        """The part in words."""
        return self.language + (f", source {self.source}" if self.source is not None else "")

    @cached_property
    def mixture(self) -> float | None:
        """How well a mixture of the references fits the scores; None if it cannot be checked."""
        if self.scores is None or self.human_scores is None or self.llm_scores is None:
            return None
        return binned_mixture_p_value(self.scores, self.human_scores, self.llm_scores)

    def human_refusal(self) -> tuple[Why, str] | None:
        """Why no bound rests on the human reference, or None."""
        if self.human is None:
            return Reason.NO_HUMAN_REFERENCE, ""
        if reason := missing(self.tally.judged, self.human.judged, None, LEAST_HUMAN, 0):
            return reason
        if (p := self.mixture) is not None and p < UNLIKE:
            return Reason.NOT_A_MIXTURE, f"p = {p:.2g}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """The part with what it was compared with, for JSON."""
        sums = {name: _summed(getattr(self, name)) for name in _TALLIES}
        scores = {name: getattr(self, name) for name in _SCORES}
        about = {"language": self.language, "source": self.source, "mixture_p": self.mixture}
        return about | sums | scores


_TALLIES = ("tally", "human", "llm")
_SCORES = ("scores", "human_scores", "llm_scores")


def _summed(tally: Tally | None) -> dict[str, int] | None:
    return None if tally is None else asdict(tally)


def lower_bound(parts: Sequence[Part], texts: int, confidence: float) -> AuditFigure:
    """At least so many of ``texts`` are by models.

    Of texts that no detector judged, and of parts without a matching human reference, none is
    claimed to be.
    """
    parts = [part for part in parts if part.tally.judged]
    judged = sum(part.tally.judged for part in parts)
    if not parts:
        return without(What.LOWER_BOUND, confidence, texts, Reason.NO_ROWS)
    refusals = [part.human_refusal() for part in parts]
    found: list[tuple[Part, Figure]] = []
    for part, refusal in zip(parts, refusals, strict=True):
        if refusal is None and part.human is not None:
            level = 1 - (1 - confidence) * part.tally.judged / judged
            counts = (part.tally.by_rule, part.tally.judged)
            other = (part.human.by_rule, part.human.judged)
            found.append((part, prevalence_lower_bound(*counts, *other, level)))
    if not found:
        first = next(refusal for refusal in refusals if refusal)
        return without(What.LOWER_BOUND, confidence, texts, first[0], _about(parts, refusals))
    lower = sum((figure.lower or 0.0) * part.tally.judged for part, figure in found)
    method = found[0][1].method + (", parts added up" if len(parts) > 1 else "")
    figure = Figure(method, None, lower / texts, None, confidence, texts)
    left = [_about(parts, refusals)] if any(refusals) else []
    left += [f"{texts - judged:,} texts that no detector judged"] if judged < texts else []
    told = f"nothing is claimed of {'; '.join(left)}" if left else ""
    return of_figure(What.LOWER_BOUND, figure, *HUMAN, detail=told)


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
    sizes = [_size(what, part) for part in parts]
    n = sum(sizes)
    found = [
        _of_part(what, part, 1 - (1 - confidence) * size / n)
        for part, size in zip(parts, sizes, strict=True)
    ]
    for part, figure in zip(parts, found, strict=True):
        if figure.refusal is not None:
            told = f"{part.name}: {figure.detail}"
            return without(what, confidence, texts, figure.refusal, told)
    compared = [_compared(what, part) for part in parts]
    error = error_to_expect(compared)
    if error > max_error:
        told = imprecise_words(compared, error, max_error)
        refused = without(what, confidence, texts, Reason.IMPRECISE, told)
        return replace(refused, expected_error=error)
    who = "that style ranked" if what == What.BY_SCORES else "of known language that are judged"
    told = "" if n == texts else f"it is about {n:,} of {texts:,} texts, those {who}"
    added = of_figure(what, _added_up(found, sizes, confidence), *BOTH, detail=told)
    return replace(added, expected_error=error)


def _added_up(found: Sequence[Figure], sizes: Sequence[int], confidence: float) -> Figure:
    n = sum(sizes)
    best, low, high = (
        sum((getattr(f, name) or 0.0) * size for f, size in zip(found, sizes, strict=True)) / n
        for name in ("estimate", "lower", "upper")
    )
    methods = sorted({figure.method for figure in found})
    method = "; ".join(methods) + (", parts added up" if len(found) > 1 else "")
    return Figure(method, best, low, high, confidence, n)


def _refusal(what: What, part: Part) -> tuple[Why, str] | None:
    """Why a part has no estimate before anything is computed, or None."""
    if reason := part.human_refusal():
        return reason
    if part.llm is None or not part.llm.judged:
        return Reason.NO_LLM_REFERENCE, ""
    has_scores = None not in (part.scores, part.human_scores, part.llm_scores)
    if what == What.BY_SCORES and not has_scores:
        return Refusal.NO_SCORES, ""
    return None


def _size(what: What, part: Part) -> int:
    if what == What.BY_SCORES and part.scores is not None:
        return sum(part.scores)
    return part.tally.judged


def _of_part(what: What, part: Part, confidence: float) -> Figure:
    if what == What.BY_SCORES:
        return binned_likelihood(*_scores(part), confidence)
    return rogan_gladen_either(_flags(part), np.random.default_rng(SEED), confidence)


def _compared(what: What, part: Part) -> Compared:
    """What the error to expect of a part rests on."""
    if what == What.BY_SCORES:
        _, human, llm = _scores(part)
        return Compared(part.language, _size(what, part), *reference_bins(human, llm))
    return Compared(part.language, _size(what, part), *_flags(part).references)


def _scores(part: Part) -> tuple[Histogram, Histogram, Histogram]:
    assert part.scores is not None
    assert part.human_scores is not None
    assert part.llm_scores is not None
    return part.scores, part.human_scores, part.llm_scores


def _flags(part: Part) -> Flags:
    assert part.human is not None
    assert part.llm is not None
    pairs = ((own.by_rule, own.judged) for own in (part.tally, part.human, part.llm))
    return Flags(*(number for pair in pairs for number in pair))


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
