"""Held-out sources: what a model says of texts from where it was not fitted.

Random rows left out tell nothing of a new source: scores near 1 there have fallen to 0.6. So whole
sources are left out, with those that are related to them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scrubtrace.detectors.style.heads import Floats
from scrubtrace.stats.ranking import Estimate, auroc, share_found
from scrubtrace.style.columns import Columns, Flags, Numbers
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.recipes import Recipe

FOLDS = 5
LEAST_SOURCES = 3
"""With fewer sources of both labels, rows are left out at random, and the table says so."""


@dataclass(frozen=True)
class SourceResult:
    """How a held-out source's rows were ranked; rates are of its own human rows."""

    source: str
    human: int
    llm: int
    auroc: Estimate
    found_1: Estimate
    found_5: Estimate


def folds_of(
    columns: Columns,
    judged: Flags,
    relatives: Sequence[Sequence[str]],
    folds: int,
    least: int = LEAST_SOURCES,
) -> tuple[Numbers, bool]:
    """Fold of each row, and whether they are of whole sources: of ``least`` with both labels.

    ``judged`` are the rows long enough to be scored: only they make a source one of both labels.
    Groups of related sources go, the largest first, to the fold with the fewest rows. Relatives of
    a relative are relatives.
    """
    names = {name: number for number, name in enumerate(columns.sources)}
    group = np.arange(len(columns.sources))
    for related in relatives:
        known = [names[name] for name in related if name in names]
        if known:
            joined = np.isin(group, group[known])
            group[joined] = group[known].min()
    rows = group[columns.source]
    two_sided = {int(group[s]) for s in np.flatnonzero(~columns.one_sided(judged))}
    if len(two_sided) < least:
        return np.arange(len(columns)) % folds, False
    sizes = np.bincount(rows, minlength=len(group))
    fold_of, filled = np.zeros(len(group), np.int64), np.zeros(folds)
    for number in sorted(set(rows.tolist()), key=lambda g: (g not in two_sided, -sizes[g], g)):
        fold_of[number] = int(np.argmin(filled))
        filled[fold_of[number]] += sizes[number]
    return fold_of[rows], True


def hold_out(
    columns: Columns,
    recipe: Recipe,
    usable: Flags,
    fold: Numbers,
    told: Callable[[str], None] = lambda line: None,
) -> Floats:
    """Logits of every part for rows of each fold, fitted on the usable rows of the other folds.

    Rows with fewer words than the recipe's ``least_words`` are not scored. ``fold`` is int64
    (rows,); -1: a row that every fit sees, and that none scores. Gives float64 (rows, parts), NaN
    for rows that were not scored.
    """
    width = len(recipe.heads) + 1 + (columns.based is not None)
    parts = np.full((len(columns), width), np.nan)
    used = sorted(set(fold[usable & (fold >= 0)].tolist()))
    for place, number in enumerate(used):
        told(f"fit {place + 1} of {len(used) + 1}")
        rest = usable & (fold != number)
        own = usable & (fold == number) & (columns.words >= recipe.least_words)
        if len(set(columns.is_llm[rest].tolist())) == 2:
            parts[own] = fit_parts(columns, rest, recipe).logits(columns, own)
    return parts


def results(columns: Columns, scores: Floats) -> Iterator[SourceResult]:
    """One result a source that has held-out rows of both labels."""
    known = ~np.isnan(scores)
    for number, name in enumerate(columns.sources):
        own = known & (columns.source == number)
        human, llm = scores[own & ~columns.is_llm], scores[own & columns.is_llm]
        if len(human) and len(llm):
            found = (share_found(human, llm, rate) for rate in (0.01, 0.05))
            yield SourceResult(name, len(human), len(llm), auroc(human, llm), *found)


def transfer_lines(
    found: Sequence[SourceResult], by_source: bool, based: bool = False
) -> Iterator[str]:
    """The table for people; what was left out is said first. ``based``: the model has a base."""
    if not found:
        weight = ", nor what a base model should weigh" if based else ""
        yield (
            f"no source has both labels, so how well the model does cannot be told{weight}: name "
            "sources that have both with --source-column"
        )
        return
    yield (
        "each source ranked by a model that was fitted without it and its relatives:"
        if by_source
        else "fewer than 3 sources have both labels, so every fifth row was left out, not whole "
        "sources: expect much less on texts of another source"
    )
    head = f"{'source':28} {'human':>7} {'llm':>7} {'AUROC':>6} {'95% interval':>13}"
    yield f"{head} {'found at 1%':>12} {'95% interval':>13} {'at 5%':>6}"
    for row in found:
        area, found_1 = (f"{e.low:.3f}-{e.high:.3f}" for e in (row.auroc, row.found_1))
        yield (
            f"{row.source[:28]:28} {row.human:>7,} {row.llm:>7,} {row.auroc.value:>6.3f} "
            f"{area:>13} {row.found_1.value:>12.2f} {found_1:>13} {row.found_5.value:>6.2f}"
        )
    means = means_of(found)
    yield (
        f"{'mean':28} {'':>7} {'':>7} {means['auroc']:>6.3f} {'':>13} "
        f"{means['found_1']:>12.2f} {'':>13} {means['found_5']:>6.2f}"
    )


def means_of(found: Sequence[SourceResult]) -> Mapping[str, float]:
    """Means over sources, each counting once."""
    return {
        name: float(np.mean([getattr(row, name).value for row in found]))
        for name in ("auroc", "found_1", "found_5")
    }
