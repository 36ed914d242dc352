"""Gradient-boosted trees (Friedman, 2001) as arrays, evaluated for a whole batch at once."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int32]

ROWS = 256
"""Rows evaluated at a time: rows x trees places stay in the cache."""


@dataclass(frozen=True, eq=False)
class Trees:
    """Trees whose values add up to a logit.

    Parameters
    ----------
    roots : (trees,), the node that each tree begins with.
    feature, threshold : (nodes,), a row goes left where its column is at most the threshold.
    left, right : (nodes,), the next node; a leaf is its own.
    value : (nodes,), what a leaf adds.
    depth : most steps from a root to a leaf.

    Raises ValueError for arrays of different lengths, or nodes that are not there.
    """

    roots: Numbers
    feature: Numbers
    threshold: Floats
    left: Numbers
    right: Numbers
    value: Floats
    depth: int

    def __post_init__(self) -> None:
        nodes = len(self.feature)
        columns = (self.threshold, self.left, self.right, self.value)
        if any(len(column) != nodes for column in columns):
            raise ValueError("the arrays of the trees have different lengths")
        for places in (self.roots, self.left, self.right):
            if len(places) and not 0 <= int(places.min()) <= int(places.max()) < nodes:
                raise ValueError("the trees name nodes that are not there")

    def logits(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Sum of the trees' values for each row of ``rows`` (rows, columns), float64 (rows,)."""
        found = [self._logits(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)]
        return np.concatenate([np.empty(0), *found])

    def _logits(self, rows: npt.NDArray[np.float32]) -> Floats:
        node = np.repeat(self.roots[None, :], len(rows), axis=0)
        numbers = np.arange(len(rows))[:, None]
        for _ in range(self.depth):
            is_left = rows[numbers, self.feature[node]] <= self.threshold[node]
            node = np.where(is_left, self.left[node], self.right[node])
        sums: Floats = self.value[node].sum(axis=1)
        return sums
