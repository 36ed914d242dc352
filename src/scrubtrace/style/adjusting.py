"""Fitting the adjustment of scores for the kind of a text.

An analysis of covariance: held-out scores are regressed on the label and on measures of the kind,
rows weighted so that both labels of a source weigh the same. What the measures explain beside the
label is not the writer's doing.
"""

import numpy as np

from scrubtrace.detectors.style.adjustment import ERRORS, Adjustment, kind_of
from scrubtrace.detectors.style.heads import Floats
from scrubtrace.style.columns import Columns, Numbers
from scrubtrace.style.fitting import balanced_weights
from scrubtrace.style.recipes import Recipe

SHARE = 0.5
"""Of what the kind explains that is taken out: all of it would take what writers do as well."""


LEAST_SOURCES, LEAST_ROWS = 3, 200
"""Sources with both labels, and rows of each label in them, below which slopes say too little."""


def adjustment_of(columns: Columns, scores: Floats, names: tuple[str, ...]) -> Adjustment | None:
    """The adjustment of scores (rows,), NaN where not held out, for some measures.

    Rows of sources with both labels count; None without measures, or with fewer than
    `LEAST_SOURCES` such sources or `LEAST_ROWS` rows of a label in them.
    """
    rows = ~np.isnan(scores)
    is_mixed = ~columns.one_sided(rows)
    rows = rows & is_mixed[columns.source]
    is_llm = columns.is_llm[rows]
    fewest = min(int(is_llm.sum()), int((~is_llm).sum()))
    if not names or is_mixed.sum() < LEAST_SOURCES or fewest < LEAST_ROWS:
        return None
    kind = kind_of(columns.measured[rows], columns.language, names)
    roots = np.sqrt(balanced_weights(columns, rows))
    design = np.column_stack([kind - kind.mean(axis=0), is_llm, ~is_llm])
    found = np.linalg.lstsq(design * roots[:, None], scores[rows] * roots, rcond=None)[0]
    return Adjustment(names, tuple((SHARE * found[: len(names)]).tolist()))


def adjusted_across(columns: Columns, scores: Floats, fold: Numbers, recipe: Recipe) -> Floats:
    """Held-out scores, those of each fold adjusted by what the other folds say, if they say it.

    All are lowered by their errors before.
    """
    lowered = without_errors(columns, scores, recipe)
    adjusted = lowered.copy()
    for number in set(fold.tolist()):
        own = fold == number
        found = adjustment_of(columns, np.where(own, np.nan, lowered), recipe.adjusted)
        if found is not None:
            adjusted[own] = found.adjusted(lowered[own], columns.measured[own], columns.language)
    return adjusted


def without_errors(columns: Columns, scores: Floats, recipe: Recipe) -> Floats:
    """Scores (rows,) lowered by the errors of their texts, as the recipe has it."""
    found = with_errors(None, recipe)
    return scores if found is None else found.adjusted(scores, columns.measured, columns.language)


def with_errors(found: Adjustment | None, recipe: Recipe) -> Adjustment | None:
    """An adjustment, and what the recipe makes of errors before it."""
    if not recipe.error_slope:
        return found
    names, slopes = (found.names, found.slopes) if found else ((), ())
    return Adjustment((ERRORS, *names), (recipe.error_slope, *slopes))
