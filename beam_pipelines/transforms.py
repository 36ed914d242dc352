"""`DetectTraces`: scrubtrace's detectors in somebody else's pipeline."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.detector import detect_each
from scrubtrace.detectors.language import identify
from scrubtrace.detectors.registry import (
    NEEDS_OPTIONS,
    DetectorError,
    find_detector,
    installed_detectors,
    make_detector,
)

LEAST_BATCH = 16
"""Fewest texts that are judged at once, where there are as many."""

Options = Mapping[str, Mapping[str, Any]]


class TextEvidence(NamedTuple):
    """What one detector says of one text.

    ``evidence`` has a mapping a span: signal, category, strength, use, start, end, score;
    offsets are code points of the text, half open. ``abstained`` is the reason why the detector
    does not speak, empty if it does: no evidence and no reason means that it found nothing.
    """

    key: Any
    language: str
    detector: str
    version: str
    fingerprint: str
    lane: str
    evidence: list[dict[str, Any]]
    abstained: str


class DetectBatchFn(beam.DoFn):
    """Runs detectors on a batch of (key, text); the detectors are made once a process."""

    def __init__(self, detectors: Sequence[str], options: Options) -> None:
        self._names = detectors
        self._options = options

    def setup(self) -> None:
        """Makes the detectors and loads what they need."""
        self._detectors = []
        for name in self._names:
            installed = find_detector(name)
            detector = installed.make(self._options.get(name))
            installed.set_up(detector)
            self._detectors.append(detector)

    def process(self, element: list[tuple[Any, str | None]]) -> Iterator[TextEvidence]:
        """One `TextEvidence` a text and detector, in the order of the batch."""
        texts = [text or "" for _, text in element]
        batch = TextBatch(texts, [identify(text) for text in texts])
        for detector in self._detectors:
            evidence = detect_each(detector, batch)
            spans: dict[int, list[dict[str, Any]]] = {}
            for found in evidence.found.to_pylist():
                spans.setdefault(found.pop("row"), []).append(found)
            reasons = {r["row"]: r["reason"] for r in evidence.abstained.to_pylist()}
            about = (detector.name, detector.version, detector.fingerprint(), str(detector.lane))
            for row, (key, _) in enumerate(element):
                language = batch.languages[row]
                yield TextEvidence(key, language, *about, spans.get(row, []), reasons.get(row, ""))


@dataclasses.dataclass
class DetectTraces(beam.PTransform):
    """Evidence for texts: (key, text) in, one `TextEvidence` a text and detector out.

    The key is yours: it comes back untouched. Null texts are judged as empty ones. What flags is
    up to you; `docs/plug-in.md` shows the rule that ``scrubtrace detect`` applies.

    Parameters
    ----------
    detectors : names of installed detectors; by default all that need no options, or have some.
    options : keyword arguments of the detectors, by detector name.
    max_batch : most texts that are judged at once.

    Raises `DetectorError` when the pipeline is built if a detector cannot be made, or options are
    for one that does not run.
    """

    detectors: Sequence[str] | None = None
    options: Options = dataclasses.field(default_factory=dict)
    max_batch: int = 1024

    def expand(
        self, texts: beam.PCollection[tuple[Any, str | None]]
    ) -> beam.PCollection[TextEvidence]:
        """Batches the texts and judges each batch."""
        default = set(installed_detectors()) - (NEEDS_OPTIONS - set(self.options))
        names = sorted(default if self.detectors is None else set(self.detectors))
        for name in names:
            make_detector(name, self.options.get(name))
        if idle := sorted(set(self.options) - set(names)):
            raise DetectorError(f"options for detector {idle[0]!r}, which does not run")
        least = min(LEAST_BATCH, self.max_batch)
        return (
            texts
            | "Batch texts" >> beam.BatchElements(least, self.max_batch)
            | "Detect" >> beam.ParDo(DetectBatchFn(names, self.options))
        )
