"""Tasks for Label Studio, and the configuration of its page.

``data`` is what the page shows, ``predictions`` hold spans with half-open offsets into the text of
the task. The offsets are code points, as everywhere here; where a browser counts UTF-16 units,
they differ in texts with characters beyond the Basic Multilingual Plane. Each span has its words,
too, and decisions do not depend on offsets. No running server was asked.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from scrubtrace.review.lines import ExportLine
from scrubtrace.review.views import is_shown
from scrubtrace.review.wording import Wording
from scrubtrace.schemas.review import REASONS, Decision
from scrubtrace.schemas.vocabulary import Strength, Use

EVIDENCE, TEXT, DECISION, REASON, COMMENT = "evidence", "text", "decision", "reason", "comment"
"""Names of the tags of the configuration."""

MENTIONED = "mentioned"
"""Label of evidence that the text only mentions; the others are the strengths."""

_DATA = ("item_key", "kind", "why", "language", "priority", "dataset", "shard", "row_index",
         "row_id", "turn")  # fmt: skip


def task_of(line: ExportLine, wording: Wording) -> dict[str, Any]:
    """The task of a line, with what its view shows; without evidence there is no prediction."""
    item = line.item
    data = {name: getattr(item, name) for name in _DATA if is_shown(line.view, name)}
    shown = {name: value for name, value in data.items() if value is not None}
    # The configuration shows `why`, so that every task has it.
    why = wording.why(item).whole if "why" in data else ""
    always = {"why": why, "row_version": line.stored.row_version}
    task: dict[str, Any] = {"data": shown | always | {TEXT: item.snippet}}
    if spans := list(_spans(line, wording)):
        task["predictions"] = [{"model_version": "scrubtrace", "result": spans}]
    return task


def _spans(line: ExportLine, wording: Wording) -> Iterator[dict[str, Any]]:
    item = line.item
    for number, entry in enumerate(item.evidence):
        if entry["start"] is None:
            continue
        start = max(0, entry["start"] - item.snippet_start)
        end = min(len(item.snippet), entry["end"] - item.snippet_start)
        if start < end:
            value = {
                "start": start,
                "end": end,
                TEXT: item.snippet[start:end],
                "labels": [_label(entry)],
            }
            named = {"from_name": EVIDENCE, "to_name": TEXT, "type": "labels"}
            about = {
                "text": [f"{wording.in_words(entry)} ({entry['detector']}, {entry['signal']})"]
            }
            yield {"id": f"e{number}", **named, "value": value, "meta": about}


def _label(entry: Mapping[str, Any]) -> str:
    return str(entry["strength"]) if entry["use"] == Use.ASSERTED else MENTIONED


def write_config(path: Path) -> None:
    """The labeling configuration, to be pasted into a project's settings; raises OSError."""
    path.write_text(labeling_config(), encoding="utf-8")


def labeling_config() -> str:
    """The page of a task: the reasons, the text with its evidence, the decision and its reason."""
    lines = [
        "<View>",
        '  <Header value="$why"/>',
        f'  <Labels name="{EVIDENCE}" toName="{TEXT}">',
        *(f'    <Label value="{label}"/>' for label in (*Strength, MENTIONED)),
        "  </Labels>",
        f'  <Text name="{TEXT}" value="${TEXT}"/>',
        f'  <Choices name="{DECISION}" toName="{TEXT}" choice="single" showInline="true">',
        *(f'    <Choice value="{decision}"/>' for decision in REASONS),
        "  </Choices>",
        *(line for decision in REASONS for line in _reasons(decision)),
        f'  <TextArea name="{COMMENT}" toName="{TEXT}" rows="2" maxSubmissions="1"/>',
        "</View>",
    ]
    return "\n".join(lines) + "\n"


def _reasons(decision: Decision) -> Iterator[str]:
    """Choices of the reasons of one decision, which appear once it is chosen."""
    when = f'visibleWhen="choice-selected" whenTagName="{DECISION}" whenChoiceValue="{decision}"'
    yield f'  <Choices name="{REASON}_{decision}" toName="{TEXT}" choice="single" {when}>'
    for code, words in REASONS[decision].items():
        yield f'    <Choice value="{code}" hint={quoteattr(words)}/>'
    yield "  </Choices>"
