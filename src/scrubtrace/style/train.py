"""``style train``: labelled rows to a model file, its transfer table and its card."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.config import Config
from scrubtrace.detectors.language import normalise_code
from scrubtrace.detectors.style.folding import fold
from scrubtrace.detectors.style.frame import Frame
from scrubtrace.detectors.style.loading import shipped
from scrubtrace.detectors.style.model import FRAME_TEXTS, LanguageModel, StyleModel, words_of
from scrubtrace.detectors.style.packs import model_bytes, read_model, row_number
from scrubtrace.detectors.style.word_lists import LANGUAGES
from scrubtrace.exits import UsageStop
from scrubtrace.out_file import check_out, files_of
from scrubtrace.resumable import resumable
from scrubtrace.runs.reading import counted
from scrubtrace.schemas.plan import Columns as ShardColumns
from scrubtrace.schemas.style import StyleError
from scrubtrace.style.card import card_text
from scrubtrace.style.columns import columns_of
from scrubtrace.style.completions import is_index
from scrubtrace.style.held_out import adjusted, fit_model, with_base
from scrubtrace.style.labelled import NO_CODE, Labelled, LabelledRows
from scrubtrace.style.names import few, ids_hint
from scrubtrace.style.progress import Told, say
from scrubtrace.style.recipes import Recipe, recipe_of
from scrubtrace.style.transfer import (
    FOLDS,
    LEAST_SOURCES,
    SourceResult,
    folds_of,
    hold_out,
    results,
    transfer_lines,
)

SHIPPED, NO_BASE = "shipped", "none"
SHOWN, SHOWN_NAMES = 5, 20

LEAST_ROWS = 200
"""Human rows, and LLM rows, that a language needs."""

MOST_ROWS = 4_000


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
    base: str = SHIPPED
    quiet: bool = False

    @property
    def columns(self) -> ShardColumns:
        """The columns of the shards."""
        given = self.config.input
        source = self.source_column or given.group_by.get("source")
        groups = {"source": source} if source else {}
        return ShardColumns(given.text_column, None, given.language_column, groups, given.chat)


@dataclass(frozen=True)
class Trained:
    """One language's model, and how it did on sources that were held out.

    ``known`` is how many of its human rows the base model was fitted on, ``counts`` what became of
    the rows of all languages that were read.
    """

    model: LanguageModel
    found: tuple[SourceResult, ...]
    by_source: bool
    rows: Mapping[tuple[str, bool], int] = field(default_factory=dict)
    known: int = 0
    counts: Mapping[str, int] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The transfer table, for people, and what flatters it."""
        based = self.model.base is not None
        lines = [f"{self.model.language}:", *transfer_lines(self.found, self.by_source, based)]
        if not self.found and based:
            lines.append(f"the base model has weight {self.model.weights[-1]:g}, unchosen")
        if self.counts:
            lines.append(f"rows read, all languages: {counted(self.counts)}")
        if self.known:
            lines.append(
                f"the base model was fitted on {self.known:,} of these human rows, so the table "
                "flatters: --base none does without it"
            )
        return lines


@resumable(keeps=False)
def train_style(request: Request) -> tuple[list[Trained], int]:
    """Reads, fits, writes the model file and its card; gives what was fitted, by language.

    The number is that of rows and shards that could not be read.

    Raises `UsageStop` for rows that are too few, shards without the columns, or no scikit-learn.
    """
    out = _check_request(request)
    language = normalise_code(request.language) if request.language else None
    rows = LabelledRows(request.columns, request.most, language,
                        Told(request.quiet, "training"))  # fmt: skip
    rows.read(request.human, is_llm=False)
    indexes = [path for path in request.llm if is_index(path)]
    rows.read([path for path in request.llm if path not in indexes], is_llm=True)
    rows.read_indexes(indexes)
    rows.told.close()
    _tell_no_codes(request, rows)
    counts = rows.told_counts()
    say(f"rows: {counted(counts)}", request.quiet)
    _check_relatives(request, rows)
    used = _enough(request, rows)
    _tell_ids(request, used)
    trained = [
        replace(_trained(request, language, found), counts=counts) for language, found in used
    ]
    based = sorted(one.model.language for one in trained if one.model.base)
    about = {"sources": _sources(trained), "terms": request.terms}
    about |= {"base": dict.fromkeys(based, request.base)} if based else {}
    human = {number for _, own in used for number in _human_numbers(own)}
    if based:
        human |= _base_rows(request.base)
    content = model_bytes({t.model.language: t.model for t in trained}, about, human)
    storage.write_atomic(out, content)
    storage.write_atomic(f"{out}.md", card_text(trained, content, request.terms).encode())
    return trained, rows.counts["dead_rows"] + rows.counts["dead_shards"]


