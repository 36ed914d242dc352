"""Figures of a stratum from flags and scores, by comparing each language with its references.

A stratum is cut into parts: texts of one language, and of one source if a reference stands for its
own source only. Each part is compared with the references that match it. Parts are added up by
their texts. The error of a bound or interval is divided among parts in proportion to their texts,
so the sum holds at the same confidence (union bound).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scrubtrace.audit.clusters import PartClusters
from scrubtrace.audit.figures import Assumption, AuditFigure, Refusal, What, of_figure, without
from scrubtrace.audit.flags import Histogram, Tally
from scrubtrace.schemas.vocabulary import UNDETERMINED
from scrubtrace.stats.prevalence.binned import binned_likelihood, binned_mixture_p_value
from scrubtrace.stats.prevalence.lower_bound import (
    LEAST_HUMAN,
    clustered_lower_bound,
    prevalence_lower_bound,
)
from scrubtrace.stats.prevalence.quantify import UNLIKE
from scrubtrace.stats.prevalence.result import Figure, missing
from scrubtrace.stats.prevalence.rogan_gladen import (
    Flags,
    rogan_gladen_clusters,
    rogan_gladen_either,
)

SEED = 1
"""Of resampling, so that an audit says the same again."""

SHOWN = 5
"""Parts that a refusal names."""

HUMAN = (Assumption.HUMAN_ALIKE,)
BOTH = (Assumption.HUMAN_ALIKE, Assumption.LLM_ALIKE)

Bins = tuple[list[float], list[float], list[float]]


@dataclass(frozen=True)
class Part:
    """Texts of a stratum that the same references stand for.

    ``source`` is None where texts of all sources are meant. A tally of a reference is None if there
    is no such reference, a histogram if scores of all texts are not kept apart for these. With
    ``clusters`` every figure is widened by how much these differ.
    """

    language: str
    source: str | None
    tally: Tally
    human: Tally | None = None
    llm: Tally | None = None
    scores: Histogram | None = None
    human_scores: Histogram | None = None
    llm_scores: Histogram | None = None
    clusters: PartClusters | None = None

    @property
    def name(self) -> str:
        """The part in words."""
        return self.language + (f", source {self.source}" if self.source is not None else "")

    @cached_property
    def mixture(self) -> float | None:
        """How well a mixture of the references fits the scores; None if it cannot be checked."""
        return None if self.bins is None else binned_mixture_p_value(*self.bins)

    @cached_property
    def bins(self) -> Bins | None:
        """P-values of the texts and of both references, divided by their design effects."""
        if self.scores is None or self.human_scores is None or self.llm_scores is None:
            return None
        divisors = (1.0, 1.0, 1.0) if self.clusters is None else self.clusters.score_divisors()
        judged, human, llm = (
            [count / divisor for count in own]
            for own, divisor in zip(
                (self.scores, self.human_scores, self.llm_scores), divisors, strict=True
            )
        )
        return judged, human, llm

    def human_refusal(self) -> tuple[Refusal, str] | None:
        """Why no bound rests on the human reference, or None."""
        if self.human is None:
            return Refusal.NO_HUMAN_REFERENCE, ""
        if reason := missing(self.tally.judged, self.human.judged, None, LEAST_HUMAN, 0):
            return Refusal(reason[0].value), reason[1]
        if self.clusters is not None and (found := self.clusters.problem("judged", "human")):
            return found
        if (p := self.mixture) is not None and p < UNLIKE:
            return Refusal.NOT_A_MIXTURE, f"p = {p:.2g}"
        return None

    def to_dict(self) -> dict[str, Any]:
        """The part with what it was compared with, for JSON."""
        sums = {name: _summed(getattr(self, name)) for name in _TALLIES}
        scores = {name: getattr(self, name) for name in _SCORES}
        about = {"language": self.language, "source": self.source, "mixture_p": self.mixture}
        clusters = {} if self.clusters is None else {"clusters": self.clusters.to_dict()}
        return about | sums | scores | clusters

    def bound(self, confidence: float) -> Figure:
        """The lower bound of the judged texts, which have a human reference."""
        assert self.human is not None
        if self.clusters is not None:
            judged, human, _ = self.clusters.of_flags()
            assert human is not None
            return clustered_lower_bound(judged, human, confidence)
        counts = (self.tally.by_rule, self.tally.judged, self.human.by_rule, self.human.judged)
        return prevalence_lower_bound(*counts, confidence)

    def estimate(self, what: What, confidence: float) -> Figure:
        """The estimate of the judged texts, which have references of both kinds."""
        if what == What.BY_SCORES:
            assert self.bins is not None
            return binned_likelihood(*self.bins, confidence)
        rng = np.random.default_rng(SEED)
        if self.clusters is not None:
            judged, human, llm = self.clusters.of_flags()
            assert human is not None
            assert llm is not None
            return rogan_gladen_clusters(judged, human, llm, rng, confidence)
        assert self.human is not None
        assert self.llm is not None
        pairs = ((own.by_rule, own.judged) for own in (self.tally, self.human, self.llm))
        flags = Flags(*(number for pair in pairs for number in pair))
        return rogan_gladen_either(flags, rng, confidence)


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
        return without(What.LOWER_BOUND, confidence, texts, Refusal.NO_ROWS)
    refusals: list[tuple[Refusal, str] | None] = []
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


def estimate(what: What, parts: Sequence[Part], texts: int, confidence: float) -> AuditFigure:
    """About so many are by models; only if both references match every part.

    `What.BY_FLAGS` by Rogan and Gladen, of the texts that a detector judged; `What.BY_SCORES` by
    maximum likelihood over style p-values, of the texts that style ranked. Texts whose language is
    not known match no reference: they are left out where there are others.
    """
    parts = [part for part in parts if part.tally.judged]
    parts = [part for part in parts if part.language != UNDETERMINED] or parts
    if not parts:
        return without(what, confidence, texts, Refusal.NO_ROWS)
    refusals = [_refusal(what, part) for part in parts]
    if any(refusals):
        first = next(refusal for refusal in refusals if refusal)
        return without(what, confidence, texts, first[0], _about(parts, refusals))
    sizes = [_size(what, part) for part in parts]
    n = sum(sizes)
    found = [
        (part, part.estimate(what, 1 - (1 - confidence) * size / n))
        for part, size in zip(parts, sizes, strict=True)
    ]
    for part, figure in found:
        if refusal := _of_stats(part, figure):
            return without(what, confidence, texts, refusal[0], f"{part.name}: {refusal[1]}")
    best, low, high = (
        sum((getattr(f, name) or 0.0) * size for (_, f), size in zip(found, sizes, strict=True)) / n
        for name in ("estimate", "lower", "upper")
    )
    methods = sorted({figure.method for _, figure in found})
    method = "; ".join(methods) + (", parts added up" if len(parts) > 1 else "")
    who = "that style ranked" if what == What.BY_SCORES else "of known language that are judged"
    told = "" if n == texts else f"it is about {n:,} of {texts:,} texts, those {who}"
    assumed = [*BOTH, _alone(parts)]
    if what == What.BY_SCORES and _alone(parts) == Assumption.CLUSTERS_INDEPENDENT:
        assumed.append(Assumption.SCORES_AS_SMALLEST)
    return of_figure(what, Figure(method, best, low, high, confidence, n), *assumed, detail=told)


def _alone(parts: Sequence[Part]) -> Assumption:
    """What stands alone: texts, or clusters of them."""
    is_widened = any(part.clusters is not None for part in parts)
    return Assumption.CLUSTERS_INDEPENDENT if is_widened else Assumption.INDEPENDENT


def _of_stats(part: Part, figure: Figure) -> tuple[Refusal, str] | None:
    """Why a figure of `scrubtrace.stats` has no number, or None."""
    if figure.refusal is None:
        return None
    divided = "" if part.clusters is None else ", counts divided by design effects"
    return Refusal(figure.refusal.value), figure.detail + divided


def _refusal(what: What, part: Part) -> tuple[Refusal, str] | None:
    """Why a part has no estimate before anything is computed, or None."""
    if reason := part.human_refusal():
        return reason
    if part.llm is None or not part.llm.judged:
        return Refusal.NO_LLM_REFERENCE, ""
    if part.clusters is not None and (found := part.clusters.problem("llm")):
        return found
    if what == What.BY_SCORES and part.bins is None:
        return Refusal.NO_SCORES, ""
    return None


def _size(what: What, part: Part) -> int:
    if what == What.BY_SCORES and part.scores is not None:
        return sum(part.scores)
    return part.tally.judged


def _about(parts: Sequence[Part], refusals: Sequence[tuple[Refusal, str] | None]) -> str:
    """The parts that are refused, with their texts and what is missing."""
    told = []
    for part, refusal in zip(parts, refusals, strict=True):
        if refusal is not None:
            why = f": {refusal[1]}" if refusal[1] else ""
            told.append(f"{part.tally.judged:,} texts of {part.name}{why}")
    return "; ".join(told[:SHOWN]) + (
        f"; and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    )
