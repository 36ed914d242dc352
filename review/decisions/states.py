"""What the decisions on an item add up to: a function of the item and its decisions, nothing else.

A decision is about an item if it was made on its text with scope `text`, or on the item itself. It
counts if it was made on the item's text and evidence as they are today. A decision with the reason
`adjudicated` settles those before it; of each reviewer, the newest of those left counts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from scrubtrace.schemas.review import ADJUDICATED, Decision, Opinion, Scope, State

VERDICTS = {Decision.CONCUR: State.CONCUR, Decision.DISMISS: State.DISMISSED}


@dataclass(frozen=True)
class Place:
    """An item as far as its state depends on it; ``text`` is the id of its text.

    ``unseen``: a run should have found it again but did not.
    """

    item_key: str
    text: str
    evidence_fingerprint: str
    unseen: bool = False


@dataclass(frozen=True)
class Standing:
    """The state of an item, and the decisions that count, oldest first.

    ``verdict`` is what reviewers agree on, None while they do not or something is open.
    """

    state: State
    verdict: Decision | None = None
    counted: tuple[Opinion, ...] = ()


def standing_of(place: Place, opinions: Iterable[Opinion]) -> Standing:
    """The state of an item; opinions in any order, also those on other items and texts."""
    about = [opinion for opinion in opinions if _is_about(opinion, place)]
    counted = _counted([opinion for opinion in about if _is_current(opinion, place)])
    state = _state(counted) if counted else State.REOPENED if about else State.PENDING
    verdict = next((verdict for verdict, its in VERDICTS.items() if its == state), None)
    return Standing(State.NOT_SEEN_AGAIN if place.unseen else state, verdict, tuple(counted))


def _is_about(opinion: Opinion, place: Place) -> bool:
    on_its_text = opinion.scope == Scope.TEXT and opinion.text == place.text
    return on_its_text or opinion.item_key == place.item_key


def _is_current(opinion: Opinion, place: Place) -> bool:
    made_on = (opinion.text, opinion.evidence_fingerprint)
    return made_on == (place.text, place.evidence_fingerprint)


def _counted(opinions: Sequence[Opinion]) -> list[Opinion]:
    """From the newest adjudication on, the newest of each reviewer.

    In this order: what was settled stays so when the adjudicator decides again.
    """
    ordered = sorted(opinions, key=lambda o: o.order)
    settled = [n for n, opinion in enumerate(ordered) if opinion.reason == ADJUDICATED]
    newest: dict[str, Opinion] = {}
    for opinion in ordered[settled[-1] :] if settled else ordered:
        newest[opinion.reviewer] = opinion
    return sorted(newest.values(), key=lambda o: o.order)


def _state(counted: Sequence[Opinion]) -> State:
    if any(opinion.decision == Decision.ESCALATE for opinion in counted):
        return State.ESCALATED
    verdicts = [opinion for opinion in counted if opinion.decision in VERDICTS]
    given = {VERDICTS[opinion.decision] for opinion in verdicts}
    asked = [opinion.order for opinion in counted if opinion.decision == Decision.SECOND]
    # A reviewer who asks has given no verdict since, so that a later one is somebody else's.
    answered = bool(verdicts) and all(order < verdicts[-1].order for order in asked)
    return given.pop() if len(given) == 1 and answered else State.NEEDS_SECOND