def train_language(
    language: str,
    rows: Sequence[Labelled],
    relatives: Sequence[Sequence[str]] = (),
    folds: int = FOLDS,
    quiet: bool = True,
    recipe: Recipe | None = None,
    base: LanguageModel | None = None,
    least_sources: int = LEAST_SOURCES,
) -> Trained:
    """The model of one language from its rows, with the held-out results that scale it.

    Whole sources are held out if ``least_sources`` of them have both labels.

    ``recipe`` is that of the language, if not given. The score of ``base`` is one more part, with
    the weight of `BASE_WEIGHTS` that ranks held-out rows best; scores are adjusted for the kind of
    a text if that ranks them better.
    """
    recipe = recipe or recipe_of(language)
    texts, labels = [row.text for row in rows], [row.is_llm for row in rows]
    columns = columns_of(language, texts, labels, [row.source for row in rows], recipe, base)
    usable = columns.words >= recipe.least_fitted
    judged = usable & (columns.words >= recipe.least_words)
    fold, by_source = folds_of(columns, judged, relatives, folds, least_sources)
    parts = hold_out(columns, recipe, usable, fold, lambda line: say(f"{language}: {line}", quiet))
    say(f"{language}: last fit", quiet)
    model = fit_model(columns, usable, recipe, parts)
    if base is not None:
        model, scores = with_base(columns, model, base, parts, fold, recipe)
    else:
        model, scores = adjusted(columns, model, parts, fold, recipe)
    sizes = {
        (name, label): int((usable & (columns.cell == 2 * number + label)).sum())
        for number, name in enumerate(columns.sources)
        for label in (False, True)
    }
    return Trained(model, tuple(results(columns, scores)), by_source, sizes)


def _enough(request: Request, rows: LabelledRows) -> list[tuple[str, list[Labelled]]]:
    """The languages that have enough rows; says which are left out.

    Raises `UsageStop` if none has.
    """
    found = list(rows.languages())
    problems = {language: problem for language, own in found if (problem := _lacks(language, own))}
    enough = [(language, own) for language, own in found if language not in problems]
    sizes = {language: len(own) for language, own in found}
    ordered = sorted(problems, key=lambda language: -sizes[language])
    lines = [f"{language}: {problems[language]}" for language in ordered[:SHOWN]]
    if len(ordered) > SHOWN:
        lines.append(f"and {few(ordered[SHOWN:], SHOWN_NAMES)}")
    if not enough:
        read = f"rows read: {counted(rows.told_counts())}"
        raise UsageStop(f"no language can be trained; {'; '.join([*lines, read])}")
    for line in lines:
        say(f"left out: {line}", request.quiet)
    return enough


def _lacks(language: str, rows: Sequence[Labelled]) -> str:
    """What a language lacks for a model; empty if it lacks nothing."""
    if language == NO_CODE:
        return f"{len(rows):,} rows"
    if language not in LANGUAGES:
        return f"{len(rows):,} rows, but only {', '.join(LANGUAGES)} can be trained"
    least = recipe_of(language).least_words
    counts = {True: 0, False: 0}
    for at in range(0, len(rows), FRAME_TEXTS):
        some = rows[at : at + FRAME_TEXTS]
        words = words_of(Frame.of(fold([row.text for row in some])))
        for row, count in zip(some, words.tolist(), strict=True):
            counts[row.is_llm] += count >= least
    if min(counts.values()) >= LEAST_ROWS:
        return ""
    return (
        f"{counts[False]:,} human and {counts[True]:,} LLM rows of {least} words or more, and "
        f"{LEAST_ROWS:,} of each are needed"
    )


