"""`DetectTraces`: scrubtrace's detectors in somebody else's pipeline."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms.window import BoundedWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

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
from scrubtrace.schemas.vocabulary import Abstained

LEAST_BATCH = 16
"""Fewest texts that are judged at once, where there are as many."""

Options = Mapping[str, Mapping[str, Any]]
Stamped = tuple[tuple[Any, Any], Timestamp]
"""A key and its text, and when they happened."""


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

    def process(
        self, element: list[Stamped], window: BoundedWindow = beam.DoFn.WindowParam
    ) -> Iterator[WindowedValue]:
        """One `TextEvidence` a text and detector; each keeps window and timestamp of its text."""
        stamps = [stamp for _, stamp in element]
        for row, found in self.judged([pair for pair, _ in element]):
            yield WindowedValue(found, stamps[row], (window,))

    def judged(self, pairs: Sequence[tuple[Any, Any]]) -> Iterator[tuple[int, TextEvidence]]:
        """What each detector says of each text, with the place of the text."""
        texts = [_text_of(text) for _, text in pairs]
        known = [text or "" for text in texts]
        batch = TextBatch(known, [identify(text) for text in known])
        for detector in self._detectors:
            evidence = detect_each(detector, batch)
            spans: dict[int, list[dict[str, Any]]] = {}
            for found in evidence.found.to_pylist():
                spans.setdefault(found.pop("row"), []).append(found)
            reasons = {r["row"]: r["reason"] for r in evidence.abstained.to_pylist()}
            reasons |= {row: str(Abstained.NOT_TEXT) for row, t in enumerate(texts) if t is None}
            about = (detector.name, detector.version, detector.fingerprint(), str(detector.lane))
            for row, (key, _) in enumerate(pairs):
                said = (spans.get(row, []), reasons.get(row, ""))
                yield row, TextEvidence(key, batch.languages[row], *about, *said)


def _text_of(value: Any) -> str | None:
    """The text that is judged: of null the empty one, of bytes what UTF-8 says; else None."""
    if value is None or isinstance(value, str):
        return value or ""
    if not isinstance(value, bytes):
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def _stamped(element: Any, stamp: Timestamp = beam.DoFn.TimestampParam) -> Stamped:
    if not isinstance(element, tuple) or len(element) != 2:
        length = f" of {len(element)}" if isinstance(element, tuple) else ""
        kind = f"{type(element).__name__}{length}"
        raise TypeError(f"DetectTraces takes tuples (key, text), not {kind}")
    return element, stamp


@dataclasses.dataclass
class DetectTraces(beam.PTransform):
    """Evidence for texts: (key, text) in, one `TextEvidence` a text and detector out.

    The key is yours: it comes back untouched, and so do window and timestamp. Null texts are judged
    as empty ones, bytes as UTF-8; of what is no text, all detectors abstain (``not_text``). What
    flags is up to you; `docs/plug-in.md` shows the rule that ``scrubtrace detect`` applies.

    Parameters
    ----------
    detectors : names of installed detectors; by default all that need no options, or have some.
    options : keyword arguments of the detectors, by detector name.
    max_batch : most texts that are judged at once.

    Raises `DetectorError` when the pipeline is built if an argument is not of this form, a detector
    cannot be made, or options are for one that does not run.
    """

    detectors: Sequence[str] | None = None
    options: Options = dataclasses.field(default_factory=dict)
    max_batch: int = 1024

    def expand(
        self, texts: beam.PCollection[tuple[Any, str | bytes | None]]
    ) -> beam.PCollection[TextEvidence]:
        """Batches the texts and judges each batch."""
        self._check()
        default = set(installed_detectors()) - (NEEDS_OPTIONS - set(self.options))
        names = sorted(default if self.detectors is None else set(self.detectors))
        for name in names:
            make_detector(name, self.options.get(name))
        if idle := sorted(set(self.options) - set(names)):
            raise DetectorError(f"options for detector {idle[0]!r}, which does not run")
        least = min(LEAST_BATCH, self.max_batch)
        detect = beam.ParDo(DetectBatchFn(names, self.options))
        return (
            texts
            | "Keep timestamps" >> beam.Map(_stamped)
            | "Batch texts" >> beam.BatchElements(least, self.max_batch)
            | "Detect" >> detect.with_output_types(TextEvidence)
        )

    def _check(self) -> None:
        names, most = self.detectors, self.max_batch
        if names is not None and (
            isinstance(names, str) or not isinstance(names, Collection) or not names
        ):
            raise DetectorError(f"detectors is a list of names, not {names!r}")
        if not isinstance(self.options, Mapping):
            raise DetectorError("options is a mapping of detector names to keyword arguments")
        if not isinstance(most, int) or most < 1:
            raise DetectorError(f"max_batch is a number of texts, at least 1, not {most!r}")
