"""What reviewers see of a line: everything, or only what gives no control and no verdict away.

A view names what is shown, not what is hidden, so that a new column is hidden until somebody has
thought about it.
"""

from dataclasses import replace
from enum import StrEnum

from scrubtrace.review.assigning import fraction_of
from scrubtrace.schemas.review import DECISION_COLUMNS, ReviewItem

EXCERPT_SHARE = 0.8
"""Share of a snippet that a blind export shows, of a text that is longer than its snippet."""


class View(StrEnum):
    """How much of a line is shown.

    ``PLACELESS`` leaves out where a text is and what became of it, which controls do not have.
    ``UNFLAGGED`` is the same of a line without evidence. ``BLIND`` leaves out the evidence, and
    that there is any.
    """

    WHOLE = "whole"
    PLACELESS = "placeless"
    UNFLAGGED = "unflagged"
    BLIND = "blind"


_TEXT = {"item_key", "row_version", *DECISION_COLUMNS, "snippet", "language", "text_chars",
         "snippet_start"}  # fmt: skip
_EVIDENCE = {"priority", "why", "signals", "evidence", "evidence_fingerprint", "spans_left_out"}
_SHOWN = {
    View.PLACELESS: _TEXT | _EVIDENCE | {"kind", "flagged"},
    View.UNFLAGGED: _TEXT | {"kind", "flagged"},
    View.BLIND: _TEXT,
}


def is_shown(view: View, name: str) -> bool:
    """Whether a view shows the column or field of that name."""
    return view == View.WHOLE or name in _SHOWN[view]


def seen(item: ReviewItem, view: View) -> ReviewItem:
    """The item as a view shows it: without evidence, and as a part of its snippet, if need be."""
    if view not in (View.UNFLAGGED, View.BLIND):
        return item
    without = replace(item, evidence=[], spans_left_out=0)
    return without if view == View.UNFLAGGED else _excerpt(without)


def _excerpt(item: ReviewItem) -> ReviewItem:
    """The item with a part of its snippet, if its text is longer.

    A snippet stands around the evidence if there is any, and at the beginning of the text if not.
    So the part begins within a sentence, at a place that depends on the key alone, and its place in
    the text is given as 1. The evidence, at two fifths of a snippet, is not cut off as a rule.
    """
    snippet = item.snippet
    if len(snippet) >= item.text_chars:
        return item
    length = int(len(snippet) * EXCERPT_SHARE)
    spare = max(1, len(snippet) - length)
    first = 1 + int(fraction_of(f"excerpt\0{item.item_key}") * (spare - 1))
    space = snippet.find(" ", first, spare)
    first = space + 1 if space >= 0 else first
    return replace(item, snippet=snippet[first : first + length], snippet_start=1)
