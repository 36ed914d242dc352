"""Two texts aligned word by word: which words were kept, and what stands between them.

The longest common subsequence, by RapidFuzz (bit-parallel: words x words / 64 steps). Words at both
ends that are the same are taken off first; what is left is cut at words that occur once in both
texts if it is too long for one comparison, as in the patience diff of Bram Cohen.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz.distance import LCSseq

from scrubtrace.detectors.edits.change import Change
from scrubtrace.detectors.edits.words import Span, Words, is_east_asian
from scrubtrace.schemas.edits import EditKind

MOST_CELLS = 100_000_000
"""Words x words of one comparison: 12 MB, and some hundredths of a second."""

ISLAND_WORDS = 2
"""Kept words between two larger changes that are too few to keep them apart."""

LARGE_CHANGE = 3


@dataclass(frozen=True, slots=True)
class Hunk:
    """Words ``old_start`` to ``old_end`` became words ``new_start`` to ``new_end``, half open."""

    old_start: int
    old_end: int
    new_start: int
    new_end: int

    @property
    def removed(self) -> int:
        """Words removed."""
        return self.old_end - self.old_start

    @property
    def inserted(self) -> int:
        """Words put in."""
        return self.new_end - self.new_start


@dataclass(frozen=True)
class Alignment:
    """Two texts, the changes between them in order, and which words of the old one were kept."""

    old: Words
    new: Words
    hunks: tuple[Hunk, ...]

    @cached_property
    def kept(self) -> list[bool]:
        """For each word of the old text, whether it was kept."""
        kept = [True] * len(self.old)
        for hunk in self.hunks:
            kept[hunk.old_start : hunk.old_end] = [False] * hunk.removed
        return kept

    @cached_property
    def fresh(self) -> list[bool]:
        """For each word of the new text, whether it was put in."""
        fresh = [False] * len(self.new)
        for hunk in self.hunks:
            fresh[hunk.new_start : hunk.new_end] = [True] * hunk.inserted
        return fresh

    def kept_share(self, words: range) -> float:
        """Share of some words of the old text that were kept; 0 of none."""
        return sum(self.kept[words.start : words.stop]) / len(words) if words else 0.0

    def hunk_with(self, words: range) -> Hunk | None:
        """The hunk that removed some words of the old text, all of them."""
        if not words or any(self.kept[words.start : words.stop]):
            return None
        at = bisect_right(self.hunks, words.start, key=lambda hunk: hunk.old_start) - 1
        hunk = self.hunks[at]
        return hunk if words.stop <= hunk.old_end else None

    def change(self, kind: EditKind, signal: str, hunk: Hunk, score: float | None = None) -> Change:
        """A hunk as a change."""
        old, new = self.passages(hunk)
        return Change(kind, signal, self.old.original(*old), self.new.original(*new), score)

    def passages(self, hunk: Hunk) -> tuple[Span, Span]:
        """Normalised offsets of what was removed and put in, without punctuation that both have."""
        start, end = self.old.passage(hunk.old_start, hunk.old_end)
        first, last = self.new.passage(hunk.new_start, hunk.new_end)
        before, behind = self.old.text[start:end], self.new.text[first:last]
        head = _same_marks(before, behind)
        tail = _same_marks(before[head:][::-1], behind[head:][::-1])
        return (start + head, end - tail), (first + head, last - tail)


def _same_marks(a: str, b: str) -> int:
    """How many characters at the start of both are the same, up to a letter or number."""
    same = 0
    for x, y in zip(a, b, strict=False):
        if x != y or x.isalnum():
            break
        same += 1
    return same


def align(old: Words, new: Words) -> Alignment:
    """The alignment of two texts; neighbouring changes are joined over stray common words."""
    codes: dict[str, int] = {}
    a, b = ([codes.setdefault(word, len(codes)) for word in side.words] for side in (old, new))
    hunks = _joined(list(_hunks(a, b)), old)
    return Alignment(old, new, tuple(_settled(list(hunks), old)))


def _hunks(a: Sequence[int], b: Sequence[int]) -> Iterator[Hunk]:
    head = _common(a, b)
    tail = _common(a[head:][::-1], b[head:][::-1])
    yield from _between(a, b, head, len(a) - tail, head, len(b) - tail)


def _common(a: Sequence[int], b: Sequence[int]) -> int:
    """How many words at the start of both are the same."""
    for number, (x, y) in enumerate(zip(a, b, strict=False)):
        if x != y:
            return number
    return min(len(a), len(b))


def _between(
    a: Sequence[int], b: Sequence[int], low: int, high: int, start: int, stop: int
) -> Iterator[Hunk]:
    if low == high and start == stop:
        return
    if (high - low) * (stop - start) <= MOST_CELLS:
        for op in LCSseq.opcodes(a[low:high], b[start:stop]):
            if op.tag != "equal":
                yield Hunk(
                    low + op.src_start, low + op.src_end, start + op.dest_start, start + op.dest_end
                )
        return
    anchors = _anchors(a, b, low, high, start, stop)
    if not anchors:
        yield Hunk(low, high, start, stop)
        return
    for x, y in [*anchors, (high, stop)]:
        yield from _between(a, b, low, x, start, y)
        low, start = x + (x < high), y + (y < stop)


def _anchors(
    a: Sequence[int], b: Sequence[int], low: int, high: int, start: int, stop: int
) -> list[tuple[int, int]]:
    """Words that occur once in both stretches, in the same order in both."""
    counts = Counter(a[low:high]), Counter(b[start:stop])
    places = {b[n]: n for n in range(start, stop) if counts[1][b[n]] == 1}
    pairs = [(n, places[a[n]]) for n in range(low, high) if counts[0][a[n]] == 1 and a[n] in places]
    return _longest_rising(pairs)


def _longest_rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part in which both numbers rise; the first number rises already."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for number, (_, place) in enumerate(pairs):
        at = bisect_left(ends, place)
        before.append(last[at - 1] if at else -1)
        ends[at : at + 1] = [place]
        last[at : at + 1] = [number]
    chosen = []
    number = last[-1] if last else -1
    while number >= 0:
        chosen.append(pairs[number])
        number = before[number]
    return chosen[::-1]


def _joined(hunks: list[Hunk], old: Words) -> Iterator[Hunk]:
    """Hunks, with those joined that only a stray word or two keep apart."""
    current: Hunk | None = None
    for hunk in hunks:
        if current is None:
            current = hunk
        elif hunk.old_start == current.old_end or _is_island(current, hunk, old):
            current = Hunk(current.old_start, hunk.old_end, current.new_start, hunk.new_end)
        else:
            yield current
            current = hunk
    if current is not None:
        yield current


def _is_island(before: Hunk, behind: Hunk, old: Words) -> bool:
    kept = old.words[before.old_end : behind.old_start]
    allowed = ISLAND_WORDS * (2 if kept and is_east_asian(kept[0]) else 1)
    sizes = [max(hunk.removed, hunk.inserted) for hunk in (before, behind)]
    return len(kept) <= allowed and min(sizes) >= LARGE_CHANGE


def _settled(hunks: list[Hunk], old: Words) -> Iterator[Hunk]:
    """Hunks, with a mere removal moved to where it removes whole sentences, if it can be.

    "A b. A c." without "A b." is as well "b. A" removed: which words were it, nobody can tell.
    """
    end = 0
    for hunk in hunks:
        moved = hunk if hunk.inserted else _moved(hunk, old, end)
        yield moved
        end = moved.old_end


def _moved(hunk: Hunk, old: Words, least: int) -> Hunk:
    first, last, by = hunk.old_start, hunk.old_end, 0
    while not old.is_sentence(first - by, last - by):
        by += 1
        if first - by < least or old.words[first - by] != old.words[last - by]:
            return hunk
    return Hunk(first - by, last - by, hunk.new_start - by, hunk.new_end - by)
