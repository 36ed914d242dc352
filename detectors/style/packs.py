"""Style models as files: one ``.npz`` without pickle, what it says of itself inside as JSON."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.style.adjustment import Adjustment
from scrubtrace.detectors.style.archive import archive_arrays, archive_bytes
from scrubtrace.detectors.style.features import measures
from scrubtrace.detectors.style.heads import Head
from scrubtrace.detectors.style.model import SHARES, LanguageModel, StyleModel
from scrubtrace.detectors.style.ngrams import Family
from scrubtrace.detectors.style.trees import Trees
from scrubtrace.schemas.style import StyleError

FORMAT = 1
ABOUT = "about"
HUMAN_ROWS = "human_rows"
MAKE = "make it again with scrubtrace style train"
_OF_MODEL = ("centres", "scales", "weights", "human_scores", "human_measures", "llm_medians")
_OF_TREES = ("roots", "feature", "threshold", "left", "right", "value")

LEAST_SCALE = 1e-9
"""Of each part, and of all weights together; training gives no smaller one."""

LONGEST = 64
"""Most characters or tokens of an n-gram; training takes four."""

Arrays = dict[str, npt.NDArray[Any]]


def model_bytes(
    models: Mapping[str, LanguageModel],
    about: Mapping[str, object],
    human_rows: Iterable[int] = (),
) -> bytes:
    """The content of a model file; equal for equal models.

    ``about`` is for people, ``human_rows`` are `row_number` of the human rows it was fitted on.
    """
    arrays: Arrays = {}
    described: dict[str, Any] = {}
    for language, model in sorted(models.items()):
        described[language] = _added(arrays, language, model)
    content = {"format": FORMAT, "models": described, "about": dict(about)}
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    if rows := sorted(set(human_rows)):
        arrays[HUMAN_ROWS] = np.array(rows, np.uint32)
    return archive_bytes({ABOUT: np.frombuffer(text.encode(), np.uint8), **arrays})


def row_number(text: str) -> int:
    """32 bits of the SHA-256 digest of a text, by which a model knows the rows it was fitted on.

    Runs of white space count as one space, and none at the ends.
    """
    plain = " ".join(text.split()).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(plain).digest()[:4], "big")


def read_model(path: str) -> StyleModel:
    """The model in a file; raises `StyleError` that names it."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StyleError(f"style model {path} cannot be read: {error.strerror}") from None
    return model_of(content, path)


def model_of(content: bytes, name: str) -> StyleModel:
    """The model of a file's content; raises `StyleError` if it is damaged or of another version."""
    try:
        arrays = archive_arrays(content)
        if ABOUT not in arrays:
            raise StyleError("is no style model")
        about = json.loads(arrays[ABOUT].tobytes())
        if about["format"] != FORMAT:
            raise StyleError(f"has format {about['format']!r}, this version reads {FORMAT}")
        models = {
            language: _model(language, described, arrays, language)
            for language, described in about["models"].items()
        }
        told = dict(about["about"])
        numbers = arrays.get(HUMAN_ROWS, np.empty(0, np.uint32))
        if numbers.dtype != np.uint32 or numbers.ndim != 1:
            raise StyleError("is wrong: the numbers of its human rows are no such numbers")
        rows = frozenset(numbers.tolist())
    except StyleError as error:
        raise StyleError(f"style model {name} {error}; {MAKE}") from None
    except Exception:  # whatever zip, deflate and numpy raise on damaged bytes
        raise StyleError(f"style model {name} is damaged or cut off; {MAKE}") from None
    return StyleModel(models, hashlib.sha256(content).hexdigest()[:16], told, rows)


def _added(arrays: Arrays, prefix: str, model: LanguageModel) -> dict[str, Any]:
    """Adds the arrays of a model and of its base; gives what else there is to know of it."""
    for name in _OF_MODEL:
        arrays[f"{prefix}.{name}"] = getattr(model, name)
    for name in _OF_TREES:
        arrays[f"{prefix}.trees.{name}"] = getattr(model.trees, name)
    for number, head in enumerate(model.heads):
        arrays[f"{prefix}.{number}.table"] = head.table
        if head.idf is not None:
            arrays[f"{prefix}.{number}.idf"] = head.idf
    more: dict[str, Any] = {}
    if model.base is not None:
        more["base"] = _added(arrays, f"{prefix}.base", model.base)
    if model.adjustment is not None:
        more["adjustment"] = dict(zip(model.adjustment.names, model.adjustment.slopes, strict=True))
    return {
        "least_words": model.least_words,
        "depth": model.trees.depth,
        "measures": [entry.name for entry in measures(model.language)],
        "heads": [_described(head) for head in model.heads],
    } | more


