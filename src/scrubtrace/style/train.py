"""``style train``: labelled rows to a model file, its transfer table and its card."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from scrubtrace.beam_pipelines import storage
from scrubtrace.config import Config
from scrubtrace.detectors.style.heads import Floats
from scrubtrace.detectors.style.model import SHARES, LanguageModel
from scrubtrace.detectors.style.packs import model_bytes
from scrubtrace.exits import UsageStop
from scrubtrace.resumable import resumable
from scrubtrace.schemas.plan import Chat
from scrubtrace.schemas.plan import Columns as ShardColumns
from scrubtrace.style.card import card_text
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.labelled import Labelled, LabelledRows, check_labels
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.progress import Told, say
from scrubtrace.style.recipes import Recipe, recipe_of
from scrubtrace.style.transfer import (
    FOLDS,
    SourceResult,
    folds_of,
    hold_out,
    results,
    transfer_lines,
)

LEAST_ROWS = 200
"""Human rows, and LLM rows, that a language needs."""

MOST_ROWS = 4_000
REFERENCE_SCORES = 2_001
"""Quantiles of the held-out human scores that the model keeps for ranking."""


@dataclass(frozen=True)
class Request:
    """One call of ``scrubtrace style train``."""

    human: Sequence[str]
    llm: Sequence[str]
    config: Config
    out: str
    source_column: str | None = None
    language: str | None = None
    relatives: Sequence[Sequence[str]] = ()
    most: int = MOST_ROWS
    terms: str = ""
    quiet: bool = False

    @property
    def columns(self) -> ShardColumns:
        """The columns of the shards."""
        given = self.config.input
        source = self.source_column or given.group_by.get("source")
        groups = {"source": source} if source else {}
        chat = Chat(given.role_field, given.content_field, given.roles)
        return ShardColumns(given.text_column, None, given.language_column, groups, chat)


@dataclass(frozen=True)
class Trained:
    """One language's model, and how it did on sources that were held out."""

    model: LanguageModel
    found: tuple[SourceResult, ...]
    by_source: bool
    rows: Mapping[tuple[str, bool], int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The transfer table, for people."""
        return [f"{self.model.language}:", *transfer_lines(self.found, self.by_source)]


@resumable()
def train_style(request: Request) -> list[Trained]:
    """Reads, fits, writes the model file and its card; gives what was fitted, by language.

    Raises `UsageStop` for rows that are too few, shards without the columns, or no scikit-learn.
    """
    _check_request(request)
    rows = LabelledRows(request.columns, request.most, request.language, Told(request.quiet))
    rows.read(request.human, is_llm=False)
    for source in request.llm:
        if os.path.isfile(os.path.join(source, "manifest.json")):
            rows.read_index(source)
        else:
            rows.read([source], is_llm=True)
    rows.told.close()
    trained = [_trained(request, language, found) for language, found in _enough(request, rows)]
    about = {"sources": _sources(trained), "terms": request.terms}
    content = model_bytes({t.model.language: t.model for t in trained}, about)
    out = storage.absolute(request.out)
    storage.make_folders(os.path.dirname(out))
    storage.write_atomic(out, content)
    storage.write_atomic(f"{out}.md", card_text(trained, content, request.terms).encode())
    return trained


def train_language(
    language: str,
    rows: Sequence[Labelled],
    relatives: Sequence[Sequence[str]] = (),
    folds: int = FOLDS,
    quiet: bool = True,
    recipe: Recipe | None = None,
) -> Trained:
    """The model of one language from its rows, with the held-out results that scale it.

    ``recipe`` is that of the language, if not given.
    """
    recipe = recipe or recipe_of(language)
    columns = columns_of(
        language, [r.text for r in rows], [r.is_llm for r in rows], [r.source for r in rows], recipe
    )
    usable = columns.words >= recipe.least_fitted
    fold, by_source = folds_of(columns, relatives, folds)
    parts = hold_out(columns, recipe, usable, fold, lambda line: say(f"{language}: {line}", quiet))
    model = fit_model(columns, usable, recipe, parts)
    scores = model.combined(parts)
    sizes = {
        (name, label): int((usable & (columns.cell == 2 * number + label)).sum())
        for number, name in enumerate(columns.sources)
        for label in (False, True)
    }
    return Trained(model, tuple(results(columns, scores)), by_source, sizes)


def fit_model(columns: Columns, usable: Flags, recipe: Recipe, parts: Floats) -> LanguageModel:
    """The model fitted on the usable rows, scaled by ``parts``: their logits when held out."""
    fitted = fit_parts(columns, usable, recipe)
    judged = usable & (columns.words >= recipe.least_words)
    human, llm = judged & ~columns.is_llm, judged & columns.is_llm
    weights = np.array([*(head.weight for head in recipe.heads), recipe.trees.weight])
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
    known = human & ~np.isnan(parts).any(axis=1)
    shares = np.linspace(0, 1, min(REFERENCE_SCORES, max(int(known.sum()), 1)))
    scores = np.quantile(model.combined(parts[known]), shares)
    return LanguageModel(**{**vars(model), "human_scores": scores})


def _enough(request: Request, rows: LabelledRows) -> list[tuple[str, list[Labelled]]]:
    """The languages that have enough rows; all of them must, if one was asked for."""
    found = list(rows.languages())
    if request.language:
        for language, own in found:
            check_labels(language, own, LEAST_ROWS)
    enough = [
        (language, own)
        for language, own in found
        if min(sum(r.is_llm for r in own), sum(not r.is_llm for r in own)) >= LEAST_ROWS
        and _has_measures(language)
    ]
    if not enough:
        counts = ", ".join(f"{language} {len(own):,}" for language, own in found) or "none"
        raise UsageStop(
            f"no language has {LEAST_ROWS:,} human and {LEAST_ROWS:,} LLM rows; rows: {counts}"
        )
    return enough


def _has_measures(language: str) -> bool:
    from scrubtrace.detectors.style.features import measures

    try:
        return bool(measures(language))
    except ValueError:
        return False


def _trained(request: Request, language: str, rows: Sequence[Labelled]) -> Trained:
    return train_language(language, rows, request.relatives, quiet=request.quiet)


def _sources(trained: Sequence[Trained]) -> dict[str, list[list[object]]]:
    return {
        t.model.language: [[name, "llm" if is_llm else "human", n]
                           for (name, is_llm), n in sorted(t.rows.items()) if n]
        for t in trained
    }  # fmt: skip


def _check_request(request: Request) -> None:
    if os.path.isdir(request.out):
        raise UsageStop(f"--out {request.out} is a folder; name a file, as {request.out}/style.npz")
    try:
        import sklearn  # noqa: F401  (only looked for; it is imported where it is used)
    except ImportError:
        raise UsageStop("style train needs scikit-learn: pip install 'scrubtrace[train]'") from None
