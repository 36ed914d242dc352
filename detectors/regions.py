"""Stretches of a text that can be asked whether they hold a span."""

from bisect import bisect_right
from collections.abc import Iterable

import re2

_FENCE = re2.compile(r"(?m)^[ >]{0,6}(?:```|~~~)")
_CODE_SPAN = re2.compile(r"`[^`\n]{1,400}`")

Stretch = tuple[int, int]


class Regions:
    """A union of half-open stretches that can be asked in logarithmic time."""

    def __init__(self, stretches: Iterable[Stretch]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(stretches):
            if self._ends and start < self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)

    def hold(self, start: int, end: int) -> bool:
        """Whether one stretch holds all from ``start`` to ``end``."""
        at = bisect_right(self._starts, start) - 1
        return at >= 0 and end <= self._ends[at]


def count_fences(text: str) -> int:
    """Number of lines that open or close a fenced block."""
    return sum(1 for _ in _FENCE.finditer(text))


def code_regions(text: str, in_code: bool = False) -> Regions:
    """Markdown's fenced blocks, the last one open or closed, and code spans.

    ``in_code`` says that the text begins inside a block.
    """
    fences = [0] * in_code + [found.start() for found in _FENCE.finditer(text)]
    if len(fences) % 2:
        fences.append(len(text))
    blocks = [(fences[i], fences[i + 1]) for i in range(0, len(fences), 2)]
    return Regions(blocks + [found.span() for found in _CODE_SPAN.finditer(text)])
