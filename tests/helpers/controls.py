"""Controls of known origin, items that they are mixed with, and what an export gave out."""

import csv
import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from decision_files import item, stored
from sqlalchemy import Engine

from scrubtrace.review.controls.store import NumberedControl, add_controls, all_issued
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.batches import SAMPLED, Control, Origin
from scrubtrace.schemas.review import ReviewItem

SPAN = {
    "detector": "boilerplate",
    "signal": "en.self_disclosure.made_up",
    "category": "self_disclosure",
    "strength": "proof",
    "use": "asserted",
    "start": 0,
    "end": 5,
    "score": None,
    "value": None,
}
WHY = "resembles LLM text: speaks as an AI assistant (proof)"


def flagged(number: int, **changes: Any) -> ReviewItem:
    """A flagged item with one span, of two priorities by its number."""
    text = f"Sorry, lighthouse {number} has no lift today."
    about = {"evidence": [SPAN], "why": WHY, "snippet": text, "text_chars": len(text)}
    return item(number, **(about | {"priority": 1 + number % 2} | changes))


def sampled(number: int, **changes: Any) -> ReviewItem:
    """An item that was drawn at random, without evidence."""
    about = {"kind": SAMPLED, "flagged": False, "evidence": [], "why": "", "detectors": []}
    return flagged(number, **(about | {"priority": 0, "evidence_fingerprint": "f" * 16} | changes))


def control(number: int, origin: Origin, **changes: Any) -> Control:
    """A control that looks like a flagged item."""
    digest = f"{number + 10**6:064x}"[::-1]
    about = flagged(number)
    text = f"Sorry, ferry {number} has no bar today."
    made = Control(
        control_key=f"c{digest[:32]}",
        origin=origin,
        source="made up",
        language=about.language,
        field="text of the control",
        text_digest=digest,
        key_id="0123456789ab",
        text_chars=len(text),
        evidence_fingerprint="e" * 16,
        flagged=True,
        kind=about.kind,
        priority=about.priority,
        why=about.why,
        detectors=[{"name": "boilerplate", "version": "7"}],
        evidence=[SPAN],
        spans_left_out=0,
        snippet=text,
        snippet_start=0,
    )
    return dataclasses.replace(made, **changes)


def unflagged_control(number: int, origin: Origin, **changes: Any) -> Control:
    """A control that looks like an item that was drawn at random."""
    about = {"kind": SAMPLED, "flagged": False, "evidence": [], "why": "", "priority": 0}
    about |= {"detectors": [], "evidence_fingerprint": "f" * 16}
    return control(number, origin, **(about | changes))


def fill(engine: Engine, items: Sequence[ReviewItem], controls: Sequence[Control]) -> None:
    """Store items and controls."""
    upsert_items(engine, items, "20260101T000000.000000-aaaaaa")
    rows = [NumberedControl(number, control) for number, control in enumerate(controls)]
    assert add_controls(engine, rows).bad == []


def of_both(number: int, make: Callable[..., Control] = control, first: int = 0) -> list[Control]:
    """So many controls of each origin, numbered from ``first``."""
    origins = [origin for _ in range(number) for origin in Origin]
    return [make(first + place, origin) for place, origin in enumerate(origins)]


def issued(engine: Engine) -> dict[str, Any]:
    """What was given out, by its key, with the names of reviewers."""
    with engine.connect() as connection:
        return {one.item_key: one for one in all_issued(connection)}


def rows_of(path: Path) -> list[dict[str, str]]:
    """Lines of a CSV."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def decided(path: Path, decision: str, keys: Sequence[str], reason: str = "") -> Path:
    """The file with this decision on these keys, saved beside it."""
    rows = [row for row in rows_of(path) if row["item_key"] in keys]
    saved = path.with_name(f"decided-{decision}-{path.name}")
    with saved.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(row | {"decision": decision, "reason": reason} for row in rows)
    return saved


def decisions(engine: Engine) -> list[tuple[str, str]]:
    """Key of what was decided on, and the text that the decision stands with."""
    return [(row["item_key"], row["text_digest"]) for row in stored(engine)]
