"""How many different texts there are, without keeping the texts."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nsmallest

KEPT = 256
"""So many of the smallest digests are kept: a count up to it is exact, a greater one is known to
about 1 / sqrt(KEPT), 6%."""

DIGITS = 12
"""Hexadecimal digits of a kept digest: of 10^9 different texts two thousand share theirs."""


@dataclass
class DifferentTexts:
    """The smallest keyed digests of texts, by the id of the key, joined and rising.

    Digests of texts are spread evenly, so the smallest ones tell how many there are (Bar-Yossef and
    others, 2002). They add up to the same in whatever order, and however often a text is met.
    ``texts`` counts the texts themselves.
    """

    texts: int = 0
    smallest: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, key_id: str, digests: Iterable[str]) -> "DifferentTexts":
        """Of texts with these keyed digests, in hexadecimal."""
        cut = [digest[:DIGITS] for digest in digests]
        return cls(len(cut), {key_id: _joined(cut)})

    def add(self, other: "DifferentTexts") -> None:
        """Adds other texts to these."""
        self.texts += other.texts
        for key_id, joined in other.smallest.items():
            both = (*_cut(self.smallest.get(key_id, "")), *_cut(joined))
            self.smallest[key_id] = _joined(both)

    def kept(self) -> dict[str, list[float]]:
        """The kept digests as shares of the greatest possible one, rising, by key."""
        most = 16**DIGITS
        return {
            key_id: [(int(digest, 16) + 1) / most for digest in _cut(joined)]
            for key_id, joined in self.smallest.items()
        }


def _cut(joined: str) -> list[str]:
    return [joined[at : at + DIGITS] for at in range(0, len(joined), DIGITS)]


def _joined(digests: Iterable[str]) -> str:
    return "".join(nsmallest(KEPT, set(digests)))
