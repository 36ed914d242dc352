"""How the shipped English model is fitted, chosen on held-out sources."""

from dataclasses import replace

from scrubtrace.style.recipes import ENGLISH, Fit, HeadRecipe, Intercepts, TreesRecipe

_WORDS, _CHARACTERS = ENGLISH.heads
_TYPICALITY = HeadRecipe("typicality", _WORDS.family, "share", False, (), 0.5)
_PRESENCE = HeadRecipe(
    "presence", _CHARACTERS.family, "presence", False, (Fit(Intercepts.NONE, 1.0),), 1.0
)

RECIPE = replace(
    ENGLISH,
    heads=(_WORDS, _TYPICALITY, _CHARACTERS, _PRESENCE),
    trees=TreesRecipe(weight=1.5),
    adjusted=(),
    error_slope=0.3,
)
"""As for English; and how frequent runs of words are in LLM text on the whole, and which runs of
characters are present at all. A model with this one as a part needs neither. Scores are not
adjusted for the kind of a text, because only two sources of open rows have both labels to learn it
from, and lose more for errors, of which the open human rows have few to learn from."""
