"""Characters that hide words: zero-width ones inside words, look-alike letters of other scripts.

Both leave a text that reads as before and that no word filter finds. Known false positives: a
zero-width space copied from a web page, hence two are asked for.
"""

import re
from collections.abc import Iterator

from scrubtrace.detectors.edits.change import Change
from scrubtrace.schemas.edits import EditKind

LEAST_ZERO_WIDTH = 2
LEAST_LOOKALIKE = 1

_LETTER = "A-Za-z\u00c0-\u024f\u3041-\u30ff\u3400-\u9fff"
_ZERO_WIDTH = re.compile(
    f"(?<=[{_LETTER}])[\u034f\u180e\u200b-\u200f\u2060-\u2064\ufeff]+(?=[{_LETTER}])"
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
