"""What held-out rows decide of a model: its scales, whether it is adjusted, what a base weighs.

A choice that held-out rows make is judged on them as well, so the table flatters by what a choice
between two, and one among three, is worth; the slopes of the adjustment are never judged on the
rows that they were fitted on.
"""

from dataclasses import replace

import numpy as np

from scrubtrace.detectors.style.heads import Floats
from scrubtrace.detectors.style.model import SHARES, LanguageModel
from scrubtrace.style.adjusting import (
    adjusted_across,
    adjustment_of,
    with_errors,
    without_errors,
)
from scrubtrace.style.columns import Columns, Flags, Numbers
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.recipes import Recipe
from scrubtrace.style.transfer import means_of, results

BASE_WEIGHTS = (2.0, 1.0, 0.0)
"""Weights of a base model beside parts that together have 5: on rows of new sources it helps, on
rows like the user's own little or not at all (`docs/accuracy.md`). Where no source has both labels,
nothing can choose, and it is the first."""

REFERENCE_SCORES = 2_001
"""Quantiles of the held-out human scores that the model keeps for ranking."""


def fit_model(columns: Columns, usable: Flags, recipe: Recipe, parts: Floats) -> LanguageModel:
    """The model fitted on the usable rows, scaled by ``parts``: their logits when held out.

    It is not adjusted yet, and a base has the first of `BASE_WEIGHTS`.
    """
    fitted = fit_parts(columns, usable, recipe)
    judged = usable & (columns.words >= recipe.least_words)
    human, llm = judged & ~columns.is_llm, judged & columns.is_llm
    own = [*(head.weight for head in recipe.heads), recipe.trees.weight]
    weights = np.array(own if columns.based is None else [*own, BASE_WEIGHTS[0]])
    model = LanguageModel(
        columns.language,
        recipe.least_words,
        fitted.heads,
        fitted.trees,
        np.nanmedian(parts[human], axis=0),
        np.maximum(np.nanstd(parts, axis=0), 1e-9),
        weights,
        np.empty(0),
        np.quantile(columns.measured[human], SHARES, axis=0),
        np.median(columns.measured[llm], axis=0).astype(np.float64),
    )
    return replace(model, human_scores=_reference(columns, model.total(parts)))


def adjusted(
    columns: Columns, model: LanguageModel, parts: Floats, fold: Numbers, recipe: Recipe
) -> tuple[LanguageModel, Floats]:
    """The model with its adjustment, and the scores of held-out rows.

    It is adjusted for errors unless that ranks held-out sources worse, and for the kind of a text
    if that ranks them better: the scores of a fold by those of the other folds, the model by all.
    A base that is adjusted for errors as well lowers its own part of the score.
    """
    total = model.total(parts)
    scores, found = without_errors(columns, total, recipe), None
    if _area(columns, scores) < _area(columns, total):
        scores, recipe = total, replace(recipe, error_slope=0.0)
    crossed = adjusted_across(columns, total, fold, recipe)
    if _area(columns, crossed) > _area(columns, scores):
        found, scores = adjustment_of(columns, scores, recipe.adjusted), crossed
    model = replace(model, adjustment=with_errors(found, recipe))
    return replace(model, human_scores=_reference(columns, scores)), scores


def with_base(
    columns: Columns,
    model: LanguageModel,
    base: LanguageModel,
    parts: Floats,
    fold: Numbers,
    recipe: Recipe,
) -> tuple[LanguageModel, Floats]:
    """As `adjusted`, with the best of `BASE_WEIGHTS`; without the base where that is 0."""
    tried = {}
    for weight in BASE_WEIGHTS:
        weights = np.array([*model.weights[:-1], weight])
        tried[weight] = adjusted(columns, replace(model, weights=weights), parts, fold, recipe)
    best = max(tried, key=lambda weight: _area(columns, tried[weight][1]))
    if best:
        found, scores = tried[best]
        return replace(found, base=base), scores
    names = ("centres", "scales", "weights")
    without = replace(model, **{name: getattr(model, name)[:-1] for name in names})
    return adjusted(columns, without, parts[:, :-1], fold, recipe)


def _area(columns: Columns, scores: Floats) -> float:
    """Mean AUROC of the sources with both labels; 0 if there is none."""
    found = list(results(columns, scores))
    return means_of(found)["auroc"] if found else 0.0


def _reference(columns: Columns, scores: Floats) -> Floats:
    """Quantiles of the scores of held-out human rows."""
    human = scores[~columns.is_llm & ~np.isnan(scores)]
    shares = np.linspace(0, 1, min(REFERENCE_SCORES, max(len(human), 1)))
    return np.quantile(human, shares)
