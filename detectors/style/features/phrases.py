"""Finding the entries of word lists, of one or more tokens, in all texts of a frame."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from scrubtrace.detectors.reference.tokens import Words
from scrubtrace.detectors.style.features.measures import Counts
from scrubtrace.detectors.style.frame import NEXT_WORD, Frame
from scrubtrace.detectors.style.word_lists import Group, HashLookup


@dataclass(frozen=True, eq=False)
class _Phrases:
    """Phrases of so many tokens, and the numbers of the groups each is of (-1 fills up)."""

    tokens: int
    lookup: HashLookup
    groups: npt.NDArray[np.int64]


@cache
def _phrases(groups: tuple[Group, ...]) -> tuple[_Phrases, ...]:
    """The entries of all groups, by how many tokens they have."""
    owners: dict[int, dict[int, list[int]]] = {}
    for number, group in enumerate(groups):
        for entry in group.entries:
            frame = Frame.of([entry])
            size = len(frame.hashes)
            (value,) = _windows(frame.hashes, size).tolist()
            owners.setdefault(size, {}).setdefault(value, []).append(number)
    return tuple(_as_phrases(size, known) for size, known in sorted(owners.items()))


def _as_phrases(size: int, known: dict[int, list[int]]) -> _Phrases:
    most = max(len(numbers) for numbers in known.values())
    table = [numbers + [-1] * (most - len(numbers)) for numbers in known.values()]
    return _Phrases(size, HashLookup(np.array(list(known), np.uint64)), np.array(table, np.int64))


def _windows(hashes: Words, size: int) -> Words:
    """Hash of every window of so many tokens."""
    span = max(len(hashes) - size + 1, 0)
    windows = hashes[:span]
    for step in range(1, size):
        windows = windows * NEXT_WORD + hashes[step : step + span]
    return windows


def occurrences(frame: Frame, groups: tuple[Group, ...], as_written: int = 0) -> Counts:
    """How often the entries of each group occur in each text: (texts, groups).

    Entries of the last ``as_written`` groups count where they stand as they are, those of the
    others in upper case, too.
    """
    texts, width = len(frame), len(groups)
    found = np.zeros(texts * width, np.int64)
    documents = frame.token_documents
    for phrases in _phrases(groups):
        entry = phrases.lookup.find(_windows(frame.hashes, phrases.tokens))
        places = np.flatnonzero(entry >= 0)
        owner = documents[places]
        within = owner == documents[places + phrases.tokens - 1]
        places, owner = places[within], owner[within]
        members = phrases.groups[entry[places]]
        is_one = members >= 0
        if as_written:
            is_exact = members >= width - as_written
            doubtful = np.flatnonzero(is_exact.any(axis=1))
            first, last = places[doubtful], places[doubtful] + phrases.tokens - 1
            is_small = frame.is_small(first, last)
            is_one[doubtful] &= ~is_exact[doubtful] | is_small[:, None]
        found += np.bincount((owner[:, None] * width + members)[is_one], minlength=texts * width)
    return found.reshape(texts, width)
