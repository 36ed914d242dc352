"""Loading the model of the style lane."""

from scrubtrace.detectors.style.scorer import Scorer
from scrubtrace.schemas.style import StyleError


def load_scorer(model: str | None) -> Scorer:
    """The scorer of a model file, or the shipped one for None; raises `StyleError`."""
    if model is None:
        raise StyleError(
            "no style model is given: name one with --model (detect: --style-model, or "
            "detectors.stylometry.model)"
        )
    raise StyleError(f"{model} cannot be read: this version has no reader of style models")
