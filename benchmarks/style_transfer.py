"""Held-out sources of labelled Parquet files, ranked by the style lane's recipe.

    python benchmarks/style_transfer.py DATA --language en

Every file is a source (columns text, label, lang, attack). A source is ranked by a model that was
fitted without it and its relatives; thresholds are of its own human rows, so the shares found are
what a perfect calibration would give. Rows whose attack begins with ``human+`` are left out.

With ``--beside`` two plain models are fitted on the same rows in the same run: words 1-3, TF-IDF,
logistic regression C=3, and characters 2-4, presence, C=.003. With ``--base`` scores that another
model gave the same rows, held out likewise (`open_pack_transfer.py --save`), are one more part.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from labelled_files import labelled_files, labelled_rows, wrong_data_is_named
from style_rows import RELATIVES, digest_of, is_mixed, source_of

from scrubtrace.detectors.style.adjustment import ERRORS
from scrubtrace.detectors.style.features import places_of
from scrubtrace.detectors.style.heads import Floats
from scrubtrace.detectors.style.ngrams import Family
from scrubtrace.detectors.style.spelling import LANGUAGES as WITH_DICTIONARY
from scrubtrace.detectors.style.strata import merged_edges
from scrubtrace.stats.ranking import auroc, share_found
from scrubtrace.style.adjusting import adjusted_across
from scrubtrace.style.calibrate import LEAST_ROWS_MERGED
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.held_out import BASE_WEIGHTS
from scrubtrace.style.recipes import Fit, HeadRecipe, Intercepts, Recipe, recipe_of
from scrubtrace.style.transfer import SourceResult, hold_out, means_of, results, transfer_lines

LEAST_TESTED, LEAST_HUMAN = 20, 100
LENGTHS = (30, 75, 150, 300, 600)
"""Words at which a range of lengths begins."""


_WORDS, _CHARACTERS = Family("word", (1, 2, 3), 21), Family("char", (2, 3, 4), 20, cased=True)
BESIDE = (
    HeadRecipe("words, C=3", _WORDS, "sublinear", True, (Fit(Intercepts.NONE, 3.0),), 0.0),
    HeadRecipe("characters, C=.003", _CHARACTERS, "presence", False,
               (Fit(Intercepts.NONE, 0.003),), 0.0),
)  # fmt: skip
"""Plain models, as parts of weight 0."""


def read_rows(folder: Path, language: str, most: int) -> list[tuple[str, bool, str, str]]:
    """Text, label, source and attack; at most so many of each source and label, by digest."""
    rows: list[tuple[str, bool, str, str]] = []
    for file in labelled_files(folder):
        own = [
            (row["text"], row["label"] == "llm", source_of(file.stem, row), row["attack"])
            for row in labelled_rows(file, ["domain"])
            if row["lang"] == language and row["text"] and not is_mixed(row["attack"])
        ]
        own.sort(key=lambda row: sha256(row[0].encode("utf-8", "surrogatepass")).digest())
        for cell in sorted({(row[2], row[1]) for row in own}):
            rows += [row for row in own if (row[2], row[1]) == cell][:most]
    return rows


def fold_of(
    columns: Columns, tested: Sequence[str], most: int | None = None
) -> "np.typing.NDArray[np.int64]":
    """A fold for each group of related sources of which one is tested; -1 for other rows.

    At most so many folds: groups then share one, the largest first, each in the smallest fold.
    """
    groups = {name: name for name in columns.sources}
    for related in RELATIVES:
        groups |= {name: related[0] for name in related if name in groups}
    numbers = {name: number for number, name in enumerate(columns.sources)}
    sizes = dict.fromkeys((groups[name] for name in tested), 0)
    for name in columns.sources:
        if groups[name] in sizes:
            sizes[groups[name]] += int((columns.source == numbers[name]).sum())
    filled = [0] * min(most or len(sizes), len(sizes))
    chosen = {}
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        chosen[name] = filled.index(min(filled))
        filled[chosen[name]] += sizes[name]
    by_source = [chosen.get(groups[name], -1) for name in columns.sources]
    return np.array(by_source, np.int64)[columns.source]


def base_scores(file: Path, texts: Sequence[str]) -> Floats:
    """Scores of texts from a file of digests and scores; NaN for a text that it does not have."""
    with np.load(file) as saved:
        known = dict(zip(saved["digests"].tolist(), saved["scores"].tolist(), strict=True))
    return np.array([known.get(digest_of(text), np.nan) for text in texts])


def combined(
    columns: Columns, recipe: Recipe, parts: Floats, fold: "np.typing.NDArray[np.int64]"
) -> Floats:
    """One score a row from the logits of its parts, as a model fitted on these rows combines.

    The scores of a fold are adjusted by those of the other folds; with one fold they are not.
    """
    weights = np.array([*(head.weight for head in recipe.heads), recipe.trees.weight])
    if columns.based is not None:
        weights = np.append(weights, BASE_WEIGHTS[0])
    centres = np.nanmedian(parts[~columns.is_llm], axis=0)
    spread = (parts - centres) / np.maximum(np.nanstd(parts, axis=0), 1e-9)
    scores = np.asarray((spread * weights).sum(axis=1) / weights.sum())
    return adjusted_across(columns, scores, fold, recipe)


def beside_lines(names: Sequence[str], tables: Sequence[Sequence[SourceResult]]) -> Iterator[str]:
    """Models side by side: AUROC, found at 1% and at 5% of every source, and their means."""
    yield f"{'source':24}" + "".join(f"{name:>22}" for name in names)
    for rows in zip(*tables, strict=True):
        cells = (
            f"{row.auroc.value:.3f}/{row.found_1.value:.2f}/{row.found_5.value:.2f}" for row in rows
        )
        yield f"{rows[0].source:24}" + "".join(f"{cell:>22}" for cell in cells)
    means = (
        f"{m['auroc']:.3f}/{m['found_1']:.3f}/{m['found_5']:.3f}" for m in map(means_of, tables)
    )
    yield f"{'mean':24}" + "".join(f"{cell:>22}" for cell in means)


def attack_lines(
    columns: Columns, scores: "np.typing.NDArray[np.float64]", attacks: Sequence[str]
) -> Iterator[str]:
    """AUROC and shares found for each attack of each source, against its human rows."""
    known, names = ~np.isnan(scores), np.array(attacks)
    for number, source in enumerate(columns.sources):
        own = known & (columns.source == number)
        human = scores[own & ~columns.is_llm]
        kinds = sorted(set(names[own & columns.is_llm].tolist()))
        for kind in kinds if len(kinds) > 1 and len(human) else ():
            llm = scores[own & columns.is_llm & (names == kind)]
            if len(llm) >= LEAST_TESTED:
                yield f"{source:24} {kind:44} {len(llm):6,} {ranked(human, llm)}"


def ranked(human: Floats, llm: Floats) -> str:
    """AUROC, and shares found at 1% and 5%, with 95% intervals."""
    cells = (auroc(human, llm), share_found(human, llm, 0.01), share_found(human, llm, 0.05))
    return "  ".join(f"{c.value:.3f} ({c.low:.3f}-{c.high:.3f})" for c in cells)


def length_lines(columns: Columns, scores: Floats, usable: Flags) -> Iterator[str]:
    """Means over sources by the number of words, thresholds of human rows of the same length.

    Then the share of each source's rows that are long enough to be ranked.
    """
    for low, high in zip(LENGTHS, (*LENGTHS[1:], None), strict=True):
        inside = (columns.words >= low) & (columns.words < (high or np.inf))
        found = [
            row
            for row in results(columns, np.where(inside, scores, np.nan))
            if row.human >= LEAST_HUMAN and row.llm >= LEAST_TESTED
        ]
        if found:
            means = means_of(found)
            yield (
                f"{low:4} to {high or 'more':4} words: {len(found):2} sources, AUROC "
                f"{means['auroc']:.3f}, found at 1% {means['found_1']:.2f}, at 5% "
                f"{means['found_5']:.2f}"
            )
    tested = np.isin(columns.source, np.unique(columns.source[~np.isnan(scores)]))
    shares = (
        f"{name} {usable[columns.source == number].mean():.0%}"
        for number, name in enumerate(columns.sources)
        if tested[columns.source == number].any()
    )
    yield f"long enough to be ranked: {', '.join(shares)}"


def error_lines(columns: Columns, scores: Floats) -> Iterator[str]:
    """Errors per hundred words in the ranked human and LLM rows of each source."""
    if columns.language not in WITH_DICTIONARY:
        return
    (place,) = places_of(columns.language, (ERRORS,))
    known = ~np.isnan(scores)
    cells = []
    for number, name in enumerate(columns.sources):
        own = known & (columns.source == number)
        if own.any():
            human, llm = (columns.measured[own & (columns.is_llm == label), place].mean()
                          for label in (False, True))  # fmt: skip
            cells.append(f"{name} {human:.2f} and {llm:.2f}")
    yield f"errors per hundred words, human and LLM rows: {', '.join(cells)}"


def found_by_range(columns: Columns, scores: Floats) -> dict[str, float]:
    """Share of each source's LLM rows found at 1%, every range of lengths with its own threshold.

    Ranges merge as those of a calibration do.
    """
    known, shares = ~np.isnan(scores), {}
    for row in results(columns, scores):
        own = known & (columns.source == columns.sources.index(row.source))
        edges = merged_edges(columns.words[own & ~columns.is_llm], LEAST_ROWS_MERGED)
        found = 0.0
        for low, high in zip(edges, [*edges[1:], np.inf], strict=True):
            inside = own & (columns.words >= low) & (columns.words < high)
            human, llm = scores[inside & ~columns.is_llm], scores[inside & columns.is_llm]
            if len(llm):
                found += len(llm) * share_found(human, llm, 0.01).value
        shares[row.source] = found / row.llm
    return shares


@wrong_data_is_named()
def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--most", type=int, default=4_000)
    parser.add_argument("--source", action="append", help="only these are held out")
    parser.add_argument("--folds", type=int, help="at most so many fits (default: one a source)")
    parser.add_argument("--beside", action="store_true", help="also fit two plain models")
    parser.add_argument("--base", type=Path, help="scores by a base model, by digest of the text")
    parser.add_argument("--save", type=Path, help="logits of the parts, for looking closer")
    parser.add_argument("--logits", type=Path, help="what --save wrote, instead of fitting again")
    parser.add_argument("--one-sided", type=float, help="weight of sources of one label")
    given = parser.parse_args()
    if given.base and not given.base.is_file():
        parser.error(f"--base (make: BASE=) {given.base} is no file")
    rows = read_rows(given.data, given.language, given.most)
    if not rows:
        print(f"no rows of {given.language} in {given.data}")
        return
    recipe = recipe_of(given.language)
    if given.one_sided is not None:
        heads = tuple(replace(head, one_sided=given.one_sided) for head in recipe.heads)
        recipe = replace(recipe, heads=heads)
    if given.beside:
        recipe = replace(recipe, heads=(*recipe.heads, *BESIDE))
    began = time.process_time()
    columns = columns_of(
        given.language, [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows], recipe
    )
    usable = columns.words >= recipe.least_fitted
    if given.base:
        based = base_scores(given.base, [r[0] for r in rows])
        known = int((usable & ~np.isnan(based)).sum())
        print(f"{known:,} of {int(usable.sum()):,} rows that are long enough have a base score")
        columns = replace(columns, based=based)
    two_sided = [n for n, one in zip(columns.sources, columns.one_sided(usable), strict=True)
                 if not one]  # fmt: skip
    fold = fold_of(columns, given.source or two_sided, given.folds)
    print(f"{len(rows):,} rows, {int(usable.sum()):,} long enough, {fold.max() + 1} folds")
    if given.logits:
        parts = np.load(given.logits)["parts"]
    else:
        parts = hold_out(columns, recipe, usable, fold, lambda line: print(line, flush=True))
    print(f"{time.process_time() - began:,.0f} CPU seconds")
    if given.save:
        attacks = np.array([r[3] for r in rows])
        np.savez(given.save, parts=parts, cell=columns.cell, attacks=attacks,
                 sources=np.array(columns.sources), words=columns.words)  # fmt: skip
    scores = combined(columns, recipe, parts, fold)
    found = list(results(columns, scores))
    print("\n".join(transfer_lines(found, by_source=True)))
    if not found:
        return
    print("\n".join(attack_lines(columns, scores, [r[3] for r in rows])))
    print("\n".join(length_lines(columns, scores, columns.words >= recipe.least_words)))
    print("\n".join(error_lines(columns, scores)))
    by_range = found_by_range(columns, scores)
    cells = (f"{name} {share:.2f}" for name, share in by_range.items())
    print(f"found at 1% with a threshold for each range of lengths: {', '.join(cells)}")
    print({**means_of(found), "by range": float(np.mean(list(by_range.values())))})
    beside = {"this": found}
    if recipe.adjusted:
        plain = combined(columns, replace(recipe, adjusted=()), parts, fold)
        beside["not adjusted for kind"] = list(results(columns, plain))
    if recipe.error_slope:
        whole = combined(columns, replace(recipe, error_slope=0.0), parts, fold)
        beside["not lowered by errors"] = list(results(columns, whole))
    if given.base:
        own = combined(replace(columns, based=None), recipe, parts[:, :-1], fold)
        beside["without the base"] = list(results(columns, own))
    if given.beside:
        for head in BESIDE:
            place = recipe.heads.index(head)
            beside[head.name] = list(results(columns, parts[:, place]))
    if len(beside) > 1:
        print("\n".join(beside_lines(list(beside), list(beside.values()))))


if __name__ == "__main__":
    main()
