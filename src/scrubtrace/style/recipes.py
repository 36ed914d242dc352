"""How the model of a language is fitted: which n-grams, how strongly shrunk, how they add up."""

from dataclasses import dataclass
from enum import StrEnum

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
    counts as ``share``: LLM text keeps to what is frequent.
    """

    name: str
    family: Family
    counts: Counts
    with_idf: bool
    fits: tuple[Fit, ...]
    weight: float


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
    weight: float = 1.5


@dataclass(frozen=True)
class Recipe:
    """The parts of a language's model, chosen on held-out sources (`docs/accuracy.md`).

    Texts of fewer than ``least_words`` are not scored, of fewer than ``least_fitted`` not fitted.
    """

    heads: tuple[HeadRecipe, ...]
    trees: TreesRecipe
    least_words: int
    least_fitted: int


_POOLED, _OWN = Fit(Intercepts.POOLED, 10.0), Fit(Intercepts.OWN, 10.0)
_FOUR = Family("char", (4,), 20, cased=True)

SPACED = Recipe(
    (
        HeadRecipe("words", Family("word", (1, 2, 3), 21), "sublinear", True, (_POOLED, _OWN), 2.0),
        HeadRecipe("characters", _FOUR, "sublinear", True, (_POOLED,), 1.0),
        HeadRecipe("presence", _FOUR, "presence", False, (Fit(Intercepts.NONE, 0.03),), 1.0),
    ),
    TreesRecipe(),
    least_words=30,
    least_fitted=30,
)
"""Languages that put spaces between words."""

_TWO_TO_FOUR = Family("char", (2, 3, 4), 20)

UNSPACED = Recipe(
    (
        HeadRecipe("presence", _TWO_TO_FOUR, "presence", False,
                   (_POOLED, Fit(Intercepts.NONE, 20.0)), 2.0),
        HeadRecipe("typicality", _TWO_TO_FOUR, "share", False, (), 0.5),
    ),
    TreesRecipe(weight=0.5),
    least_words=35,
    least_fitted=12,
)  # fmt: skip
"""Chinese and Japanese."""


def recipe_of(language: str) -> Recipe:
    """The recipe of a language."""
    return UNSPACED if language in ("zh", "ja") else SPACED