def _described(head: Head) -> dict[str, Any]:
    family = head.family
    return {
        "unit": family.unit,
        "orders": list(family.orders),
        "bits": family.bits,
        "cased": family.cased,
        "counts": head.counts,
        "step": head.step,
        "idf_step": head.idf_step,
    }


def _model(
    language: str, described: Mapping[str, Any], arrays: Arrays, prefix: str
) -> LanguageModel:
    """The model of a language; raises `StyleError` for one whose scores would be no numbers."""
    try:
        model = _made(language, described, arrays, prefix)
        _check(model)
    except StyleError:
        raise
    except ValueError as error:
        raise StyleError(f"is wrong: {error}") from None
    return model


def _made(
    language: str, described: Mapping[str, Any], arrays: Arrays, prefix: str
) -> LanguageModel:
    if described["measures"] != [entry.name for entry in measures(language)]:
        raise StyleError("rests on other stylometric measures than this version has")
    heads = tuple(
        _head(entry, arrays[f"{prefix}.{number}.table"], arrays.get(f"{prefix}.{number}.idf"))
        for number, entry in enumerate(described["heads"])
    )
    of_trees = {name: arrays[f"{prefix}.trees.{name}"] for name in _OF_TREES}
    trees = Trees(**of_trees, depth=described["depth"])
    own = {name: arrays[f"{prefix}.{name}"] for name in _OF_MODEL}
    base = None
    if "base" in described:
        base = _model(language, described["base"], arrays, f"{prefix}.base")
        if base.base is not None:
            raise StyleError("has a base with a base")
    slopes = described.get("adjustment", {})
    if not set(slopes) <= set(described["measures"]):
        raise StyleError("is adjusted for measures that it does not have")
    adjustment = Adjustment(tuple(slopes), tuple(slopes.values())) if slopes else None
    return LanguageModel(
        language, described["least_words"], heads, trees, **own, base=base, adjustment=adjustment
    )


def _head(
    entry: Mapping[str, Any], table: npt.NDArray[np.int8], idf: npt.NDArray[np.uint8] | None
) -> Head:
    orders, bits, cased = tuple(entry["orders"]), entry["bits"], entry["cased"]
    if any(type(number) is not int or number > LONGEST for number in (*orders, bits)):
        raise ValueError(f"orders and bits are no whole numbers up to {LONGEST}")
    if type(cased) is not bool:
        raise ValueError(f"cased is {cased!r}, neither true nor false")
    family = Family(entry["unit"], orders, bits, cased)
    return Head(family, entry["counts"], table, entry["step"], idf, entry["idf_step"])


def _check(model: LanguageModel) -> None:
    """Raises ValueError for values with which no text, or not every text, has a finite score."""
    for name in _OF_MODEL:
        values = getattr(model, name)
        if not np.issubdtype(values.dtype, np.floating) or not np.isfinite(values).all():
            raise ValueError(f"{name} are no finite numbers")
    parts = len(model.heads) + 1 + (model.base is not None)
    if any(getattr(model, name).shape != (parts,) for name in ("centres", "scales", "weights")):
        raise StyleError("has parts without a scale")
    if model.scales.min() < LEAST_SCALE or model.weights.sum() < LEAST_SCALE:
        raise ValueError(f"a scale, or the sum of the weights, is less than {LEAST_SCALE:g}")
    if type(model.least_words) is not int or model.least_words < 0:
        raise ValueError(f"least_words are {model.least_words!r}, no number of words")
    if model.human_scores.ndim != 1 or (np.diff(model.human_scores) < 0).any():
        raise ValueError("human_scores do not rise")
    columns = len(measures(model.language))
    if model.human_measures.shape != (len(SHARES), columns):
        raise ValueError(f"human_measures are not {len(SHARES)} quantiles of {columns} measures")
    if model.llm_medians.shape != (columns,):
        raise ValueError(f"llm_medians are not of {columns} measures")
    if not 0 <= model.trees.feature.min(initial=0) <= model.trees.feature.max(initial=0) < columns:
        raise ValueError(f"the trees name columns that are none of {columns} measures")
