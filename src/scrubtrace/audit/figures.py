"""What an audit says: figures with their method, interval and assumptions, or the reason for none.

Codes stand beside the English words, so that a report can say them in another language.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from scrubtrace.stats.prevalence.result import Figure, Reason


class What(StrEnum):
    """What a figure is about."""

    FLAGGED = "flagged"
    LOWER_BOUND = "lower_bound"
    BY_FLAGS = "estimate_by_flags"
    BY_SCORES = "estimate_by_scores"
    REVIEWED = "reviewed"
    UPPER_BOUND = "upper_bound"


class Refusal(StrEnum):
    """Why an audit has no figure, beside the reasons of `scrubtrace.stats`."""

    NONE_FOUND = "none_found"
    NO_SCORES = "no_scores"
    NO_RUNS = "no_runs"
    NOT_COUNTED = "not_counted"
    NOT_CLUSTERED = "not_clustered"
    NO_BATCH = "no_batch"
    DRAWN_FROM_TRUSTED = "drawn_from_trusted"
    NOT_DRAWN = "not_drawn"
    NOT_DECIDED = "not_decided"
    PART_NOT_DECIDED = "part_not_decided"
    NOT_AT_RANDOM = "not_at_random"


Why = Reason | Refusal

REFUSALS: Mapping[str, str] = {
    Reason.NO_ROWS: "there are no texts to judge",
    Reason.NO_HUMAN_REFERENCE: "no human reference matches",
    Reason.SMALL_HUMAN_REFERENCE: "the human reference that matches is too small",
    Reason.NO_LLM_REFERENCE: "no LLM reference matches",
    Reason.SMALL_LLM_REFERENCE: "the LLM reference that matches is too small",
    Reason.NOT_SEPARATED: "the references are not told apart well enough",
    Reason.NOT_A_MIXTURE: "the texts are no mixture of the references: one of them is of another "
    "kind",
    Reason.IMPRECISE: "the error to expect with these references and this many texts is too large",
    Reason.NO_CONTROLS: "no controls were decided by the reviewers of the batch, and no "
    "sensitivity was given",
    Reason.FEW_CONTROLS: "too few controls were decided by the reviewers of the batch",
    Refusal.NONE_FOUND: "the reviewers of the batch found none of the controls",
    Reason.STRATUM_NOT_SAMPLED: "a stratum has no decided text",
    Refusal.NO_SCORES: "style scores of all texts are not kept for these",
    Refusal.NO_RUNS: "no folder of runs was given",
    Refusal.NOT_COUNTED: "the runs do not count the texts of the stratum as its plan does: shards "
    "changed, strata are by task, or rows have no language and the plan did not identify it",
    Reason.FEW_CLUSTERS: "there are too few clusters of texts to know how much they differ",
    Refusal.NOT_CLUSTERED: "it was not counted which cluster the texts are of",
    Refusal.NO_BATCH: "no batch was given",
    Refusal.DRAWN_FROM_TRUSTED: "the batch was drawn from texts as well that are taken for human "
    "and not judged",
    Refusal.NOT_DRAWN: "no text was drawn",
    Refusal.NOT_DECIDED: "no text is decided",
    Refusal.PART_NOT_DECIDED: "a stratum has no decided text",
    Refusal.NOT_AT_RANDOM: "the decided texts are no random part of those drawn, as flagged "
    "texts are reviewed for themselves too: decide the rest of the batch",
}


class Assumption(StrEnum):
    """What must hold for a figure to be right; nothing in the data proves it."""

    HUMAN_ALIKE = "human_alike"
    LLM_ALIKE = "llm_alike"
    INDEPENDENT = "independent"
    CLUSTERS_INDEPENDENT = "clusters_independent"
    SCORES_AS_SMALLEST = "scores_as_smallest"
    CONTROLS_ALIKE = "controls_alike"
    SENSITIVITY_GIVEN = "sensitivity_given"
    UNDECIDED_AT_RANDOM = "undecided_at_random"


ASSUMPTIONS = {
    Assumption.HUMAN_ALIKE: "the human reference is like the human texts that are judged (same "
    "language, task and kind of writer), and took no part in choosing thresholds",
    Assumption.LLM_ALIKE: "the LLM reference is like the LLM texts that are judged: same kinds of "
    "text, same generators, as much edited. Other generators make an estimate wrong by more than "
    "its interval says",
    Assumption.INDEPENDENT: "each text stands alone; texts of one writer or document tell less",
    Assumption.CLUSTERS_INDEPENDENT: "each cluster of texts stands alone; that the texts of one "
    "tell less is allowed for",
    Assumption.SCORES_AS_SMALLEST: "scores differ between clusters no more than the smallest "
    "p-values do, which are kept by cluster",
    Assumption.CONTROLS_ALIKE: "hits are as easy to find for reviewers as the controls were",
    Assumption.SENSITIVITY_GIVEN: "reviewers find at least the share of hits that was given",
    Assumption.UNDECIDED_AT_RANDOM: "undecided texts are like the decided ones of their stratum",
}


class Note(StrEnum):
    """What else is to be known of the figures."""

    OTHER_RUNS = "other_runs"
    OTHER_SHARDS = "other_shards"
    BY_RULE = "by_rule"
    EMPTY_AMONG_TEXTS = "empty_among_texts"
    DRAWN_ONE_BY_ONE = "drawn_one_by_one"


NOTES = {
    Note.EMPTY_AMONG_TEXTS: "some shards were scanned by an earlier version, so null and empty "
    "texts count among those that are not flagged: scan them again with detect --force",
    Note.OTHER_RUNS: "the batch was drawn from other results than those that count now: flags are "
    "of today, decisions of the draw",
    Note.OTHER_SHARDS: "shards were added or changed since the batch was drawn: shares of hits and "
    "upper bounds are about the texts that there were then; a new batch is about those of today",
    Note.BY_RULE: "flags that are compared with references are those of policy.style.alpha alone, "
    "as rank, false discovery rate and drift are of a whole data set; the policy flags fewer texts",
    Note.DRAWN_ONE_BY_ONE: "shares of hits are not widened: texts were drawn one by one at random, "
    "so they stand for all texts whatever clusters these come in",
}


@dataclass(frozen=True)
class AuditFigure:
    """A share with its interval, or a bound; without number if ``refusal`` says why.

    Parameters
    ----------
    estimate : None for a bound, and where it is refused.
    lower, upper : ends of the interval, or the bound; None on the side that is not claimed.
    n : texts that the figure rests on or is about.
    detail : what is missing or left out, with counts.
    expected_error : of an estimate that rests on references, its standard error at a share of 10%
        by these references and the number of texts alone; with clusters also by how much what is
        flagged differs between them.
    """

    what: What
    method: str
    estimate: float | None
    lower: float | None
    upper: float | None
    confidence: float
    n: int
    refusal: Why | None = None
    detail: str = ""
    assumes: tuple[Assumption, ...] = ()
    expected_error: float | None = None

    @property
    def words(self) -> str:
        """The refusal for people; empty where there is a number."""
        if self.refusal is None:
            return ""
        return REFUSALS[self.refusal] + (f" ({self.detail})" if self.detail else "")

    def to_dict(self) -> dict[str, Any]:
        """The figure for JSON."""
        return asdict(self) | {"words": self.words}


def of_figure(
    what: What, figure: Figure, *assumes: Assumption, detail: str | None = None
) -> AuditFigure:
    """A figure of `scrubtrace.stats` as one of an audit."""
    told = figure.detail if detail is None else detail
    numbers = (figure.method, figure.estimate, figure.lower, figure.upper, figure.confidence)
    if figure.refusal is not None:
        return AuditFigure(what, *numbers, figure.n, figure.refusal, told)
    return AuditFigure(what, *numbers, figure.n, None, told, assumes)


def without(what: What, confidence: float, n: int, refusal: Why, detail: str = "") -> AuditFigure:
    """No figure, and why."""
    return AuditFigure(what, "", None, None, None, confidence, n, refusal, detail)
