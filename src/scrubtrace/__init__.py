"""scrubtrace: find traces of LLM text in training data, also scrubbed or paraphrased.

Importing the package is cheap; Beam is loaded when a transform is first asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scrubtrace.beam_pipelines.transforms import DetectTraces, TextEvidence
    from scrubtrace.detectors.batch import TextBatch
    from scrubtrace.detectors.detector import Detector
    from scrubtrace.detectors.presidio_adapter import presidio_recognizers
    from scrubtrace.schemas.evidence import Evidence, Span
    from scrubtrace.schemas.vocabulary import Lane, Strength, Use

__all__ = [
    "DetectTraces",
    "Detector",
    "Evidence",
    "Lane",
    "Span",
    "Strength",
    "TextBatch",
    "TextEvidence",
    "Use",
    "presidio_recognizers",
]

_HOMES = {
    "DetectTraces": "scrubtrace.beam_pipelines.transforms",
    "TextEvidence": "scrubtrace.beam_pipelines.transforms",
    "TextBatch": "scrubtrace.detectors.batch",
    "Detector": "scrubtrace.detectors.detector",
    "presidio_recognizers": "scrubtrace.detectors.presidio_adapter",
    "Evidence": "scrubtrace.schemas.evidence",
    "Span": "scrubtrace.schemas.evidence",
    "Lane": "scrubtrace.schemas.vocabulary",
    "Strength": "scrubtrace.schemas.vocabulary",
    "Use": "scrubtrace.schemas.vocabulary",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'scrubtrace' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
