"""Fitting the adjustment of scores for the kind of a text.

An analysis of covariance: held-out scores are regressed on the label and on measures of the kind,
rows weighted so that both labels of a source weigh the same. What the measures explain beside the
label is not the writer's doing.
"""

import numpy as np

from scrubtrace.detectors.style.adjustment import Adjustment, kind_of
from scrubtrace.detectors.style.heads import Floats
from scrubtrace.style.columns import Columns
from scrubtrace.style.fitting import balanced_weights

SHARE = 0.5
"""Of what the kind explains that is taken out: all of it would take what writers do as well."""


def adjustment_of(columns: Columns, scores: Floats, names: tuple[str, ...]) -> Adjustment | None:
    """The adjustment of scores (rows,), NaN where not held out, for some measures.

    Rows of sources with both labels count, or all if there is no such source; None without measures
    or without rows of both labels.
    """
    rows = ~np.isnan(scores)
    is_mixed = ~columns.one_sided(rows)[columns.source]
    rows = rows & is_mixed if (rows & is_mixed).any() else rows
    is_llm = columns.is_llm[rows]
    if not names or len(set(is_llm.tolist())) < 2:
        return None
    kind = kind_of(columns.measured[rows], columns.language, names)
    roots = np.sqrt(balanced_weights(columns, rows))
    design = np.column_stack([kind - kind.mean(axis=0), is_llm, ~is_llm])
    found = np.linalg.lstsq(design * roots[:, None], scores[rows] * roots, rcond=None)[0]
    return Adjustment(names, tuple((SHARE * found[: len(names)]).tolist()))
