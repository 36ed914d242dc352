"""Which row of the old version became which row of the new one, among those that share a key."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

MOST_COMPARED = 4096
"""Rows x rows with one id that are compared by content; beyond that they pair in their order."""

Similarity = Callable[[int, int], float]


@dataclass
class Matched:
    """Pairs of row numbers that are unequal or equal, and the rows that match nothing."""

    changed: list[tuple[int, int]] = field(default_factory=list)
    same: list[tuple[int, int]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    new: list[int] = field(default_factory=list)


def match_by_digest(old: Sequence[bytes], new: Sequence[bytes]) -> Matched:
    """Rows of equal content, each with one; the first with the first. The others are unmatched."""
    matched = Matched()
    waiting: dict[bytes, list[int]] = defaultdict(list)
    for number in range(len(new) - 1, -1, -1):
        waiting[new[number]].append(number)
    for number, digest in enumerate(old):
        if waiting[digest]:
            matched.same.append((number, waiting[digest].pop()))
        else:
            matched.gone.append(number)
    matched.new = sorted(number for numbers in waiting.values() for number in numbers)
    return matched


def match_by_key(
    keys: tuple[Sequence[Hashable], Sequence[Hashable]],
    digests: tuple[Sequence[bytes], Sequence[bytes]],
    similarity: Similarity,
) -> Matched:
    """Rows of equal key; where a key repeats, of equal content first, then the most similar."""
    groups: dict[Hashable, tuple[list[int], list[int]]] = {}
    for side in (0, 1):
        for number, key in enumerate(keys[side]):
            groups.setdefault(key, ([], []))[side].append(number)
    matched = Matched()
    for old, new in groups.values():
        _match_group(old, new, digests, similarity, matched)
    return matched


def _match_group(
    old: list[int],
    new: list[int],
    digests: tuple[Sequence[bytes], Sequence[bytes]],
    similarity: Similarity,
    matched: Matched,
) -> None:
    equal = match_by_digest([digests[0][n] for n in old], [digests[1][n] for n in new])
    matched.same += [(old[a], new[b]) for a, b in equal.same]
    rest_old, rest_new = [old[n] for n in equal.gone], [new[n] for n in equal.new]
    if len(rest_old) * len(rest_new) > MOST_COMPARED or len(rest_old) == len(rest_new) == 1:
        pairs = list(zip(rest_old, rest_new, strict=False))
    else:
        pairs = _most_similar(rest_old, rest_new, similarity)
    matched.changed += pairs
    taken = {a for a, _ in pairs}, {b for _, b in pairs}
    matched.gone += [n for n in rest_old if n not in taken[0]]
    matched.new += [n for n in rest_new if n not in taken[1]]


def _most_similar(old: list[int], new: list[int], similarity: Similarity) -> list[tuple[int, int]]:
    """Pairs by falling similarity, each row once; ties by the distance of their places."""
    ranked = sorted(
        (-similarity(a, b), abs(i - j), a, b) for i, a in enumerate(old) for j, b in enumerate(new)
    )
    pairs: dict[int, int] = {}
    taken: set[int] = set()
    for _, _, a, b in ranked:
        if a not in pairs and b not in taken:
            pairs[a] = b
            taken.add(b)
    return sorted(pairs.items())
