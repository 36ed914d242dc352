"""How well a model fitted on the rows of ``open_pack.toml`` ranks sources that it never saw.

    python benchmarks/open_pack_transfer.py DATA EXTRA --out accuracy.md

Every English file of DATA with both labels is a source, all its rows are ranked, by whatever model
they are; a model is fitted on the open rows of the other sources only, and not of relatives. Beside
it, on the same rows: words in runs of one to three, TF-IDF, logistic regression (scikit-learn).
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq
from open_recipe import RECIPE
from open_select import select
from open_table import read_table
from style_rows import digest_of, is_mixed

from scrubtrace.detectors.style.folding import fold
from scrubtrace.stats.ranking import auroc, share_found
from scrubtrace.style.adjusting import without_errors
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.parts import fit_parts
from scrubtrace.style.recipes import Recipe

TOGETHER = (
    ("l2r", "lamp_creative", "so_chatgpt"),
    ("herbold_essays", "nlg_rewrite", "agt2025", "hc3plus"),
    ("wiki_intro_d1", "wiki_gpt51", "detectrl_news_reviews", "mixset"),
)
"""Sources held out together, to save fits; relatives among them. Others are in no open row, so the
model that ranks them is fitted on all."""

LEAST_TESTED = 20
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Texts:
    """Open rows, then rows to be ranked; ``files`` names the evaluation file of each, if any."""

    texts: list[str]
    is_llm: list[bool]
    sources: list[str]
    files: npt.NDArray[np.str_]
    is_extra: Flags
    open_rows: int


def read_texts(data: Path, extra: Path) -> Texts:
    """The rows to fit on and those to rank."""
    rows = select(read_table(), data, extra)
    texts, labels = [r.text for r in rows], [r.group.is_llm for r in rows]
    sources, files = [r.group.source for r in rows], [r.file for r in rows]
    for file in sorted(data.glob("*.parquet")):
        own = {
            str(row["text"]): row["label"] == "llm"
            for row in pq.read_table(file, columns=["text", "label", "lang", "attack"]).to_pylist()
            if row["lang"] == "en" and row["text"] and not is_mixed(row["attack"])
        }
        if len(set(own.values())) == 2:
            texts += own
            labels += own.values()
            sources += [f"ranked {file.stem}"] * len(own)
            files += [file.stem] * len(own)
    is_extra = np.array([not file for file in files])
    return Texts(texts, labels, sources, np.array(files), is_extra, len(rows))


def held_out(
    columns: Columns, texts: Texts, usable: Flags, recipe: Recipe
) -> Iterator[tuple[Flags, Flags]]:
    """Rows to fit on, and rows to rank, of each fold."""
    is_open = np.arange(len(columns)) < texts.open_rows
    known = [name for names in TOGETHER for name in names]
    for names in (*TOGETHER, sorted(set(texts.files.tolist()) - {*known, ""})):
        own = usable & np.isin(texts.files, names)
        yield usable & is_open & ~own, own


def combined(parts: Floats, columns: Columns, open_rows: int, recipe: Recipe) -> Floats:
    """One score a row, lowered by its errors.

    The parts are scaled by open rows that were held out, as the shipped are.
    """
    own = parts[:open_rows]
    human = ~columns.is_llm[:open_rows]
    centres, scales = np.nanmedian(own[human], axis=0), np.nanstd(own, axis=0)
    weights = np.array([*(head.weight for head in recipe.heads), recipe.trees.weight])
    total = np.asarray(((parts - centres) / scales * weights).sum(axis=1) / weights.sum())
    return without_errors(columns, total, recipe)


def hashed(folded: Sequence[str]) -> Any:
    """Counts of words in runs of one to three, in 2^21 buckets: CSR matrix (texts, buckets)."""
    from sklearn.feature_extraction.text import HashingVectorizer

    made = HashingVectorizer(
        n_features=1 << 21, ngram_range=(1, 3), alternate_sign=False, norm=None, dtype=np.float32
    )
    return made.transform(folded)


def plain_model() -> Any:
    """TF-IDF of counts and a logistic regression, not fitted."""
    from sklearn.feature_extraction.text import TfidfTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    plain = LogisticRegression(C=3.0, max_iter=200)
    return make_pipeline(TfidfTransformer(sublinear_tf=True), plain)


def baseline(counts: Any, columns: Columns, rest: Flags, own: Flags) -> Floats:
    """Logits of the plain model for some rows, fitted on others."""
    model = plain_model()
    model.fit(counts[np.flatnonzero(rest)], columns.is_llm[rest])
    return np.asarray(model.decision_function(counts[np.flatnonzero(own)]))


def lines(columns: Columns, texts: Texts, scores: Floats, plain: Floats) -> Iterator[str]:
    """The table, as Markdown."""
    yield "| source held out | human | LLM | AUROC | 95% interval | found at 1% | at 5% |" + (
        " plain AUROC | plain found at 1% |"
    )
    yield "|---|---:|---:|---:|---|---:|---:|---:|---:|"
    means = []
    for number, name in enumerate(columns.sources):
        own = (columns.source == number) & ~np.isnan(scores)
        human, llm = own & ~columns.is_llm, own & columns.is_llm
        if not name.startswith("ranked ") or min(human.sum(), llm.sum()) < LEAST_TESTED:
            continue
        area = auroc(scores[human], scores[llm])
        found = [share_found(scores[human], scores[llm], rate).value for rate in (0.01, 0.05)]
        other = (auroc(plain[human], plain[llm]).value,
                 share_found(plain[human], plain[llm], 0.01).value)  # fmt: skip
        means.append((area.value, *found, *other))
        yield (
            f"| {name.removeprefix('ranked ')} | {human.sum():,} | {llm.sum():,} "
            f"| {area.value:.3f} | {area.low:.3f}-{area.high:.3f} | {found[0]:.2f} "
            f"| {found[1]:.2f} | {other[0]:.3f} | {other[1]:.2f} |"
        )
    mean = np.mean(means, axis=0)
    yield (
        f"| **mean of {len(means)}** | | | **{mean[0]:.3f}** | | **{mean[1]:.2f}** "
        f"| **{mean[2]:.2f}** | {mean[3]:.3f} | {mean[4]:.2f} |"
    )


def main() -> None:
    """Writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("extra", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--save", type=Path, help="the scores, for style_transfer.py")
    parser.add_argument("--without-extra", action="store_true")
    given = parser.parse_args()
    began, recipe = time.process_time(), RECIPE
    texts = read_texts(given.data, given.extra)
    columns = columns_of("en", texts.texts, texts.is_llm, texts.sources, recipe)
    usable = columns.words >= recipe.least_words
    if given.without_extra:
        usable &= ~texts.is_extra
    counts = hashed(fold(texts.texts))
    parts = np.full((len(columns), len(recipe.heads) + 1), np.nan)
    plain = np.full(len(columns), np.nan)
    for rest, own in held_out(columns, texts, usable, recipe):
        parts[own] = fit_parts(columns, rest, recipe).logits(columns, own)
        plain[own] = baseline(counts, columns, rest, own)
        print(f"{rest.sum():,} fitted on, {own.sum():,} ranked", flush=True)
    scores = combined(parts, columns, texts.open_rows, recipe)
    if given.save:
        ranked = slice(texts.open_rows, None)
        digests = [digest_of(text) for text in texts.texts[ranked]]
        np.savez(given.save, digests=np.array(digests), scores=scores[ranked])
    given.out.write_text("\n".join(lines(columns, texts, scores, plain)) + "\n", "utf-8")
    print(given.out.read_text("utf-8"))
    print(f"{time.process_time() - began:,.0f} CPU seconds")


if __name__ == "__main__":
    main()
