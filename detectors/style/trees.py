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

    Raises ValueError for arrays of different lengths, other types or with NaN, nodes that are not
    there, and a depth that no such trees have.
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
        if any(column.shape != (nodes,) for column in (self.feature, *columns)):
            raise ValueError("the arrays of the trees have different lengths")
        numbers = (self.roots, self.feature, self.left, self.right)
        if any(not np.issubdtype(column.dtype, np.integer) for column in numbers):
            raise ValueError("the trees name nodes and columns by other than whole numbers")
        floats = (self.threshold, self.value)
        if any(not np.issubdtype(column.dtype, np.floating) for column in floats) or (
            np.isnan(self.threshold).any() or not np.isfinite(self.value).all()
        ):
            raise ValueError("the trees have thresholds or values that are no numbers")
        for places in (self.roots, self.left, self.right):
            if len(places) and not 0 <= int(places.min()) <= int(places.max()) < nodes:
                raise ValueError("the trees name nodes that are not there")
        if type(self.depth) is not int or not 0 <= self.depth <= nodes:
            raise ValueError(f"the trees have {nodes:,} nodes and the depth {self.depth!r}")

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
