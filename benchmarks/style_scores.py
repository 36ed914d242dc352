"""Rows of many sources, scored by style models that knew none of their sources.

Sources are put into four groups, relatives together, and each pair of groups is scored by a model
of the other two. So for any two sources there is one model that knows neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
from style_rows import RELATIVES, Numbers, places, read_rows

from scrubtrace.detectors.style.model import covariate_columns
from scrubtrace.detectors.style.strata import HumanRows
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.recipes import Recipe, recipe_of
from scrubtrace.style.transfer import folds_of

GROUPS = 4
MOST = 2_000
"""Rows of each source and label that models are fitted on; all human rows are scored."""

Floats = npt.NDArray[np.float64]
Scores = Mapping[tuple[int, int], Floats]


@dataclass(frozen=True)
class Scored:
    """Rows with scores by models that knew no text of their sources.

    Parameters
    ----------
    language, names : of the sources.
    source, group : int64 (rows,), and (sources,): the group of each source.
    is_llm : bool (rows,).
    scores : for each pair of groups, float64 (rows,), NaN for rows of other groups.
    words, covariates : (rows,), (rows, k).
    """

    language: str
    names: tuple[str, ...]
    source: Numbers
    group: Numbers
    is_llm: Flags
    scores: Scores
    words: Numbers
    covariates: Floats

    def rows_of(self, number: int, other: int | None = None, is_llm: bool = False) -> HumanRows:
        """Rows of a source and label, scored by a model that knew neither it nor the ``other``."""
        first = int(self.group[number])
        second = first if other is None else int(self.group[other])
        if second == first:
            second = (first + 1) % GROUPS
        own = (self.source == number) & (self.is_llm == is_llm)
        scores = self.scores[min(first, second), max(first, second)][own]
        known = ~np.isnan(scores)
        own[own] = known
        name = self.names[number]
        return HumanRows(
            self.language, name, scores[known], self.words[own], self.covariates[own]
        )  # fmt: skip


def scored_of(folder: Path, language: str, most: int = MOST) -> Scored:
    """Reads, fits and scores; raises ValueError if sources are too few to be held out in groups."""
    rows, recipe = read_rows(folder, language), recipe_of(language)
    if not rows:
        raise ValueError(f"no rows of {language} in {folder}")
    place = places(rows)
    rows = [
        row for row, own in zip(rows, place.tolist(), strict=True) if not row.is_llm or own < most
    ]
    columns = columns_of(
        language, [r.text for r in rows], [r.is_llm for r in rows], [r.source for r in rows], recipe
    )
    usable = columns.words >= recipe.least_words
    fold, by_source = folds_of(columns, usable, RELATIVES, GROUPS)
    if not by_source:
        raise ValueError(f"{language}: too few sources have both labels to hold any out")
    group = np.zeros(len(columns.sources), np.int64)
    group[columns.source] = fold
    scores = scores_by_pairs(columns, recipe, usable, usable & (places(rows) < most), fold)
    covariates = columns.measured[:, covariate_columns(language)].astype(np.float64)
    kept = usable & np.isfinite(covariates).all(axis=1)
    return Scored(
        language, columns.sources, columns.source[kept], group, columns.is_llm[kept],
        {pair: found[kept] for pair, found in scores.items()},
        columns.words[kept], covariates[kept],
    )  # fmt: skip


def scores_by_pairs(
    columns: Columns, recipe: Recipe, usable: Flags, fitted: Flags, fold: Numbers
) -> Scores:
    """Scores of the rows of each two groups by a model of the ``fitted`` rows of the others.

    Parts are scaled by what they give to the rows that are scored.
    """
    weights = np.array([*(head.weight for head in recipe.heads), recipe.trees.weight])
    found = {}
    for pair in combinations(range(GROUPS), 2):
        own = usable & np.isin(fold, pair)
        rest = fitted & ~np.isin(fold, pair)
        found[pair] = np.full(len(columns), np.nan)
        if len(set(columns.is_llm[rest].tolist())) == 2:
            parts = fit_parts(columns, rest, recipe).logits(columns, own)
            spread = np.maximum(parts.std(axis=0), 1e-9)
            found[pair][own] = (parts / spread * weights).sum(axis=1) / weights.sum()
    return found
