"""How the shipped English model is fitted, chosen on held-out sources."""

from dataclasses import replace

from scrubtrace.style.recipes import SPACED, Fit, Intercepts

_WORDS, _CHARACTERS, _PRESENCE = SPACED.heads
_MILD = replace(_PRESENCE, fits=(Fit(Intercepts.NONE, 1.0),))

RECIPE = replace(SPACED, heads=(_WORDS, _CHARACTERS, _MILD))
"""As for languages with spaces, but the presence of runs of characters is shrunk less."""
