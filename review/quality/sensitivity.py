"""What share of LLM texts the reviewers of a batch find, by controls that were mixed in."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import Connection

from scrubtrace.review.controls.store import all_issued, controls_by_key
from scrubtrace.review.decisions.stored import all_opinions
from scrubtrace.review.quality.reviewers import says_llm
from scrubtrace.schemas.batches import Control, Issued, Origin
from scrubtrace.schemas.review import Decision, Opinion


@dataclass(frozen=True)
class ControlAnswer:
    """What a reviewer said last of an LLM control: concur or dismiss.

    ``in_batch``: the control was given out with the batch.
    """

    reviewer: str
    language: str
    found: bool
    in_batch: bool


def control_answers(
    connection: Connection, batch: str, reviewers: Collection[str]
) -> list[ControlAnswer]:
    """Verdicts of these reviewers on LLM controls, the newest on each, in whatever batch.

    Controls on which they asked for a second opinion or escalated do not count, as such texts do
    not in an audit.
    """
    issued = {one.item_key: one for one in all_issued(connection)}
    controls = controls_by_key(connection, {one.control_key for one in issued.values()})
    said: dict[tuple[str, str], tuple[Control, Issued, Opinion]] = {}
    for opinion in all_opinions(connection):
        one = issued.get(opinion.item_key)
        if one is None or opinion.reviewer not in reviewers or one.control_key not in controls:
            continue
        said[opinion.reviewer, one.control_key] = (controls[one.control_key], one, opinion)
    return [
        ControlAnswer(
            reviewer,
            control.language,
            says_llm(opinion.decision, opinion.reason),
            one.batch == batch,
        )
        for (reviewer, _), (control, one, opinion) in sorted(said.items(), key=lambda i: i[0])
        if control.origin == Origin.LLM and opinion.decision in (Decision.CONCUR, Decision.DISMISS)
    ]


def count_answers(
    answers: Collection[ControlAnswer], which: Callable[[ControlAnswer], bool]
) -> tuple[int, int]:
    """How many controls were found, of how many."""
    own = [answer for answer in answers if which(answer)]
    return sum(answer.found for answer in own), len(own)
