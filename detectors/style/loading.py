"""Loading the model of the style lane: a user's, or the shipped one, which knows English only."""

from functools import cache
from importlib.resources import files

from scrubtrace.detectors.style.model import StyleModel
from scrubtrace.detectors.style.packs import model_of, read_model
from scrubtrace.detectors.style.scorer import Scorer
from scrubtrace.schemas.style import StyleError

SHIPPED = "packs/style.npz"


def load_scorer(model: str | None) -> Scorer:
    """The scorer of a model file, or the shipped one for None; raises `StyleError`."""
    return read_model(model) if model is not None else shipped()


@cache
def shipped() -> StyleModel:
    """The shipped model; raises `StyleError` if it is not in this installation."""
    file = files("scrubtrace.detectors.style").joinpath(SHIPPED)
    if not file.is_file():
        raise StyleError(
            "no style model is given, and the shipped one (English) is not in this installation: "
            "install scrubtrace again, or make a model with scrubtrace style train, and name it "
            "with --model (detect: --style-model, or detectors.stylometry.model)"
        )
    return model_of(file.read_bytes(), "shipped")
