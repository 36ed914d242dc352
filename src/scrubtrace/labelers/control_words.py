"""The score of control tasks in lines and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from scrubtrace.labelers.scoring import ControlScore, Scored, Share
from scrubtrace.labelers.telling import EXPLANATIONS
from scrubtrace.schemas.controls import Origin

CONTROL_CAUTION = (
    "An answer that is flagged or carries a canary resembles model output: refer it to review. It "
    "is not a finding about a person. An answer with neither says nothing."
)

RATES = {
    Origin.HUMAN: "false-positive rate",
    Origin.LLM: "detection rate",
    Origin.UNKNOWN: "flagged",
}
"""What the flagged share of answers of an origin is."""


def score_lines(score: ControlScore) -> Iterator[str]:
    """The score in lines of text; labelers only with enough answers."""
    planned = ", ".join(f"{count:,} {origin}" for origin, count in score.planned.items())
    yield (
        f"control tasks given out: {planned or 'none'}; answered: {score.answered:,}; "
        f"without an answer so far: {score.unanswered:,}"
    )
    for count, words in (
        (score.by_others, "answers by labelers who were not given the task"),
        (score.repeated, "further answers by the same labeler"),
        (score.unread, "answers that could not be read"),
    ):
        if count:
            yield f"not counted: {count:,} {words}"
    for scored in score.origins:
        yield f"{scored.origin}: {_words(scored)}"
    for labeler, scored in score.labelers:
        yield f"{labeler}, {scored.origin}: {_words(scored)}"
    yield (
        f"labelers with fewer than {score.least} answers of one origin, of whom nothing is told: "
        f"{score.too_few:,}"
    )
    yield CONTROL_CAUTION


def _words(scored: Scored) -> str:
    said = [f"{RATES[scored.origin]} {_share(scored.flagged)}"]
    if scored.canary is not None:
        said.append(f"with canary {_share(scored.canary)}")
        if scored.quoted:
            said.append(f"{scored.quoted:,} repeat the request only")
    return "; ".join(said)


def _share(share: Share) -> str:
    rate = share.hits / share.n if share.n else 0.0
    return f"{rate:.1%} ({share.low:.1%} to {share.high:.1%}; {share.hits:,} of {share.n:,})"


def score_json(score: ControlScore, about: dict[str, Any]) -> dict[str, Any]:
    """The score for programs."""
    return {
        "format": 1,
        **about,
        "planned": dict(score.planned),
        "answered": score.answered,
        "unanswered": score.unanswered,
        "by_others": score.by_others,
        "repeated": score.repeated,
        "unread": score.unread,
        "least_answers": score.least,
        "too_few_answers": score.too_few,
        "origins": [asdict(scored) | {"rate": RATES[scored.origin]} for scored in score.origins],
        "labelers": [{"labeler": who} | asdict(scored) for who, scored in score.labelers],
        "caution": CONTROL_CAUTION,
        "innocent_explanations": {str(code): words for code, words in EXPLANATIONS.items()},
    }
