"""The texts of one row in both versions: which is which."""

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any, NamedTuple

from scrubtrace.diff.nearest import similarity, sketch

MOST_COMPARED = 4096
"""Old turns x new turns that are compared by content; beyond that they pair in their order."""

Text = dict[str, Any]
"""A text of a row: field, turn and text."""


class TextPair(NamedTuple):
    """A text of the old row and what it became; one of both is None if it is gone or new."""

    old: Text | None
    new: Text | None


def text_pairs(old: list[Text], new: list[Text]) -> Iterator[TextPair]:
    """The texts of a row paired within their fields, turns in their order."""
    fields = dict.fromkeys(text["field"] for text in (*old, *new))
    for name in fields:
        yield from _turn_pairs(*([t for t in side if t["field"] == name] for side in (old, new)))


def _turn_pairs(old: list[Text], new: list[Text]) -> Iterator[TextPair]:
    before, behind = ([str(text["text"]) for text in side] for side in (old, new))
    codes = SequenceMatcher(None, before, behind, autojunk=False).get_opcodes()
    for tag, i, j, k, m in codes:
        if tag == "equal" or j - i == m - k or (j - i) * (m - k) > MOST_COMPARED:
            yield from map(TextPair, old[i:j], new[k:m])
            yield from (TextPair(text, None) for text in old[i + m - k : j])
            yield from (TextPair(None, text) for text in new[k + j - i : m])
        else:
            yield from _nearest_in_order(old[i:j], new[k:m])


def _nearest_in_order(old: list[Text], new: list[Text]) -> Iterator[TextPair]:
    """The side with fewer turns keeps all, each with the most similar one that is still ahead."""
    if len(old) > len(new):
        yield from (TextPair(a, b) for b, a in _nearest_in_order(new, old))
        return
    sketches = [[sketch([text["text"]]) for text in side] for side in (old, new)]
    start = 0
    for number, text in enumerate(old):
        stop = len(new) - (len(old) - number) + 1
        ahead = range(start, stop)
        best = max(ahead, key=lambda n: (similarity(sketches[0][number], sketches[1][n]), -n))
        yield from (TextPair(None, other) for other in new[start:best])
        yield TextPair(text, new[best])
        start = best + 1
    yield from (TextPair(None, other) for other in new[start:])
