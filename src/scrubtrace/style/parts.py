"""The parts of a model fitted on some rows, and their logits for others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from scrubtrace.detectors.style.heads import Floats, Head
from scrubtrace.detectors.style.trees import Trees
from scrubtrace.style.columns import Columns, Flags
from scrubtrace.style.fitting import fit_head, fit_trees
from scrubtrace.style.recipes import Recipe


@dataclass(frozen=True, eq=False)
class Fitted:
    """Heads and trees, without the scales that make one score of them."""

    heads: tuple[Head, ...]
    trees: Trees

    def logits(self, columns: Columns, rows: Flags) -> Floats:
        """Logits of every part, as `LanguageModel.parts` gives up to rounding: (rows, parts)."""
        found = [_logits(head, columns, rows) for head in self.heads]
        based = [] if columns.based is None else [columns.based[rows]]
        return np.column_stack([*found, self.trees.logits(columns.measured[rows]), *based])


def fit_parts(columns: Columns, rows: Flags, recipe: Recipe) -> Fitted:
    """The parts of a recipe, fitted on some rows."""
    heads = tuple(fit_head(columns, rows, head) for head in recipe.heads)
    return Fitted(heads, fit_trees(columns, rows, recipe.trees))


def _logits(head: Head, columns: Columns, rows: Flags) -> Floats:
    counts: Any = columns.counts[head.family][np.flatnonzero(rows)]
    if head.counts == "share":
        total = np.asarray(counts.sum(axis=1)).ravel()
        sums = np.asarray(counts @ head.table.astype(np.float64)) * head.step
        means: Floats = np.divide(sums, total, out=np.zeros(len(sums)), where=total > 0)
        return means
    is_present = head.counts == "presence"
    data = np.ones(len(counts.data)) if is_present else 1 + np.log(counts.data.astype(np.float64))
    if head.idf is not None:
        data = data * (head.idf[counts.indices] * np.float32(head.idf_step))
    values = sparse.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape)
    norm = np.sqrt(np.asarray(values.multiply(values).sum(axis=1)).ravel())
    dot = np.asarray(values @ head.table.astype(np.float64)) * head.step
    logits: Floats = np.divide(dot, norm, out=np.zeros(len(dot)), where=norm > 0)
    return logits
