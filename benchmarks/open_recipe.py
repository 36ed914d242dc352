"""How the shipped English model is fitted, chosen on held-out sources (``open_pack_transfer.py``)."""

from dataclasses import replace

from scrubtrace.style.recipes import SPACED, Fit, Intercepts, Recipe

_WORDS, _CHARACTERS, _PRESENCE = SPACED.heads

RECIPE = Recipe(
    (
        _WORDS,
        replace(_CHARACTERS, weight=1.5),
        replace(_PRESENCE, fits=(Fit(Intercepts.NONE, 1.0),)),
    ),
    replace(SPACED.trees, weight=2.0),
    SPACED.least_words,
)
"""As for languages with spaces, but presence is shrunk less and trees weigh more."""
