"""What is told of the controls that an export mixed in."""

from collections.abc import Mapping
from typing import Any

from scrubtrace import log


def controls_in_words(controls: Mapping[Any, int]) -> str:
    """How many controls there are, for whoever makes the file; the file does not say."""
    counts = ", ".join(f"{number:,} {origin}" for origin, number in sorted(controls.items()))
    return f", of them {sum(controls.values()):,} controls ({counts})" if counts else ""


def tell_one_origin(controls: Mapping[Any, int]) -> None:
    """Warns where controls are of one origin: who says the same of all lines looks perfect."""
    if len(controls) == 1:
        (origin,) = controls
        other, unknown = ("human", "specificity") if origin == "llm" else ("llm", "sensitivity")
        log.tell(
            "controls_of_one_origin",
            f"scrubtrace: all controls are of origin {origin}: {unknown} will not be measured, and "
            f"who says the same of every line makes no mistake; add {other} texts that are like "
            "these lines (`scrubtrace review controls add`), or export with --blind",
            "warning",
            origin=str(origin),
        )
