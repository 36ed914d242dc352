"""What the installed detectors and the shipped policy say of texts, for the other benchmarks."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from scrubtrace.config import PolicySection
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import Detector
from scrubtrace.detectors.registry import NEEDS_OPTIONS, installed_detectors, make_detector
from scrubtrace.policy import judge
from scrubtrace.schemas.vocabulary import Use

SHIPPED = PolicySection()
UNGUARDED = PolicySection(count_mentions=True)

EvidenceRow = dict[str, Any]


@cache
def detectors() -> tuple[Detector, ...]:
    """Every installed detector that needs no options, made and set up once a process."""
    names = sorted(installed_detectors().keys() - NEEDS_OPTIONS)
    made = tuple(make_detector(name) for name in names)
    for detector in made:
        detector.setup()
    return made


def evidence_of(texts: Sequence[str], languages: Sequence[str]) -> list[list[EvidenceRow]]:
    """The evidence of all detectors, a list a text."""
    batch = TextBatch(texts, languages)
    found: list[list[EvidenceRow]] = [[] for _ in texts]
    for detector in detectors():
        for entry in detector.detect(batch).found.to_pylist():
            found[entry.pop("row")].append(entry | {"detector": detector.name})
    return found


def flagged_kind(evidence: list[EvidenceRow], policy: PolicySection = SHIPPED) -> str | None:
    """The kind that flags a text, or None."""
    verdict = judge(evidence, policy)
    return str(verdict.kind) if verdict is not None and verdict.flagged else None


def reported_kind(evidence: list[EvidenceRow]) -> str | None:
    """The kind that is reported of a text that does not flag, or None."""
    verdict = judge(evidence, SHIPPED)
    return str(verdict.kind) if verdict is not None and not verdict.flagged else None


def asserted(evidence: list[EvidenceRow]) -> list[EvidenceRow]:
    """The evidence that the text says itself."""
    return [entry for entry in evidence if entry["use"] == Use.ASSERTED]
