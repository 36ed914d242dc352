"""Gradient-boosted trees (Friedman, 2001) as arrays, evaluated for a whole batch at once."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
    there, more branches than nodes, and a depth that no such trees have.
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
        _ = self._walk

    def logits(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Sum of the trees' values for each row of ``rows`` (rows, columns), float64 (rows,)."""
        found = [self._logits(rows[at : at + ROWS]) for at in range(0, len(rows), ROWS)]
        return np.concatenate([np.empty(0), *found])

    def _logits(self, rows: npt.NDArray[np.float32]) -> Floats:
        walk, cells = self._walk, rows.ravel()
        begins = np.arange(0, rows.size, rows.shape[1])[:, None]
        node = np.tile(np.arange(len(self.roots)), (len(rows), 1))
        for _ in range(self.depth):
            value = cells.take(begins + walk.feature.take(node))
            node = walk.left.take(node) + (value > walk.threshold.take(node))
        sums: Floats = walk.value.take(node).sum(axis=1)
        return sums

    @cached_property
    def _walk(self) -> "_Walk":
        """The nodes level by level, the roots first."""
        level, levels, lefts = self.roots, [self.roots], []
        count = len(level)
        for _ in range(self.depth):
            left = np.arange(count - len(level), count)
            inner = np.flatnonzero((self.left[level] != level) | (self.right[level] != level))
            left[inner] = count + 2 * np.arange(len(inner))
            lefts.append(left)
            level = np.column_stack([self.left[level[inner]], self.right[level[inner]]]).ravel()
            levels.append(level)
            count += len(level)
            if count > len(self.feature):
                raise ValueError("the trees have nodes in common")
        lefts.append(np.arange(count - len(level), count))
        order, places = np.concatenate(levels), np.concatenate(lefts)
        is_leaf = places == np.arange(count)
        threshold = np.where(is_leaf, np.inf, self.threshold[order])
        feature = self.feature[order].astype(np.intp)
        return _Walk(feature, threshold, places.astype(np.intp), self.value[order])


class _Walk(NamedTuple):
    """Nodes in an order where the right child follows the left one: one step is one addition.

    A leaf is its own left child, with a threshold that no value exceeds.
    """

    feature: npt.NDArray[np.intp]
    threshold: Floats
    left: npt.NDArray[np.intp]
    value: Floats
