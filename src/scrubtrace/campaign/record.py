"""The record of a check: canonical JSON with a digest of itself, equal for equal states."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from scrubtrace.config import text_of
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.schemas.campaign import RECORD_FORMAT, Checked, StepResult
from scrubtrace.schemas.review import State

SELF = "record_sha256"
TIME = "checked_at"
"""The one key that differs between two checks of the same state on the same day."""


@dataclass(frozen=True)
class Previous:
    """An earlier record: its content, and its own digest."""

    content: Mapping[str, Any]
    sha256: str

    def scope(self, dataset: str) -> Mapping[str, Any] | None:
        """What it says of the scope of a data set; None if it was not in that campaign."""
        scopes = (entry for entry in self.content["scope"] if entry["dataset"] == dataset)
        return next(scopes, None)

    def states(self, dataset: str, kind: str) -> Mapping[str, int]:
        """Flagged places of a data set and kind by state."""
        found: Mapping[str, int] = self.content["flagged"].get(dataset, {}).get(kind, {})
        return found


def record_bytes(checked: Checked, at: datetime) -> bytes:
    """The record of a check that was made at a time."""
    bare = replace(checked, comparison=None)
    content = asdict(bare) | {
        "format": RECORD_FORMAT,
        TIME: at.isoformat(timespec="seconds"),
        "comparison": asdict(checked.comparison) if checked.comparison else None,
        "steps": [_step(step) for step in checked.steps],
        "complete": not checked.required,
    }
    content["campaign"].pop("exceptions")
    content["campaign"].pop("actions")
    content["campaign"]["datasets"] = [data.name for data in checked.campaign.datasets]
    content["campaign"]["steps"] = sorted(
        name for name, value in vars(checked.campaign.steps).items() if value is not None
    )
    return _canonical(content | {SELF: hashlib.sha256(_canonical(content)).hexdigest()})


def read_previous(path: str) -> Previous:
    """An earlier record; raises `UsageStop` for another file, `SumsDifferStop` if it changed."""
    try:
        content = json.loads(text_of(Path(path)))
    except ValueError:
        content = None
    if not isinstance(content, dict) or SELF not in content:
        raise UsageStop(f"{path} is no record of a campaign: give a file of campaign check --out")
    said = content.pop(SELF)
    if hashlib.sha256(_canonical(content)).hexdigest() != said:
        raise SumsDifferStop(f"{path} was changed: it is not what its own digest says")
    if content.get("format") != RECORD_FORMAT:
        raise UsageStop(f"{path} is a record of another version of scrubtrace")
    return Previous(content, said)


def record_digest(content: bytes) -> str:
    """The digest that a record has of itself."""
    return str(json.loads(content)[SELF])


def flagged_of(states: Mapping[str, int]) -> int:
    """Flagged places among counts by state."""
    return sum(count for state, count in states.items() if state != State.NOT_SEEN_AGAIN)


def _step(step: StepResult) -> dict[str, Any]:
    return asdict(step) | {"complete": step.is_complete}


def _canonical(content: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, no spaces, ASCII alone, dates as text, and a line break at the end."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=_text)
    return text.encode() + b"\n"


def _text(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not for a record")
