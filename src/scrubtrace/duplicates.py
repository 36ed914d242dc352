"""Row ids that occur more than once: found from hashes, told apart by occurrence.

Cost: 8 bytes a row on disk; in memory 16 bytes a row of one pass, at most `PASS_ROWS` rows, and 16
bytes for each id that repeats. Every pass reads the hashes of all rows.
"""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

PASS_ROWS = 1 << 26

Hashes = NDArray[np.uint64]


class RepeatedIds:
    """Ids that occur twice or more in a run, and how often each has been seen so far.

    Parameters
    ----------
    load : gives the id hashes of one unit, in row order, 0 where there is no id.
    units : keys of all units, in the order of the plan.
    rows : rows of all units.
    """

    def __init__(self, load: Callable[[str], Hashes], units: Iterable[str], rows: int) -> None:
        self._load = load
        passes = -(-max(rows, 1) // PASS_ROWS)
        self._hashes, self.surplus_rows = _repeated(load, list(units), passes)
        self._seen = np.zeros(len(self._hashes), np.int64)

    @property
    def ids(self) -> int:
        """Number of different ids that occur more than once."""
        return len(self._hashes)

    def occurrences(self, unit: str) -> NDArray[np.int64]:
        """For each row of the unit, how many earlier rows of the run have the same id.

        Shape (rows of the unit,). Units must be asked for once each, in the order of the plan.
        """
        hashes = self._load(unit)
        counts = np.zeros(len(hashes), np.int64)
        if not len(self._hashes):
            return counts
        at = np.searchsorted(self._hashes, hashes)
        at[at == len(self._hashes)] = 0
        rows = np.flatnonzero(self._hashes[at] == hashes)
        which = at[rows]
        order = np.argsort(which, kind="stable")
        ordered = which[order]
        first = np.searchsorted(ordered, ordered)
        rank = np.empty(len(rows), np.int64)
        rank[order] = np.arange(len(rows)) - first
        counts[rows] = self._seen[which] + rank
        self._seen += np.bincount(which, minlength=len(self._hashes))
        return counts


def _repeated(load: Callable[[str], Hashes], units: list[str], passes: int) -> tuple[Hashes, int]:
    """Sorted hashes that occur twice or more, and the number of rows beyond the first."""
    found: list[Hashes] = []
    surplus = 0
    for number in range(passes):
        share = [_of_pass(load(unit), number, passes) for unit in units]
        hashes = np.concatenate([np.empty(0, np.uint64), *share])
        del share
        hashes.sort()
        again = hashes[1:][(hashes[1:] == hashes[:-1]) & (hashes[1:] != 0)]
        found.append(np.unique(again))
        surplus += len(again)
    return np.sort(np.concatenate(found)), surplus


def _of_pass(hashes: Hashes, number: int, passes: int) -> Hashes:
    return hashes if passes == 1 else hashes[hashes % np.uint64(passes) == number]
