"""Adding controls: once each, with today's evidence, never with another origin."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from controls import SPAN, control, fill, flagged, issued, of_both, rows_of
from sqlalchemy import Engine, select, update

from scrubtrace.review.connection import reading
from scrubtrace.review.controls.store import (
    NumberedControl,
    add_controls,
    control_counts,
    controls_by_key,
)
from scrubtrace.review.erasing.erase import erase, texts_of
from scrubtrace.review.export import export_csv
from scrubtrace.review.mixing import Mix
from scrubtrace.review.store import upsert_items
from scrubtrace.review.table import METADATA, review_controls, review_events
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Control, Origin
from scrubtrace.schemas.identity import DigestKey, KeyRing


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


SECRET = "Old Barnaby keeps the lighthouse keys"


def secret_control(number: int = 1, **changes: Any) -> Control:
    """A control with text in its snippet and in a value of its evidence."""
    span = SPAN | {"value": SECRET}
    return control(number, Origin.LLM, **({"snippet": SECRET, "evidence": [span]} | changes))


def everything(engine: Engine) -> str:
    with engine.connect() as connection:
        rows = [tuple(r) for t in METADATA.sorted_tables for r in connection.execute(select(t))]
    return repr(rows)


def test_a_text_is_erased_in_controls_as_well(engine: Engine) -> None:
    one = secret_control()
    fill(engine, [flagged(1, text_digest=one.text_digest, snippet=SECRET)], [one])
    assert (
        erase(engine, "asked for", texts=texts_of(engine, item_key=flagged(1).item_key)).items == 2
    )
    assert SECRET not in everything(engine)
    assert verify(engine).problems == []
    added = add_controls(engine, numbered(secret_control(priority=2), control(2, Origin.LLM)))
    assert (added.erased, added.llm, added.known) == (1, 1, 0)
    assert SECRET not in everything(engine)
    assert verify(engine).problems == []


def test_a_control_is_erased_by_digest_and_by_the_key_of_its_line(
    engine: Engine, tmp_path: Path
) -> None:
    first, second = secret_control(1), secret_control(2)
    human = [control(n, Origin.HUMAN) for n in (3, 4)]
    fill(engine, [flagged(n) for n in range(10)], [first, second, *human])
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.4))
    given = {one.control_key: one.item_key for one in issued(engine).values()}
    assert texts_of(engine, item_key=given[first.control_key]) == {first.text_digest}
    assert texts_of(engine, text_digest=second.text_digest) == {second.text_digest}
    assert erase(engine, "asked for", texts=[first.text_digest, second.text_digest]).items == 2
    assert SECRET not in everything(engine)
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.4))
    shown = {line["item_key"]: line["snippet"] for line in rows_of(tmp_path / "f.csv")}
    assert shown[given[first.control_key]] == ""
    assert sorted(issued(engine)) == sorted(given.values())


def test_the_text_of_a_control_does_not_come_back_unseen(engine: Engine) -> None:
    fill(engine, [], [secret_control(1), secret_control(2)])
    erase(engine, "asked for", texts=[secret_control(1).text_digest])
    columns = review_controls.c
    for number, snippet in ((1, SECRET), (2, "")):
        own = columns.control_key == secret_control(number).control_key
        with engine.begin() as connection:
            connection.execute(update(review_controls).where(own).values(snippet=snippet))
    back, gone = verify(engine).problems
    assert "was erased, but is there" in back
    assert "is gone, and no event says so" in gone


def test_a_control_by_a_retired_key_is_the_text_of_an_item(engine: Engine, tmp_path: Path) -> None:
    old, new = (DigestKey.from_hex(f"{number:064x}") for number in (1, 2))
    about = {"text_digest": old.digest(SECRET), "key_id": old.id}
    humans = [control(n, Origin.HUMAN) for n in (3, 4)]
    fill(engine, [], [secret_control(1, **about), secret_control(2), *humans])
    rotated = {"text_digest": new.digest(SECRET), "key_id": new.id, "snippet": SECRET}
    earlier = KeyRing(new, (old,)).earlier_digests(SECRET)
    items = [flagged(n) for n in range(2, 7)]
    upsert_items(engine, [*items, flagged(1, **rotated, earlier_digests=earlier)], "run1")
    export_csv(engine, tmp_path / "f.csv", mix=Mix(controls=0.3))
    assert secret_control(1).control_key not in {o.control_key for o in issued(engine).values()}
    erase(engine, "asked for", texts=[new.digest(SECRET)])
    erase(engine, "asked for", texts=[secret_control(2).text_digest])
    assert SECRET not in everything(engine)
    assert verify(engine).problems == []
