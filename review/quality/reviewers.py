"""How good reviewers are: what they say of controls, and how far they agree with each other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from sqlalchemy import Connection

from scrubtrace.review.controls.store import all_issued, controls_by_key
from scrubtrace.review.decisions.stored import all_opinions
from scrubtrace.schemas.batches import Control, Issued, Origin
from scrubtrace.schemas.review import ADJUDICATED, Decision, Opinion, Scope
from scrubtrace.stats.agreement import (
    LEAST_UNITS,
    Agreement,
    cohens_kappa,
    krippendorffs_alpha,
    percent_agreement,
    rate_with_interval,
)

ALLOWED = "allowed"
"""Reason of a dismissal that says the text is of an LLM all the same."""

LEAST_REVIEWERS = 3
"""Two reviewers have kappa."""

SEED = 1
"""Of resampling, so that the same decisions give the same interval."""

NOBODY = ""
"""Stands for the reviewer of controls in files that were assigned to nobody."""


@dataclass(frozen=True)
class Rates:
    """Sensitivity: share of LLM controls called so. Specificity: share of human ones not."""

    sensitivity: Agreement
    specificity: Agreement


@dataclass(frozen=True)
class ReviewerQuality:
    """What one reviewer said of controls.

    ``rates`` are over concur and dismiss alone. ``groups`` has those of each kind and language, if
    there are several, of which `LEAST_UNITS` controls were decided. ``undecided`` counts controls
    in files that were assigned to this reviewer.
    """

    reviewer: str
    rates: Rates
    second: int
    escalate: int
    undecided: int
    groups: dict[str, Rates] = field(default_factory=dict)


@dataclass(frozen=True)
class PairAgreement:
    """How far two reviewers agree on texts that both decided, on the same evidence.

    ``left_out`` counts texts on which one of them asked for a second opinion or escalated.
    """

    reviewers: tuple[str, str]
    percent: Agreement
    kappa: Agreement
    left_out: int


@dataclass(frozen=True)
class GroupAgreement:
    """How far three or more reviewers agree who decided texts in common, on the same evidence.

    ``alpha`` is Krippendorff's, over texts with verdicts of two or more of them; its interval is
    that of resampled texts. ``by_all`` counts the texts with a verdict of each reviewer,
    ``left_out`` answers that ask for a second opinion or escalate.
    """

    reviewers: tuple[str, ...]
    alpha: Agreement
    by_all: int
    left_out: int


def says_llm(decision: Decision, reason: str) -> bool:
    """Whether a verdict says that the text is of an LLM: concur, or dismissed as `ALLOWED`."""
    return decision == Decision.CONCUR or reason == ALLOWED


def reviewer_quality(connection: Connection) -> list[ReviewerQuality]:
    """What each reviewer said of controls, by name; the newest on each control counts."""
    issued = {one.item_key: one for one in all_issued(connection)}
    controls = controls_by_key(connection, {one.control_key for one in issued.values()})
    said: dict[tuple[str, str], Opinion] = {}
    answered: set[tuple[str, str]] = set()
    for opinion in all_opinions(connection):
        if (one := issued.get(opinion.item_key)) is not None and one.control_key in controls:
            said[opinion.reviewer, one.control_key] = opinion
            answered |= {(opinion.reviewer, one.item_key), (NOBODY, one.item_key)}
    undecided = _undecided(issued.values(), answered)
    reviewers = sorted({reviewer for reviewer, _ in said} | set(undecided))
    return [
        _quality(
            reviewer,
            [(controls[key], opinion) for (name, key), opinion in said.items() if name == reviewer],
            undecided[reviewer],
        )
        for reviewer in reviewers
    ]


def _undecided(issued: Iterable[Issued], answered: set[tuple[str, str]]) -> Counter[str]:
    """Controls that the reviewer of their file has not decided on, by reviewer."""
    return Counter(one.reviewer for one in issued if (one.reviewer, one.item_key) not in answered)


def _quality(
    reviewer: str, said: Sequence[tuple[Control, Opinion]], undecided: int
) -> ReviewerQuality:
    decisions = Counter(opinion.decision for _, opinion in said)
    verdicts = [
        (control, opinion)
        for control, opinion in said
        if opinion.decision in (Decision.CONCUR, Decision.DISMISS)
    ]
    groups = {name: own for by in ("kind", "language") for name, own in _groups(verdicts, by)}
    return ReviewerQuality(
        reviewer,
        _rates(verdicts),
        decisions[Decision.SECOND],
        decisions[Decision.ESCALATE],
        undecided,
        {name: _rates(own) for name, own in sorted(groups.items()) if len(own) >= LEAST_UNITS},
    )


def _groups(
    verdicts: Iterable[tuple[Control, Opinion]], by: str
) -> Iterator[tuple[str, list[tuple[Control, Opinion]]]]:
    """The verdicts of each kind or language, if there are several."""
    groups: dict[str, list[tuple[Control, Opinion]]] = {}
    for control, opinion in verdicts:
        groups.setdefault(f"{by} {getattr(control, by)}", []).append((control, opinion))
    if len(groups) > 1:
        yield from groups.items()


def _rates(verdicts: Iterable[tuple[Control, Opinion]]) -> Rates:
    right = Counter[Origin]()
    total = Counter[Origin]()
    for control, opinion in verdicts:
        called = says_llm(opinion.decision, opinion.reason)
        total[control.origin] += 1
        right[control.origin] += called == (control.origin == Origin.LLM)
    return Rates(*(rate_with_interval(right[o], total[o]) for o in (Origin.LLM, Origin.HUMAN)))


def pair_agreements(connection: Connection) -> list[PairAgreement]:
    """Agreement of every two reviewers with a text in common, controls and adjudications aside."""
    subjects = _decided_by(connection)
    both: dict[tuple[str, str], list[tuple[Decision, Decision]]] = {}
    for said in subjects.values():
        for one, other in combinations(sorted(said), 2):
            both.setdefault((one, other), []).append((said[one], said[other]))
    return [_agreement(names, answers) for names, answers in sorted(both.items())]


def group_agreement(connection: Connection) -> GroupAgreement | None:
    """Agreement of all reviewers with a text in common; None if there are fewer than three."""
    verdicts = (Decision.CONCUR, Decision.DISMISS)
    answers = [said for said in _decided_by(connection).values() if len(said) > 1]
    reviewers = tuple(sorted({name for said in answers for name in said}))
    if len(reviewers) < LEAST_REVIEWERS:
        return None
    ratings = [
        [said[name] if said.get(name) in verdicts else None for name in reviewers]
        for said in answers
    ]
    return GroupAgreement(
        reviewers,
        krippendorffs_alpha(ratings, np.random.default_rng(SEED)),
        sum(None not in row for row in ratings),
        sum(decision not in verdicts for said in answers for decision in said.values()),
    )


def _decided_by(connection: Connection) -> dict[tuple[str, ...], dict[str, Decision]]:
    """Of each subject the decision of each reviewer; controls and adjudications are none."""
    controls = {one.item_key for one in all_issued(connection)}
    subjects: dict[tuple[str, ...], dict[str, Decision]] = {}
    for opinion in all_opinions(connection):
        if opinion.item_key not in controls and opinion.reason != ADJUDICATED:
            # The newest of each reviewer counts: opinions come in the order of time.
            subjects.setdefault(_subject(opinion), {})[opinion.reviewer] = opinion.decision
    return subjects


def _subject(opinion: Opinion) -> tuple[str, ...]:
    """What a decision is about: a text or a row, with its evidence."""
    about = opinion.text if opinion.scope == Scope.TEXT else opinion.item_key
    return str(opinion.scope), about, opinion.evidence_fingerprint


def _agreement(
    names: tuple[str, str], answers: Sequence[tuple[Decision, Decision]]
) -> PairAgreement:
    kept = list(_verdicts(answers))
    first, second = [one for one, _ in kept], [other for _, other in kept]
    percent, kappa = percent_agreement(first, second), cohens_kappa(first, second)
    return PairAgreement(names, percent, kappa, len(answers) - len(kept))


def _verdicts(answers: Iterable[tuple[Decision, Decision]]) -> Iterator[tuple[Decision, Decision]]:
    verdicts = (Decision.CONCUR, Decision.DISMISS)
    return (pair for pair in answers if pair[0] in verdicts and pair[1] in verdicts)
