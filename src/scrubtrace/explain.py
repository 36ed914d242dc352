"""What each detector says of one text, and what the policy makes of it."""

from typing import Any

from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import detect_each
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.registry import make_detector
from scrubtrace.messages import ENGLISH, Messages
from scrubtrace.policy import Verdict, judge
from scrubtrace.why import said_again
from scrubtrace.words import in_words

LEFT, RIGHT = "⟦", "⟧"


def explain(
    text: str,
    config: Config,
    language: str | None = None,
    messages: Messages = ENGLISH,
    source: str | None = None,
) -> dict[str, Any]:
    """Everything known of one text, as JSON-able data.

    ``source`` is where the text is from, as a scan knows it from its group column: style ranks it
    among the human rows of that source. ``why`` is in the language of the messages; codes are the
    same in every language.
    Keys: flagged, kind, priority, why, language, lanes (per lane: its detectors and whether they
    spoke), evidence (spans in code points), abstentions.
    """
    code = normalise_code(language) if language else identify(text)
    batch = TextBatch([text], [code], sources=[source or None])
    evidence: list[dict[str, Any]] = []
    abstentions: list[dict[str, str]] = []
    lanes: dict[str, dict[str, str]] = {}
    for name in detector_names(config):
        detector = make_detector(name, detector_options(config, name))
        errors: dict[int, str] = {}
        found = detect_each(detector, batch, errors.__setitem__)
        spans = [{"detector": name} | _without_row(row) for row in found.found.to_pylist()]
        reasons = [_reason(row["reason"], errors) for row in found.abstained.to_pylist()]
        evidence += spans
        abstentions += [{"detector": name, "reason": reason} for reason in reasons]
        said = "abstains: " + reasons[0] if reasons else f"{len(spans)} pieces of evidence"
        lanes.setdefault(str(detector.lane), {})[name] = said
    verdict = judge(evidence, config.policy)
    return {
        "flagged": verdict is not None and verdict.flagged,
        "kind": verdict.kind if verdict else None,
        "priority": verdict.priority if verdict else None,
        "why": _why(verdict, evidence, messages),
        "language": code,
        "lanes": lanes,
        "evidence": evidence,
        "abstentions": abstentions,
    }


def explanation(text: str, explained: dict[str, Any], messages: Messages = ENGLISH) -> str:
    """The explanation for people; it quotes the text, which the user gave."""
    why = explained["why"]
    lines = [
        messages.text("FLAGGED for review: {why}", why=why)
        if explained["flagged"]
        else messages.text("not flagged: {why}", why=why),
        messages.text("language: {language}", language=explained["language"]),
    ]
    for entry in sorted(explained["evidence"], key=lambda entry: entry["start"] is None):
        start, end = entry["start"], entry["end"]
        words = in_words(entry, messages)
        if start is None:
            place = messages.text("anywhere")
            lines.append(f"  {words}")
        else:
            place = messages.text("characters {start}-{end}", start=start, end=end)
            phrase = " ".join(text[start:end].split())
            lines.append(f"  {LEFT}{phrase}{RIGHT} {words}")
        parts = [entry["detector"], entry["signal"], place]
        lines.append(f"      {messages.joined(parts, '{before}, {after}')}")
    lines += [messages.text("{detector} abstains: {reason}", **e) for e in explained["abstentions"]]
    return "\n".join(lines)


def _why(verdict: Verdict | None, evidence: list[dict[str, Any]], messages: Messages) -> str:
    if verdict is None:
        return messages.text("no detector found enough")
    return said_again(verdict.kind, verdict.why, evidence, messages).whole


def _reason(reason: str, errors: dict[int, str]) -> str:
    return f"{reason} ({errors[0]})" if errors else reason


def _without_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "row"}
