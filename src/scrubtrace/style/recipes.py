"""How the model of a language is fitted: which n-grams, how strongly shrunk, how they add up."""

from dataclasses import dataclass, replace
from enum import StrEnum

from scrubtrace.detectors.style.adjustment import KIND
from scrubtrace.detectors.style.ngrams import Counts, Family


class Intercepts(StrEnum):
    """Which differences between sources a fit may explain by the source instead of the text.

    ``none``: no such. ``own``: every source has an intercept, so that only what differs between
    people and models within a source counts, and sources of one class count for nothing. ``pooled``
    is the same, but sources of one class share an intercept: they are compared with each other.
    """

    NONE = "none"
    OWN = "own"
    POOLED = "pooled"


@dataclass(frozen=True)
class Fit:
    """One logistic regression: ``c`` is the inverse strength of its L2 penalty."""

    intercepts: Intercepts
    c: float


@dataclass(frozen=True)
class HeadRecipe:
    """A linear model over n-grams: the sum of fits on the same columns, each scaled to one.

    Without fits it is the mean logarithm of how frequent a text's n-grams are in LLM text, with
    counts as ``share``: LLM text keeps to what is frequent. ``one_sided`` is what a row of a source
    of one label weighs, against 1: such a source cannot tell its topic from its writer.
    """

    name: str
    family: Family
    counts: Counts
    with_idf: bool
    fits: tuple[Fit, ...]
    weight: float
    one_sided: float = 1.0


@dataclass(frozen=True)
class TreesRecipe:
    """Gradient boosting over stylometric measures."""

    trees: int = 250
    leaves: int = 24
    depth: int = 6
    rate: float = 0.06
    least_rows: int = 60
    l2: float = 10.0
    columns: float = 0.3
    weight: float = 1.0


@dataclass(frozen=True)
class Recipe:
    """The parts of a language's model, chosen on held-out sources (`docs/accuracy.md`).

    Texts of fewer than ``least_words`` are not scored, of fewer than ``least_fitted`` not fitted.
    ``adjusted`` are measures of the kind of a text that scores are adjusted for. ``error_slope``
    is what a score loses for each unit of the root of the rate of errors.
    """

    heads: tuple[HeadRecipe, ...]
    trees: TreesRecipe
    least_words: int
    least_fitted: int
    adjusted: tuple[str, ...] = ()
    error_slope: float = 0.0


_POOLED, _OWN = Fit(Intercepts.POOLED, 10.0), Fit(Intercepts.OWN, 10.0)
_FOUR = Family("char", (4,), 20, cased=True)

SPACED = Recipe(
    (
        HeadRecipe("words", Family("word", (1, 2, 3), 21), "sublinear", True, (_POOLED, _OWN), 2.0),
        HeadRecipe("characters", _FOUR, "sublinear", True, (_POOLED,), 1.0),
    ),
    TreesRecipe(weight=2.0),
    least_words=30,
    least_fitted=30,
    adjusted=KIND,
)
"""Languages that put spaces between words."""

ENGLISH = replace(SPACED, error_slope=0.1)
"""English, whose errors are counted. The shipped model as a part loses for them, too."""

_SHORT, _LONG = Family("char", (1, 2, 3), 20), Family("char", (2, 3, 4), 20)
_MILD = tuple(Fit(kind, 100.0) for kind in Intercepts)

UNSPACED = Recipe(
    (
        HeadRecipe("presence", _LONG, "presence", False, _MILD, 1.0, one_sided=0.1),
        HeadRecipe("short", _SHORT, "presence", False, _MILD[:1], 1.0, one_sided=0.1),
        HeadRecipe("typicality", _LONG, "share", False, (), 1.25, one_sided=0.1),
    ),
    TreesRecipe(),
    least_words=35,
    least_fitted=12,
)
"""Chinese and Japanese."""


def recipe_of(language: str) -> Recipe:
    """The recipe of a language."""
    if language == "en":
        return ENGLISH
    return UNSPACED if language in ("zh", "ja") else SPACED
