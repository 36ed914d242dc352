"""Codes that a report puts into words, by what they are codes of."""

from scrubtrace.schemas.vocabulary import Abstained, DeadReason, Lane
from scrubtrace.stats.change import Reason

NAMES: dict[str, tuple[str, ...]] = {
    "lane": tuple(Lane),
    "abstained": tuple(Abstained),
    "dead": tuple(DeadReason),
    "refusal": tuple(Reason),
    "category": (
        "verbatim", "edited", "scrubbed", "excerpt", "paraphrased", "passage", "input_match",
    ),
}  # fmt: skip
