"""Codes that a report puts into words, by what they are codes of."""

from scrubtrace.audit.figures import ASSUMPTIONS, NOTES, REFUSALS, What
from scrubtrace.schemas.campaign import ExceptionState, StepName
from scrubtrace.schemas.vocabulary import Abstained, DeadReason, Lane
from scrubtrace.stats.change import Reason
from scrubtrace.stats.screening import Reason as Screening

NAMES: dict[str, tuple[str, ...]] = {
    "lane": tuple(Lane),
    "abstained": tuple(Abstained),
    "dead": tuple(DeadReason),
    "refusal": (*Reason, *Screening),
    "figure": tuple(What),
    "step": tuple(StepName),
    "exception": tuple(ExceptionState),
    "category": (
        "verbatim", "edited", "scrubbed", "excerpt", "paraphrased", "passage", "input_match",
    ),
}  # fmt: skip

TEXTS = (*REFUSALS.values(), *ASSUMPTIONS.values(), *NOTES.values())
"""Messages that stand in tables of other modules."""
