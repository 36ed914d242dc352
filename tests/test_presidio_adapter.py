"""Our artifacts in somebody else's AnalyzerEngine."""

from typing import Any

import pytest
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine
from presidio_analyzer.predefined_recognizers import IpRecognizer

from scrubtrace import presidio_recognizers
from scrubtrace.detectors.presidio_adapter import ENTITY
from scrubtrace.detectors.redaction import Redaction

LANGUAGES = ["en", "zh"]


@pytest.fixture(scope="module")
def engine() -> AnalyzerEngine:
    nlp = NoOpNlpEngine([{"lang_code": code, "model_name": "none"} for code in LANGUAGES])
    nlp.load()
    recognizers = [IpRecognizer(), *presidio_recognizers(LANGUAGES)]
    registry = RecognizerRegistry(recognizers=recognizers, supported_languages=LANGUAGES)
    return AnalyzerEngine(registry=registry, nlp_engine=nlp, supported_languages=LANGUAGES)


def found(engine: AnalyzerEngine, text: str, language: str = "en", **more: Any) -> list[Any]:
    results = engine.analyze(text, language, **more)
    return sorted((text[r.start : r.end], r.entity_type, r.score) for r in results)


def test_artifacts_stand_beside_other_entities(engine: AnalyzerEngine) -> None:
    assert found(engine, "Ask <PERSON> at 8.8.8.8 or [REDACTED_PERSON_1].") == [
        ("8.8.8.8", "IP_ADDRESS", 0.6),
        ("<PERSON>", ENTITY, 0.6),
        ("[REDACTED_PERSON_1]", ENTITY, 0.95),
    ]


def test_offsets_are_those_of_the_original_text(engine: AnalyzerEngine) -> None:
    text = "语\u200b言 电话138****4471，打来吧"
    assert found(engine, text, "zh", score_threshold=0.5) == [("138****4471", ENTITY, 0.95)]


@pytest.mark.parametrize(("entities", "count"), [([ENTITY], 1), (["IP_ADDRESS"], 1), (None, 2)])
def test_entities_can_be_chosen(
    engine: AnalyzerEngine, entities: list[str] | None, count: int
) -> None:
    assert len(found(engine, "Ask <PERSON> at 8.8.8.8.", entities=entities)) == count


def test_what_a_text_only_mentions_scores_low(engine: AnalyzerEngine) -> None:
    text = "Names are replaced with <EMAIL_ADDRESS> by the tool."
    assert found(engine, text) == [("<EMAIL_ADDRESS>", ENTITY, 0.2)]
    assert found(engine, text, score_threshold=0.5) == []


def test_the_explanation_names_the_signature(engine: AnalyzerEngine) -> None:
    (result,) = engine.analyze("Ask <PERSON>.", "en", return_decision_process=True)
    explanation = result.analysis_explanation
    assert explanation.pattern_name == "any.placeholder.presidio_word"
    assert explanation.textual_explanation == "placeholder, strong, asserted"


def test_a_detector_of_ones_own() -> None:
    off = Redaction(residual_pii=False, off=["any.placeholder.presidio_word"])
    (recognizer,) = presidio_recognizers(["en"], off)
    assert recognizer.analyze("Ask <PERSON>.", [ENTITY], None) == []
