"""Our redaction artifacts in anybody's Presidio: recognizers for an ``AnalyzerEngine``.

    engine.registry.add_recognizer(recognizer) for each of presidio_recognizers(["en", "de"])

Artifacts are matched by RE2 on normalised text, not by Presidio's patterns: the offsets of the
results are those of the original text.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.redaction import Redaction
from scrubtrace.schemas.vocabulary import Strength, Use

if TYPE_CHECKING:
    from presidio_analyzer import EntityRecognizer

ENTITY = "REDACTION_ARTIFACT"
NAME = "ScrubtraceRedactionRecognizer"

SCORES = {Strength.PROOF: 0.95, Strength.STRONG: 0.6, Strength.WEAK: 0.2}
"""Presidio's scores of our strengths; what a text only mentions gets the lowest."""


def presidio_recognizers(
    languages: Sequence[str] = ("en",), detector: Redaction | None = None
) -> "list[EntityRecognizer]":
    """One recognizer a language for the entity ``REDACTION_ARTIFACT``.

    Parameters
    ----------
    languages : codes of the languages of the engine.
    detector : the detector to use; by default as shipped, without its second stage.

    A result's ``analysis_explanation`` has the signal as its pattern name and says in words what
    was found. Raises ImportError without presidio-analyzer.
    """
    detector = detector or Redaction(residual_pii=False, look_at_sentences=False)
    recognizer = _recognizer_class()
    return [recognizer(language, detector) for language in languages]


def _recognizer_class() -> Any:
    from presidio_analyzer import AnalysisExplanation, EntityRecognizer, RecognizerResult

    class ScrubtraceRedactionRecognizer(EntityRecognizer):
        def __init__(self, language: str, detector: Redaction) -> None:
            self._detector = detector
            super().__init__([ENTITY], name=NAME, supported_language=language)

        def load(self) -> None:
            self._detector.setup()

        def analyze(
            self, text: str, entities: list[str], nlp_artifacts: Any = None
        ) -> list[RecognizerResult]:
            if entities and ENTITY not in entities:
                return []
            batch = TextBatch([text], [self.supported_language])
            found = self._detector.detect(batch).found.to_pylist()
            results = [self._result(e) for e in found if e["start"] is not None]
            return self.remove_duplicates(results)

        def _result(self, entry: dict[str, Any]) -> RecognizerResult:
            strength = Strength(entry["strength"])
            score = SCORES[strength if entry["use"] == Use.ASSERTED else Strength.WEAK]
            explanation = AnalysisExplanation(
                NAME,
                score,
                pattern_name=entry["signal"],
                textual_explanation=f"{entry['category']}, {strength}, {entry['use']}",
            )
            return RecognizerResult(ENTITY, entry["start"], entry["end"], score, explanation)

    return ScrubtraceRedactionRecognizer
