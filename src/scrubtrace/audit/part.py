"""Texts of one language, or of one source in it, beside the references that match them."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from scrubtrace.audit.clusters import PartClusters
from scrubtrace.audit.figures import Refusal, What, Why
from scrubtrace.audit.flags import Histogram, Tally
from scrubtrace.audit.precision import Compared
from scrubtrace.stats.prevalence.binned import (
    binned_likelihood,
    binned_mixture_p_value,
    reference_bins,
)
from scrubtrace.stats.prevalence.clusters import Clusters
from scrubtrace.stats.prevalence.lower_bound import (
    LEAST_HUMAN,
    clustered_lower_bound,
    prevalence_lower_bound,
)
from scrubtrace.stats.prevalence.quantify import UNLIKE
from scrubtrace.stats.prevalence.result import Figure, Reason, missing
from scrubtrace.stats.prevalence.rogan_gladen import (
    Flags,
    rogan_gladen_clusters,
    rogan_gladen_either,
)

SEED = 1
"""Of resampling, so that an audit says the same again."""

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
        """P-values of the texts and of both references, divided by their design effects.

        None as `scores_refusal` says: not widened they would show too little doubt.
        """
        if self.scores is None or self.human_scores is None or self.llm_scores is None:
            return None
        if self.scores_refusal():
            return None
        divisors = (1.0, 1.0, 1.0) if self.clusters is None else self.clusters.score_divisors()
        judged, human, llm = (
            [count / divisor for count in own]
            for own, divisor in zip(
                (self.scores, self.human_scores, self.llm_scores), divisors, strict=True
            )
        )
        return judged, human, llm

    def scores_refusal(self) -> tuple[Why, str] | None:
        """Why scores cannot be compared with the references, or None."""
        if None in (self.scores, self.human_scores, self.llm_scores):
            return Refusal.NO_SCORES, ""
        return None if self.clusters is None else self.clusters.problem_of_scores()

    def human_refusal(self) -> tuple[Why, str] | None:
        """Why no bound rests on the human reference, or None."""
        if self.human is None:
            return Reason.NO_HUMAN_REFERENCE, ""
        if reason := missing(self.tally.judged, self.human.judged, None, LEAST_HUMAN, 0):
            return reason
        if self.clusters is not None and (found := self.clusters.problem("judged", "human")):
            return found
        if (p := self.mixture) is not None and p < UNLIKE:
            return Reason.NOT_A_MIXTURE, f"p = {p:.2g}"
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

    def size(self, what: What) -> int:
        """How many texts an estimate of the part is about."""
        if what == What.BY_SCORES and self.scores is not None:
            return sum(self.scores)
        return self.tally.judged

    def estimate(self, what: What, confidence: float) -> Figure:
        """The estimate of the judged texts, which have references of both kinds."""
        if what == What.BY_SCORES:
            assert self.bins is not None
            return binned_likelihood(*self.bins, confidence)
        rng = np.random.default_rng(SEED)
        if self.clusters is not None:
            return rogan_gladen_clusters(*self._flag_clusters(), rng, confidence)
        return rogan_gladen_either(self._flags(), rng, confidence)

    def compared(self, what: What) -> Compared:
        """What the error to expect of the estimate rests on; clusters count for what they tell.

        How much that is, is known by what is flagged among them, the judged texts too.
        """
        is_clustered = self.clusters is not None
        about = (self.language, self.size(what), is_clustered)
        if what == What.BY_SCORES:
            assert self.bins is not None
            judged, human, llm = self.bins
            return Compared(*about, sum(judged), *reference_bins(human, llm))
        flags = self._flags()
        if self.clusters is not None:
            flags = Flags(*(n for own in self._flag_clusters() for n in own.effective()))
        return Compared(*about, flags.rows, *flags.references)

    def _flags(self) -> Flags:
        assert self.human is not None
        assert self.llm is not None
        pairs = ((own.by_rule, own.judged) for own in (self.tally, self.human, self.llm))
        return Flags(*(number for pair in pairs for number in pair))

    def _flag_clusters(self) -> tuple[Clusters, Clusters, Clusters]:
        assert self.clusters is not None
        judged, human, llm = self.clusters.of_flags()
        assert human is not None
        assert llm is not None
        return judged, human, llm


_TALLIES = ("tally", "human", "llm")
_SCORES = ("scores", "human_scores", "llm_scores")


def _summed(tally: Tally | None) -> dict[str, int] | None:
    return None if tally is None else asdict(tally)
