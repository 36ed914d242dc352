"""Characters that hide words: invisible ones inside words, look-alike letters of other scripts.

Both leave a text that reads as before and that no word filter finds. Known false positives: a
zero-width space copied from a web page, hence two are asked for.
"""

import re
from collections.abc import Iterator

from scrubtrace.detectors.edits.change import Change
from scrubtrace.schemas.edits import EditKind

LEAST_ZERO_WIDTH = 2
LEAST_LOOKALIKE = 1

_LATIN = "A-Za-z\u00c0-\u024f"
_EAST_ASIAN = "\u3041-\u30ff\u3400-\u9fff"
_LETTER = _LATIN + _EAST_ASIAN
_ANYWHERE = (
    "\u034f\u061c\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
_IN_LATIN = (
    "\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\ufff9-\ufffb\U000e0100-\U000e01ef\x00\x01\x04-\x08"
)
"""Between Han and kana, variation selectors, fillers and annotation marks are ordinary."""

_ZERO_WIDTH = re.compile(
    f"(?<=[{_LETTER}])[{_ANYWHERE}]+(?=[{_LETTER}])"
    f"|(?<=[{_LATIN}])[{_ANYWHERE}{_IN_LATIN}]+(?=[{_LATIN}])"
)
_OTHERS = "АВЕЅІЈКМНОРСТУХԚԜаеѕіјорсухԁһԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧονιαρ"
_LOOKALIKE = re.compile(rf"(?<=[A-Za-z])[{_OTHERS}]|[{_OTHERS}](?=[A-Za-z])")


def hidden_characters(old: str, new: str) -> Iterator[Change]:
    """Characters that the new text hides words with and the old one has fewer of.

    Spans of the new text reach from the first such character to the last; of the old text they are
    empty, at its start: which letters they were is not told.
    """
    for signal, pattern, least in (
        ("any.hidden.zero_width", _ZERO_WIDTH, LEAST_ZERO_WIDTH),
        ("any.hidden.lookalike", _LOOKALIKE, LEAST_LOOKALIKE),
    ):
        found = [match.span() for match in pattern.finditer(new)]
        more = len(found) - sum(1 for _ in pattern.finditer(old))
        if more >= least:
            span = (found[0][0], found[-1][1])
            yield Change(EditKind.CHARACTERS_HIDDEN, signal, (0, 0), span, float(more))
