"""How the shipped English model is fitted, chosen on held-out sources."""

from dataclasses import replace

from scrubtrace.style.recipes import SPACED, Fit, HeadRecipe, Intercepts, TreesRecipe

_WORDS, _TYPICALITY, _CHARACTERS = SPACED.heads
_PRESENCE = HeadRecipe(
    "presence", _CHARACTERS.family, "presence", False, (Fit(Intercepts.NONE, 1.0),), 1.0
)

RECIPE = replace(
    SPACED, heads=(_WORDS, _TYPICALITY, _CHARACTERS, _PRESENCE), trees=TreesRecipe(weight=1.5)
)
"""As for languages with spaces, and which runs of characters are present at all."""
