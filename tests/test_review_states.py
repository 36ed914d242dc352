"""States: a table of cases, and that neither order nor repetition matters."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.review.decisions.states import Place, standing_of
from scrubtrace.schemas.review import (
    ADJUDICATED,
    OPEN_STATES,
    REASONS,
    Decision,
    Opinion,
    Scope,
    State,
)

PLACE = Place("r1", "text", "found")
START = datetime(2026, 1, 1, tzinfo=UTC)


def opinions(said: str) -> list[Opinion]:
    """``anna: dismiss; ben: concur adjudicated text=other``: decisions in the order of time."""
    made = []
    for number, entry in enumerate(filter(None, said.split("; "))):
        reviewer, _, words = entry.partition(": ")
        decision, *more = words.split()
        opinion = Opinion(
            decision_id=f"d{number}",
            item_key="r1",
            text="text",
            evidence_fingerprint="found",
            scope=Scope.TEXT,
            decision=Decision(decision),
            reason="",
            reviewer=reviewer,
            order=(START + timedelta(hours=number), number + 1, 2),
        )
        changes = dict((("" if "=" in word else "reason=") + word).split("=") for word in more)
        made.append(replace(opinion, **changes))  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("", "pending"),
        ("anna: concur", "concur"),
        ("anna: dismiss", "dismissed"),
        ("anna: second", "needs_second"),
        ("anna: escalate", "escalated"),
        ("anna: concur; anna: dismiss", "dismissed"),
        ("anna: concur; ben: concur", "concur"),
        ("anna: concur; ben: dismiss", "needs_second"),
        ("anna: concur; ben: dismiss; anna: dismiss", "dismissed"),
        ("anna: concur; ben: dismiss; cara: dismiss", "needs_second"),
        ("anna: concur; ben: dismiss; cara: dismiss adjudicated", "dismissed"),
        ("anna: concur; ben: dismiss adjudicated", "dismissed"),
        ("anna: dismiss adjudicated; ben: concur", "needs_second"),
        ("anna: dismiss adjudicated; ben: dismiss", "dismissed"),
        ("anna: dismiss adjudicated; ben: concur adjudicated", "concur"),
        ("anna: concur; ben: dismiss adjudicated; ben: second", "needs_second"),
        ("anna: dismiss; ben: concur; cara: concur adjudicated; cara: concur copied", "concur"),
        ("anna: dismiss; ben: concur; cara: concur adjudicated; cara: dismiss human", "dismissed"),
        ("anna: dismiss; ben: concur; cara: concur adjudicated; cara: second", "needs_second"),
        ("anna: dismiss; ben: concur; cara: concur adjudicated; cara: escalate", "escalated"),
        ("anna: escalate; cara: concur adjudicated; cara: concur copied", "concur"),
        ("anna: dismiss; cara: dismiss adjudicated; ben: concur; cara: concur copied", "concur"),
        ("anna: dismiss; ben: concur adjudicated evidence_fingerprint=other", "dismissed"),
        ("anna: second; ben: concur", "concur"),
        ("ben: concur; anna: second", "needs_second"),
        ("anna: second; ben: concur; cara: second", "needs_second"),
        ("anna: second; anna: dismiss", "dismissed"),
        ("anna: second; ben: second", "needs_second"),
        ("anna: second; ben: dismiss; cara: concur", "needs_second"),
        ("anna: escalate; ben: dismiss", "escalated"),
        ("ben: dismiss; anna: escalate", "escalated"),
        ("anna: escalate; anna: dismiss", "dismissed"),
        ("anna: escalate; lead: concur adjudicated", "concur"),
        ("lead: concur adjudicated; anna: escalate", "escalated"),
        ("anna: concur evidence_fingerprint=other", "reopened"),
        ("anna: concur; anna: dismiss evidence_fingerprint=other", "concur"),
        ("anna: concur evidence_fingerprint=other; ben: dismiss", "dismissed"),
        ("anna: concur text=other", "reopened"),
        ("anna: concur text=other scope=row", "reopened"),
        ("anna: concur item_key=r2", "concur"),
        ("anna: concur item_key=r2 scope=row", "pending"),
        ("anna: concur item_key=r2 text=other", "pending"),
        ("anna: concur item_key=r2 evidence_fingerprint=other", "reopened"),
        ("anna: dismiss item_key=r2; anna: concur scope=row", "concur"),
        ("anna: concur scope=row; anna: dismiss item_key=r2", "dismissed"),
    ],
)
def test_states(said: str, state: str) -> None:
    assert standing_of(PLACE, opinions(said)).state == state
    assert standing_of(replace(PLACE, unseen=True), opinions(said)).state == State.NOT_SEEN_AGAIN


@pytest.mark.parametrize(
    ("said", "verdict", "counted"),
    [
        ("", None, ""),
        ("anna: concur; ben: concur", "concur", "d0 d1"),
        ("anna: concur; ben: dismiss", None, "d0 d1"),
        ("anna: concur; ben: dismiss; lead: dismiss adjudicated", "dismiss", "d2"),
        ("anna: concur; ben: dismiss; lead: dismiss adjudicated; lead: dismiss", "dismiss", "d3"),
        ("anna: concur; anna: concur", "concur", "d1"),
        ("anna: escalate", None, "d0"),
        ("anna: concur text=other", None, ""),
    ],
)
def test_what_counts(said: str, verdict: str | None, counted: str) -> None:
    standing = standing_of(PLACE, opinions(said))
    assert standing.verdict == verdict
    assert " ".join(opinion.decision_id for opinion in standing.counted) == counted


WORDS = [
    f"{reviewer}: {decision} {more}".rstrip()
    for reviewer, decision, more in product(
        ("anna", "ben", "cara"),
        Decision,
        ("", "scope=row", ADJUDICATED, "evidence_fingerprint=other", "item_key=r2"),
    )
]


@given(st.lists(st.sampled_from(WORDS), max_size=8), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_matters(said: list[str], chance: random.Random) -> None:
    made = opinions("; ".join(said))
    mixed = made * 2
    chance.shuffle(mixed)
    standing = standing_of(PLACE, made)
    assert standing_of(PLACE, mixed) == standing
    assert (standing.verdict is not None) == (standing.state in (State.CONCUR, State.DISMISSED))
    assert (standing.state == State.PENDING) <= (not standing.counted)


@given(*[st.lists(st.sampled_from(WORDS), max_size=6)] * 2)
def test_nothing_before_an_adjudication_matters(before: list[str], after: list[str]) -> None:
    made = opinions("; ".join([*before, "cara: dismiss adjudicated", *after]))
    assert standing_of(PLACE, made) == standing_of(PLACE, made[len(before) :])


def test_every_decision_has_reasons_and_only_verdicts_settle() -> None:
    assert set(REASONS) == set(Decision)
    settling = {decision for decision, reasons in REASONS.items() if ADJUDICATED in reasons}
    assert settling == {Decision.CONCUR, Decision.DISMISS}
    assert State.PENDING in OPEN_STATES
    assert State.ESCALATED not in OPEN_STATES
