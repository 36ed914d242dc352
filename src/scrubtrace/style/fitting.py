"""Fitting the parts of a style model with scikit-learn, which only ``style train`` needs.

Why intercepts by source: within one source people and models write about the same things, so what
differs there is the writer; between sources nearly everything differs. Why rows weigh by the root
of their source's size: breadth of sources counts more than rows of one.
"""

import warnings
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from scipy import sparse

from scrubtrace.detectors.style.heads import Floats, Head, quantised, quantised_idf
from scrubtrace.detectors.style.trees import Trees
from scrubtrace.style.columns import Columns, Flags
from scrubtrace.style.recipes import Fit, HeadRecipe, Intercepts, TreesRecipe

INTERCEPT = 3.0
"""Value of the columns of sources: far above those of n-grams, so hardly shrunk."""

ITERATIONS = 200
TOLERANCE = 0.1
"""Of the projected gradient, as LIBLINEAR means it."""

LEAST_TEXTS = 2
"""N-grams of fewer training texts are no columns."""

NOT_MET = 0.1
"""Frequency of an n-gram that no LLM row has, in rows."""

LEAST_WEIGHED = 50
"""A source and label with fewer rows weighs as if it had so many."""


@dataclass(frozen=True, eq=False)
class _Space:
    """The columns of one head: which buckets, their idf, and how counts become values."""

    recipe: HeadRecipe
    kept: npt.NDArray[np.int64]
    idf: Floats

    @classmethod
    def of(cls, columns: Columns, rows: Flags, recipe: HeadRecipe) -> "_Space":
        counts = columns.counts[recipe.family][np.flatnonzero(rows)]
        texts = np.bincount(counts.indices, minlength=recipe.family.buckets)
        kept = np.flatnonzero(texts >= LEAST_TEXTS)
        idf = np.log((1 + int(rows.sum())) / (1 + texts[kept])) + 1
        return cls(recipe, kept, idf if recipe.with_idf else np.ones(len(kept)))

    def values(self, columns: Columns, rows: Flags) -> Any:
        """CSR matrix (rows, kept), float32, every row of length one."""
        found = columns.counts[self.recipe.family][np.flatnonzero(rows)]
        if self.recipe.with_idf:
            found = found[:, self.kept]
        is_present = self.recipe.counts == "presence"
        data = np.ones_like(found.data) if is_present else 1 + np.log(found.data)
        if self.recipe.with_idf:
            data = data * self.idf[found.indices]
        found = sparse.csr_matrix((data, found.indices, found.indptr), shape=found.shape)
        length = np.sqrt(np.asarray(found.multiply(found).sum(axis=1)).ravel())
        length[length == 0] = 1
        found.data = (found.data / np.repeat(length, np.diff(found.indptr))).astype(np.float32)
        return found if self.recipe.with_idf else found[:, self.kept]


def row_weights(columns: Columns, rows: Flags, one_sided: float = 1.0) -> Floats:
    """Weight of each of the rows: one over the root of its source's rows with its label.

    Rows of sources that have one label among the rows weigh ``one_sided`` times that.
    """
    cells = columns.cell[rows]
    sizes = np.bincount(cells, minlength=2 * len(columns.sources))
    weights = 1 / np.sqrt(np.maximum(sizes, LEAST_WEIGHED))[cells]
    weights *= np.where(columns.one_sided(rows), one_sided, 1.0)[columns.source[rows]]
    return cast(Floats, weights / weights.mean())


def fit_head(columns: Columns, rows: Flags, recipe: HeadRecipe) -> Head:
    """The head fitted on some rows: the sum of its fits, each with logits of unit spread."""
    if not recipe.fits:
        return _typicality(columns, rows, recipe)
    space = _Space.of(columns, rows, recipe)
    values = space.values(columns, rows)
    total = np.zeros(len(space.kept))
    for fit in recipe.fits:
        weights = _fitted(columns, rows, values, fit, recipe.one_sided)
        total += weights / max(float(np.std(values @ weights)), 1e-12)
    table = np.zeros(recipe.family.buckets)
    table[space.kept] = total
    small, step = quantised(table)
    if not recipe.with_idf:
        return Head(recipe.family, recipe.counts, small, step)
    idf = np.zeros(recipe.family.buckets)
    idf[space.kept] = space.idf
    return Head(recipe.family, recipe.counts, small, step, *quantised_idf(idf))