def _check_relatives(request: Request, rows: LabelledRows) -> None:
    known = rows.sources()
    unknown = sorted({name for names in request.relatives for name in names} - known)
    if unknown:
        raise UsageStop(
            f"--relatives names sources that no row has: {few(unknown)}; "
            f"sources: {few(sorted(known))}"
        )


def _tell_no_codes(request: Request, rows: LabelledRows) -> None:
    """Names the shards that have languages which are no codes, never these values."""
    ordered = sorted(rows.no_codes.items())
    for shard, count in ordered[:SHOWN]:
        line = (
            f"{shard}: column {request.columns.language!r} has no language code in {count:,} rows, "
            "which are not used: give the column with codes such as en, or --language"
        )
        log.tell("no_language_code", line, "warning", shard=shard, rows=count)
    if len(ordered) > SHOWN:
        more = f"... and {len(ordered) - SHOWN:,} more shards with languages that are no codes"
        log.tell("no_language_code", more, "warning", shards=len(ordered))


def _tell_ids(request: Request, used: Sequence[tuple[str, Sequence[Labelled]]]) -> None:
    sizes = Counter(row.source for _, own in used for row in own).values()
    if hint := ids_hint(sizes, request.columns.groups.get("source")):
        log.tell("training", hint, "warning", hint=hint)


def _trained(request: Request, language: str, rows: Sequence[Labelled]) -> Trained:
    base = base_of(request.base, language)
    found = train_language(language, rows, request.relatives, quiet=request.quiet, base=base)
    return with_known(found, rows, request.base)


def with_known(found: Trained, rows: Sequence[Labelled], base: str) -> Trained:
    """What was trained on some rows, with how many of them its base was fitted on."""
    if found.model.base is None:
        return found
    return replace(found, known=len(_human_numbers(rows) & _base_rows(base)))


def base_of(name: str, language: str) -> LanguageModel | None:
    """The base model of a language: the shipped one, none, or that of a file, without its own base.

    Raises `UsageStop` for a file that cannot be used.
    """
    if name == NO_BASE:
        return None
    model = _base_file(name)
    found = model.models.get(language)
    if found is not None and found.base is not None:
        raise _based(name)
    return found


def _based(name: str) -> UsageStop:
    return UsageStop(f"--base {name} has a base itself; name that of which it was made")


def _base_file(name: str) -> StyleModel:
    try:
        return shipped() if name == SHIPPED else read_model(name)
    except StyleError as error:
        raise UsageStop(str(error)) from None


def _human_numbers(rows: Sequence[Labelled]) -> set[int]:
    return {row_number(row.text) for row in rows if not row.is_llm}


def _base_rows(name: str) -> frozenset[int]:
    """Numbers of the human rows that a base model was fitted on."""
    return _base_file(name).human_rows


def _sources(trained: Sequence[Trained]) -> dict[str, list[list[object]]]:
    return {
        t.model.language: [[name, "llm" if is_llm else "human", n]
                           for (name, is_llm), n in sorted(t.rows.items()) if n]
        for t in trained
    }  # fmt: skip


def _check_request(request: Request) -> str:
    """Where the model goes; raises `UsageStop` for what would fail after the work."""
    read = [*files_of([*request.human, *request.llm]), request.base]
    out = check_out(request.out, read, example="style.npz")
    if os.path.isdir(f"{out}.md"):
        raise UsageStop(f"{request.out}.md, where the card goes, is a folder")
    try:
        import sklearn  # noqa: F401  (only looked for; it is imported where it is used)
    except ImportError:
        raise UsageStop("style train needs scikit-learn: pip install 'scrubtrace[train]'") from None
    _check_base(request)
    return out


def _check_base(request: Request) -> None:
    """Raises `UsageStop` for a base that cannot be used, whatever the rows are."""
    if request.base == NO_BASE:
        return
    models = _base_file(request.base).models
    languages = [normalise_code(request.language)] if request.language else [*models]
    found = [models[language] for language in languages if language in models]
    if found and all(model.base is not None for model in found):
        raise _based(request.base)
