"""What a sheet says of one line of an export, as JSON that may stand inside of HTML."""

import json
from collections.abc import Mapping
from typing import Any

from scrubtrace.review.lines import ExportLine
from scrubtrace.review.sheet.labels import place_words
from scrubtrace.review.views import is_shown
from scrubtrace.review.wording import Wording
from scrubtrace.schemas.vocabulary import GROUPS

REFERENCE = "reference"
"""Name of the detector whose evidence is a match with a reference text."""

_ITEM = (
    "item_key", "priority", "kind", "flagged", "language", "dataset", "shard", "row_index",
    "row_id", "occurrence", "field", "turn", "text_chars", "spans_left_out", "snippet",
    "snippet_start",
)  # fmt: skip
_ENTRY = ("detector", "signal", "category", "strength", "use", "start", "end")
_NOT_SHOWN = {
    "because": "", "kind": "", "state": "", "first_run": "",
    "last_run": "", "others": [], "groups": {}, "detectors": [], "evidence": [],
    "spans_left_out": 0,
}  # fmt: skip
"""What the page gets instead of what a view does not show; null for all else."""

_OF_WHY = frozenset({"claim", "because", "why_language"})
"""Fields that show what the column ``why`` does."""

_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}


def escaped_json(value: Any) -> str:
    """JSON without a sign that ends or begins markup; equal to the value when it is parsed."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.translate(_ESCAPES)


def sheet_item(line: ExportLine, wording: Wording) -> dict[str, Any]:
    """What the sheet shows of a line; offsets are code points of the original text, half open."""
    item = line.item
    why = wording.why(item)
    whole = {name: getattr(item, name) for name in _ITEM} | {
        "claim": why.claim,
        "because": why.because,
        "why_language": why.language,
        "row_version": line.stored.row_version,
        "first_run": line.stored.first_run,
        "last_run": line.stored.last_run,
        "state": str(line.standing.state),
        "places": line.places,
        "others": [place_words(wording.messages, *other) for other in line.others],
        "groups": {name: item.groups[name] for name in GROUPS if item.groups.get(name)},
        "detectors": sorted({f"{d['name']} {d['version']}" for d in item.detectors}),
        "evidence": [_evidence(entry, wording) for entry in item.evidence],
    }
    question = wording.messages.text("Does this text come from an LLM?")
    instead = _NOT_SHOWN | {"claim": question, "why_language": wording.messages.language}
    shown = {name: is_shown(line.view, "why" if name in _OF_WHY else name) for name in whole}
    return {name: value if shown[name] else instead.get(name) for name, value in whole.items()}


def _evidence(entry: Mapping[str, Any], wording: Wording) -> dict[str, Any]:
    known = {name: entry.get(name) for name in _ENTRY}
    known["words"] = wording.in_words(entry)
    if entry.get("detector") == REFERENCE:
        known |= _match(str(entry.get("value") or ""))
    return known


def _match(value: str) -> dict[str, Any]:
    """``match``: what is known of the reference text; ``there``: offsets of a passage in it."""
    start, dash, end = value.partition("-")
    if dash and start.isdecimal() and end.isdecimal():
        return {"there": [int(start), int(end)]}
    try:
        about = json.loads(value)
    except ValueError:
        return {}
    return {"match": about} if isinstance(about, dict) else {}
