"""What each detector says of one text, and what the policy makes of it."""

from typing import Any

from scrubtrace.chosen import detector_names, detector_options
from scrubtrace.config import Config
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import detect_each
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.detectors.registry import make_detector
from scrubtrace.policy import judge
from scrubtrace.words import in_words

LEFT, RIGHT = "⟦", "⟧"


def explain(text: str, config: Config, language: str | None = None) -> dict[str, Any]:
    """Everything known of one text, as JSON-able data.

    Keys: flagged, kind, priority, why, language, lanes (per lane: its detectors and whether they
    spoke), evidence (spans in code points), abstentions.
    """
    code = normalise_code(language) if language else identify(text)
    batch = TextBatch([text], [code])
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
        "why": verdict.why if verdict else "no detector found enough",
        "language": code,
        "lanes": lanes,
        "evidence": evidence,
        "abstentions": abstentions,
    }


def explanation(text: str, explained: dict[str, Any]) -> str:
    """The explanation for people; it quotes the text, which the user gave."""
    lines = [
        f"{'FLAGGED for review' if explained['flagged'] else 'not flagged'}: {explained['why']}",
        f"language: {explained['language']}",
    ]
    for entry in sorted(explained["evidence"], key=lambda entry: entry["start"] is None):
        place = "anywhere"
        if entry["start"] is not None:
            phrase = " ".join(text[entry["start"] : entry["end"]].split())
            lines.append(f"  {LEFT}{phrase}{RIGHT} {in_words(entry)}")
            place = f"characters {entry['start']}-{entry['end']}"
        else:
            lines.append(f"  {in_words(entry)}")
        lines.append(f"      {entry['detector']}, {entry['signal']}, {place}")
    lines += [f"{e['detector']} abstains: {e['reason']}" for e in explained["abstentions"]]
    return "\n".join(lines)


def _reason(reason: str, errors: dict[int, str]) -> str:
    return f"{reason} ({errors[0]})" if errors else reason


def _without_row(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "row"}
