"""Adding controls: once each, with today's evidence, never with another origin."""

import dataclasses
import json

from controls import control, issued, of_both
from sqlalchemy import Engine, select

from scrubtrace.review.connection import reading
from scrubtrace.review.controls.store import (
    NumberedControl,
    add_controls,
    control_counts,
    controls_by_key,
)
from scrubtrace.review.table import review_events
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Control, Origin


def numbered(*controls: Control) -> list[NumberedControl]:
    return [NumberedControl(number, one) for number, one in enumerate(controls)]


def payloads(engine: Engine) -> list[dict[str, object]]:
    with engine.connect() as connection:
        query = select(review_events.c.payload).order_by(review_events.c.seq)
        return [json.loads(payload) for payload in connection.execute(query).scalars()]


def test_controls_are_stored_once_with_an_event_without_text(engine: Engine) -> None:
    controls = of_both(3)
    found = add_controls(engine, numbered(*controls, controls[0]))
    assert (found.human, found.llm, found.known, found.renewed) == (3, 3, 1, 0)
    with reading(engine) as connection:
        stored = controls_by_key(connection, [one.control_key for one in controls])
    assert sorted(stored.values(), key=repr) == sorted(controls, key=repr)
    (payload,) = payloads(engine)
    assert {name: payload[name] for name in ("human", "llm", "renewed")} == {
        "human": 3,
        "llm": 3,
        "renewed": 0,
    }
    assert set(payload) == {"human", "llm", "renewed", "sha256"}
    again = add_controls(engine, numbered(*controls))
    assert (again.human, again.llm, again.known) == (0, 0, 6)
    assert len(payloads(engine)) == 1
    assert verify(engine).problems == []


def test_a_known_text_takes_todays_evidence_and_key(engine: Engine) -> None:
    first = control(1, Origin.LLM)
    add_controls(engine, numbered(first))
    changes = {"evidence_fingerprint": "a" * 16, "source": "elsewhere", "key_id": "ba" * 6}
    digest = "9" * 64
    rotated = dataclasses.replace(
        first, control_key="c" + digest[:32], text_digest=digest, **changes
    )
    found = add_controls(engine, [NumberedControl(0, rotated, (first.text_digest,))])
    assert (found.llm, found.known, found.renewed) == (0, 1, 1)
    with reading(engine) as connection:
        (stored,) = controls_by_key(connection, [first.control_key]).values()
    kept = {"control_key": first.control_key, "source": first.source}
    assert stored == dataclasses.replace(rotated, **kept)
    assert verify(engine).problems == []


def test_another_origin_of_a_text_stores_nothing(engine: Engine) -> None:
    add_controls(engine, numbered(control(1, Origin.LLM)))
    rows = numbered(control(5, Origin.HUMAN), control(1, Origin.HUMAN), control(5, Origin.LLM))
    found = add_controls(engine, rows)
    assert [(bad.number, bad.problem) for bad in found.bad] == [
        (1, "the same text is there as llm"),
        (2, "the same text is there as human"),
    ]
    (count,) = control_counts(engine)
    assert (count.origin, count.controls, count.unissued) == (Origin.LLM, 1, 1)
    assert issued(engine) == {}
