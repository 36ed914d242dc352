"""Weak redaction artifacts together: what one of them cannot say, several in one text can.

One reserved address, one masked word or one odd space is ordinary. Stand-ins of several kinds,
the same stand-in twice within a sentence or two, or masks all over a text are not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from scrubtrace.schemas.evidence import Span
from scrubtrace.schemas.vocabulary import Strength, Use

SURE = (Strength.PROOF, Strength.STRONG)

ORDINARY = frozenset({
    "zh.mask.mou", "zh.mask.crosses", "ja.mask.open_circles", "de.mask.name_changed",
    "de.mask.initials", "id.mask.initials",
})  # fmt: skip
"""What people write of themselves, in court news and forms, however often."""

WEAK_KINDS = 2
"""Weak evidence is kept from so many different signals on, or beside surer evidence."""


@dataclass(frozen=True)
class Thresholds:
    """When weak evidence together is strong.

    ``kinds`` of stand-ins, the same stand-in ``repeats`` times within ``near`` code points,
    ``tokens``, ``masks``, ``hidden`` characters and ``cuts`` in one text.
    """

    kinds: int = 2
    repeats: int = 2
    near: int = 200
    tokens: int = 2
    masks: int = 3
    hidden: int = 3
    cuts: int = 2

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"thresholds.{name} is a positive whole number, not {value!r}")


def together(row: int, spans: Iterable[Span], thresholds: Thresholds) -> list[Span]:
    """The strong evidence that the weak, asserted spans of one text make together."""
    weak = [s for s in spans if s.strength == Strength.WEAK and s.use == Use.ASSERTED]
    weak.sort(key=_place)
    made = []
    for category, slug, enough in _rules(thresholds):
        found = [s for s in weak if s.category == category and s.signal not in ORDINARY]
        if found and enough(found):
            made.append(_strong(row, f"any.{category}.{slug}", category, found))
    return made


def kept(spans: Sequence[Span]) -> Sequence[Span]:
    """The spans of one text, or none where they are weak and all of one signal."""
    is_sure = any(s.strength in SURE for s in spans)
    return spans if is_sure or len({s.signal for s in spans}) >= WEAK_KINDS else ()


def _rules(t: Thresholds) -> list[tuple[str, str, Callable[[list[Span]], bool]]]:
    return [
        ("surrogate", "several_kinds", lambda found: len({s.signal for s in found}) >= t.kinds),
        ("surrogate", "repeated", lambda found: _repeats(found, t)),
        ("hash_token", "several", lambda found: _places(found) >= t.tokens),
        ("mask", "several", lambda found: _places(found) >= t.masks),
        ("hidden_characters", "several", lambda found: _places(found) >= t.hidden),
    ]


def _places(spans: Iterable[Span]) -> int:
    return len({s.start for s in spans})


def _repeats(spans: Sequence[Span], t: Thresholds) -> bool:
    """Whether one stand-in comes back so soon that it must have replaced different data."""
    places: dict[str, list[int]] = {}
    for span in spans:
        if span.value:
            places.setdefault(span.value.casefold(), []).append(span.start or 0)
    later = t.repeats - 1
    return any(
        starts[i + later] - starts[i] <= t.near
        for starts in places.values()
        for i in range(len(starts) - later)
    )


def _strong(row: int, signal: str, category: str, spans: Sequence[Span]) -> Span:
    start, end = spans[0].start, max(s.end or 0 for s in spans)
    return Span(row, signal, category, Strength.STRONG, Use.ASSERTED, start, end)


def _place(span: Span) -> tuple[int, str]:
    return span.start or 0, span.signal
