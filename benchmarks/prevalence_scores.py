"""Scores of labelled rows by style models that knew none of their sources, in one file.

    python benchmarks/prevalence_scores.py DATA CACHE.npz --language en
    python benchmarks/prevalence_scores.py DATA CACHE.npz --language en --source l2r --most 4000
    python benchmarks/prevalence_scores.py DATA CACHE.npz --source l2r --own-half --most 4000

Sources are put into folds, relatives together; the rows of each fold are scored by a model of the
other folds. With ``--source`` all rows of that one are scored by a model of the others. With
``--own-half`` half of its prompts are scored by a model of the other half alone: the user's own
kind of data. Rows that may go back to a scored prompt are never fitted on.

CACHE is for `prevalence_coverage.py` and stays outside of the repository. It holds,
row by row, scores, sources, labels, attacks and generators, and no text.
"""

import argparse
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from style_rows import RELATIVES, halves, is_mixed, places, prompts_of, source_of
from style_rows import Row as PromptRow
from style_rows import read_rows as read_prompt_rows
from style_transfer import combined

from scrubtrace.style.columns import columns_of
from scrubtrace.style.recipes import recipe_of
from scrubtrace.style.transfer import folds_of, hold_out

FOLDS = 4
MOST = 1_500
"""Rows of each source and label that are read."""

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Row:
    """One labelled text."""

    text: str
    is_llm: bool
    source: str
    attack: str
    generator: str


@dataclass(frozen=True)
class Cache:
    """Scored rows: each field has one entry a row."""

    score: npt.NDArray[np.float64]
    is_llm: npt.NDArray[np.bool_]
    source: Texts
    attack: Texts
    generator: Texts


def read_rows(folder: Path, language: str, most: int = MOST) -> list[Row]:
    """Rows of one language, those with the smallest digest of each source and label."""
    rows: list[Row] = []
    for file in sorted(folder.glob("*.parquet")):
        optional = {"domain", "generator"} & set(pq.read_schema(file).names)
        table = pq.read_table(file, columns=["text", "label", "lang", "attack", *optional])
        own = {
            (row["text"], row["label"]): _row(file.stem, row)
            for row in table.to_pylist()
            if row["lang"] == language and row["text"] and not is_mixed(row["attack"])
        }
        ordered = sorted(own.values(), key=lambda row: _digest(row.text))
        for cell in sorted({(row.source, row.is_llm) for row in ordered}):
            rows += [row for row in ordered if (row.source, row.is_llm) == cell][:most]
    return rows


def _row(name: str, row: dict[str, Any]) -> Row:
    return Row(
        str(row["text"]), row["label"] == "llm", source_of(name, row),
        str(row["attack"] or "none"), str(row.get("generator") or "unknown"),
    )  # fmt: skip


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def scored(rows: list[Row], language: str) -> Cache:
    """Scores rows, fold by fold; rows that are too short are left out.

    Raises ValueError if too few sources have both labels to hold any out.
    """
    recipe = recipe_of(language)
    columns = columns_of(
        language, [r.text for r in rows], [r.is_llm for r in rows], [r.source for r in rows], recipe
    )
    judged = columns.words >= recipe.least_words
    fold, by_source = folds_of(columns, judged, RELATIVES, FOLDS)
    if not by_source:
        raise ValueError(f"{language}: too few sources have both labels to hold any out")
    usable = columns.words >= recipe.least_fitted
    parts = hold_out(columns, recipe, usable, fold, lambda line: print(line, flush=True))
    score = combined(columns, recipe, parts, fold)
    kept = ~np.isnan(score)
    text = {
        name: np.array([getattr(row, name) for row in rows])[kept]
        for name in ("source", "attack", "generator")
    }
    return Cache(score[kept], columns.is_llm[kept], **text)


def scored_source(
    rows: list[PromptRow], language: str, source: str, most: int, own_half: bool
) -> Cache:
    """Rows of one source, at most so many of each label, by a model of the other sources.

    With ``own_half`` those of half of its prompts, by a model of the other half. Raises ValueError
    if there are no rows of the source.
    """
    names = np.array([row.source for row in rows])
    if source not in names:
        raise ValueError(f"no rows of source {source!r}")
    limit = np.where(names == source, most, 0 if own_half else MOST)
    related = [name for group in RELATIVES if source in group for name in group if name != source]
    kept = np.flatnonzero((places(rows) < limit) & ~np.isin(names, related))
    own, prompt = [rows[number] for number in kept.tolist()], prompts_of(rows)[kept]
    tested = halves(prompt) == 1 if own_half else names[kept] == source
    recipe = recipe_of(language)
    columns = columns_of(
        language, [r.text for r in own], [r.is_llm for r in own], [r.source for r in own], recipe
    )
    usable = columns.words >= recipe.least_fitted
    usable &= tested | ~np.isin(prompt, prompt[tested])
    fold = np.where(tested, 0, -1)
    parts = hold_out(columns, recipe, usable, fold, lambda line: print(line, flush=True))
    score = combined(columns, recipe, parts, fold)
    known = ~np.isnan(score)
    name = f"{source}, own half" if own_half else source
    told = (np.full(int(known.sum()), text) for text in (name, "none", "unknown"))
    return Cache(score[known], columns.is_llm[known], *told)


def read_cache(file: Path) -> Cache:
    """What this script has written."""
    with np.load(file) as saved:
        return Cache(**{name: saved[name] for name in saved.files})


def main() -> None:
    """Writes the file, and tells how many rows it has."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--most", type=int, default=MOST, help="rows of each source and label")
    parser.add_argument("--source", help="only this one is scored, by a model of the others")
    parser.add_argument("--own-half", action="store_true", help="half of it, by the other half")
    given = parser.parse_args()
    if given.source:
        rows = read_prompt_rows(given.data, given.language)
        found = scored_source(rows, given.language, given.source, given.most, given.own_half)
    else:
        found = scored(read_rows(given.data, given.language, given.most), given.language)
    np.savez(given.cache, **vars(found))
    print(f"{given.cache}: {len(found.score):,} rows of {len(set(found.source.tolist()))} sources")


if __name__ == "__main__":
    main()