def _typicality(columns: Columns, rows: Flags, recipe: HeadRecipe) -> Head:
    """Logarithms of how frequent the n-grams are in the LLM rows, 0 for those not met there."""
    llm = columns.is_llm[rows]
    counts = columns.counts[recipe.family][np.flatnonzero(rows)[llm]]
    weights = row_weights(columns, rows, recipe.one_sided)[llm]
    frequency = np.asarray(counts.T @ (weights / weights.mean()))  # in rows, as `NOT_MET` is
    small, step = quantised(np.log(frequency + NOT_MET) - np.log(NOT_MET))
    return Head(recipe.family, recipe.counts, small, step)


def _fitted(columns: Columns, rows: Flags, values: Any, fit: Fit, one_sided: float) -> Floats:
    """Weights (kept,) of one logistic regression, without those of the sources.

    Dual coordinate descent (Yu, Huang, Lin 2011, in LIBLINEAR) ends near the optimum in the time
    in which L-BFGS, which the columns of sources slow down, is still far from it.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    width = values.shape[1]
    values = values.astype(np.float64)
    if fit.intercepts != Intercepts.NONE:
        groups = columns.source.copy()
        if fit.intercepts == Intercepts.POOLED:
            groups[columns.one_sided(rows)[groups]] = len(columns.sources)
        own = groups[rows]
        ones = np.full(len(own), INTERCEPT)
        shape = (len(own), len(columns.sources) + 1)
        extra = sparse.csr_matrix((ones, (np.arange(len(own)), own)), shape=shape)
        values = sparse.hstack([values, extra], format="csr")
    model = LogisticRegression(
        C=fit.c, solver="liblinear", dual=True, intercept_scaling=INTERCEPT,
        max_iter=ITERATIONS, tol=TOLERANCE, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        weights = row_weights(columns, rows, one_sided)
        model.fit(values, columns.is_llm[rows], sample_weight=weights)
    return np.asarray(model.coef_[0][:width], np.float64)


def fit_trees(columns: Columns, rows: Flags, recipe: TreesRecipe) -> Trees:
    """Gradient boosting on the measures of some rows; the seed is fixed.

    On one thread: several wait for each other in every small step of a tree, on busy cores for
    longer than the work takes.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from threadpoolctl import threadpool_limits

    model = HistGradientBoostingClassifier(
        max_iter=recipe.trees, max_leaf_nodes=recipe.leaves, max_depth=recipe.depth,
        learning_rate=recipe.rate, min_samples_leaf=recipe.least_rows,
        l2_regularization=recipe.l2, max_features=recipe.columns,
        early_stopping=False, random_state=0,
    )  # fmt: skip
    weights = balanced_weights(columns, rows)
    with threadpool_limits(1, user_api="openmp"):
        model.fit(columns.measured[rows], columns.is_llm[rows], sample_weight=weights)
    return _trees(model, recipe.depth)


def balanced_weights(columns: Columns, rows: Flags) -> Floats:
    """Row weights in which both labels of a source weigh the same; one-sided sources are one."""
    weights = row_weights(columns, rows)
    groups = columns.source.copy()
    groups[columns.one_sided(rows)[groups]] = len(columns.sources)
    groups, labels = groups[rows], columns.is_llm[rows]
    both = np.zeros((len(columns.sources) + 1, 2))
    np.add.at(both, (groups, labels.astype(int)), weights)
    factors = np.divide(both.sum(axis=1, keepdims=True) / 2, both, out=np.ones_like(both),
                        where=(both > 0) & (both[:, ::-1] > 0))  # fmt: skip
    return cast(Floats, weights * factors[groups, labels.astype(int)])


def _trees(model: Any, depth: int) -> Trees:
    """The trees of a scikit-learn model as arrays; nodes are numbered through all trees."""
    nodes = [predictors[0].nodes for predictors in model._predictors]
    roots = np.cumsum([0, *(len(tree) for tree in nodes)])[:-1]
    joined = np.concatenate(nodes)
    offset = np.repeat(roots, [len(tree) for tree in nodes])
    own = np.arange(len(joined))
    is_leaf = joined["is_leaf"].astype(bool)
    return Trees(
        roots.astype(np.int32),
        np.where(is_leaf, 0, joined["feature_idx"]).astype(np.int32),
        joined["num_threshold"].astype(np.float64),
        np.where(is_leaf, own, joined["left"] + offset).astype(np.int32),
        np.where(is_leaf, own, joined["right"] + offset).astype(np.int32),
        np.where(is_leaf, joined["value"], 0.0),
        depth,
    )
