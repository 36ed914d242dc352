"""What was measured of each signature: counts on labelled rows, never any text.

The file is made by ``benchmarks/signature_rates.py`` and holds, for each signature, how many human
and how many LLM rows of its language have an asserted hit, and of how many rows.
"""

import json
from functools import cache
from importlib.resources import files

FILE = "measured.json"

Rates = dict[str, list[int]]


@cache
def measured_rates() -> dict[str, Rates]:
    """By signature id: ``human`` and ``llm``, each [rows with an asserted hit, rows]."""
    entry = files("scrubtrace.detectors") / "signatures" / FILE
    rates: dict[str, Rates] = json.loads(entry.read_text(encoding="utf-8"))["signatures"]
    return rates
