"""The style lane's recipe trained on the user's own kind of data: half of each source's prompts.

    python benchmarks/style_in_source.py DATA --language en

Every Parquet file is a source (columns text, label, lang, attack, and where known pair_id, prompt).
Its prompts are split in halves; a model fitted on one half ranks the other, and the reverse. Rows
that may go back to one prompt are never on both sides, in no source (`style_rows`). The scales of a
model's parts come from rows of the training half. Shares found are at thresholds of the other
half's own human rows: what a perfect calibration gives.

Languages without enough sources of both labels (de, id, ja): all human sources against all LLM
sources, split likewise, and what else than the writer tells them apart.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from labelled_files import wrong_data_is_named
from style_rows import Numbers, Row, halves, places, prompts_of, read_rows

from scrubtrace.stats.ranking import auroc, share_found
from scrubtrace.style.columns import Columns, Flags, columns_of
from scrubtrace.style.held_out import fit_model
from scrubtrace.style.parts import Fitted
from scrubtrace.style.recipes import Recipe, recipe_of
from scrubtrace.style.transfer import hold_out

MOST = 4_000
MOST_OTHERS = 1_500
LEAST = 30
"""Rows of each label in each half, of the least words, below which a source is not tested."""

LEAST_IN_MEAN = 150
LEAST_SOURCES = 3
"""With fewer sources of both labels the pooled test is made as well."""

SCALED = 4
"""One in so many training rows is held out once, to scale the parts."""

TOGETHER = 8
ALL = "all human against all LLM sources"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """Rows of one language as columns; ``usable``, ``prompt``, ``place`` (rows,)."""

    columns: Columns
    recipe: Recipe
    usable: Flags
    prompt: Numbers
    place: Numbers


@dataclass(frozen=True)
class Result:
    """Means over the two halves; ``human`` and ``llm`` rows are of both, ``least`` of the smaller.

    ``with_others`` says whether the training half had the rows of the other sources beside it.
    """

    source: str
    with_others: bool
    human: int
    llm: int
    least: int
    auroc: float
    found_1: float
    found_5: float


def data_of(rows: Sequence[Row], language: str, most: int = MOST) -> Data:
    """At most so many rows of each source and label as columns."""
    place = places(rows)
    kept = np.flatnonzero(place < most)
    prompt, own = prompts_of(rows)[kept], [rows[number] for number in kept.tolist()]
    recipe = recipe_of(language)
    columns = columns_of(
        language, [r.text for r in own], [r.is_llm for r in own], [r.source for r in own], recipe
    )
    return Data(columns, recipe, columns.words >= recipe.least_words, prompt, place[kept])


def sides(data: Data, rows: Flags) -> list[tuple[Flags, Flags]]:
    """The two ways to train on one half of some rows and to test on the other."""
    half = np.full(len(data.columns), -1)
    half[rows] = halves(data.prompt[rows])
    return [(half == 0, half == 1), (half == 1, half == 0)]


def least_of(data: Data, rows: Flags) -> int:
    """Rows of the rarer label in the smaller half."""
    is_llm = data.columns.is_llm
    return min(int((own & (is_llm == label)).sum()) for own, _ in sides(data, rows)
               for label in (False, True))  # fmt: skip


def sources_of(data: Data) -> tuple[dict[int, Flags], dict[str, int]]:
    """Usable rows of each source that is tested; of others with both labels, the least rows."""
    tested, too_few = {}, {}
    for number, name in enumerate(data.columns.sources):
        own = data.usable & (data.columns.source == number)
        if len(set(data.columns.is_llm[data.columns.source == number].tolist())) < 2:
            continue
        least = least_of(data, own) if own.any() else 0
        if least >= LEAST:
            tested[number] = own
        else:
            too_few[name] = least
    return tested, too_few


def scores_of(data: Data, train: Flags, test: Flags) -> Floats:
    """Scores of the rows to test by a model of the rows to train, scaled by some of those."""
    order = np.zeros(len(data.columns), np.int64)
    for cell in set(data.columns.cell[train].tolist()):
        own = train & (data.columns.cell == cell)
        order[own] = np.arange(int(own.sum()))
    inner = np.where(order % SCALED == SCALED - 1, 0, -1)
    parts = hold_out(data.columns, data.recipe, train, inner)
    model = fit_model(data.columns, train, data.recipe, parts)
    logits = Fitted(model.heads, model.trees).logits(data.columns, test)
    return model.combined(logits, data.columns.measured[test])


def alone(data: Data, rows: Flags, name: str) -> Result:
    """Some rows by halves, trained on nothing else."""
    measured = [
        _measured(scores_of(data, train, test), data.columns.is_llm[test])
        for train, test in sides(data, rows)
    ]
    return _result(data, rows, name, False, measured)


def with_others(data: Data, tested: dict[int, Flags], together: int) -> Iterator[Result]:
    """Each tested source by halves, trained on the other sources as well.

    So many sources are halved at a time: a fit sees one half of each of them, and at most
    `MOST_OTHERS` rows of each label of every other source. Rows of a prompt that is tested are left
    out wherever they are.
    """
    numbers = sorted(tested)
    for group in range(-(-len(numbers) // together)):
        own = numbers[group :: -(-len(numbers) // together)]
        split = {number: sides(data, tested[number]) for number in own}
        others = data.usable & ~np.isin(data.columns.source, own) & (data.place < MOST_OTHERS)
        measured: dict[int, list[tuple[float, float, float]]] = {number: [] for number in own}
        for side in (0, 1):
            test = np.logical_or.reduce([split[number][side][1] for number in own])
            train = others | np.logical_or.reduce([split[number][side][0] for number in own])
            train &= ~np.isin(data.prompt, data.prompt[test])
            scores = np.full(len(data.columns), np.nan)
            scores[test] = scores_of(data, train, test)
            for number in own:
                rows = split[number][side][1]
                measured[number].append(_measured(scores[rows], data.columns.is_llm[rows]))
        for number in own:
            name = data.columns.sources[number]
            yield _result(data, tested[number], name, True, measured[number])


def _measured(scores: Floats, is_llm: Flags) -> tuple[float, float, float]:
    human, llm = scores[~is_llm], scores[is_llm]
    found = [share_found(human, llm, rate).value for rate in (0.01, 0.05)]
    return auroc(human, llm).value, found[0], found[1]


def _result(
    data: Data, rows: Flags, name: str, others: bool, measured: list[tuple[float, float, float]]
) -> Result:
    llm = int(data.columns.is_llm[rows].sum())
    means = np.mean(measured, axis=0).tolist()
    return Result(name, others, int(rows.sum()) - llm, llm, least_of(data, rows), *means)


def lines_of(found: Sequence[Result], labels: tuple[str, str] = ("human", "llm")) -> Iterator[str]:
    """The table of one variant, with the mean over the sources with enough rows."""
    head = f"{'source':36} {labels[0]:>7} {labels[1]:>7} {'a half':>7}"
    yield f"{head} {'AUROC':>6} {'found at 1%':>12} {'at 5%':>6}"
    for row in sorted(found, key=lambda row: row.source):
        counts = f"{row.source[:36]:36} {row.human:>7,} {row.llm:>7,} {row.least:>7,}"
        yield f"{counts} {row.auroc:>6.3f} {row.found_1:>12.2f} {row.found_5:>6.2f}"
    counted = [row for row in found if row.least >= LEAST_IN_MEAN]
    if len(found) > 1 and counted:
        means = np.mean([(row.auroc, row.found_1, row.found_5) for row in counted], axis=0)
        name = f"mean of {len(counted)} sources"
        yield f"{name:60} {means[0]:>6.3f} {means[1]:>12.2f} {means[2]:>6.2f}"
        yield (
            f"(sources with at least {LEAST_IN_MEAN} rows of each label in each half: "
            f"{', '.join(sorted(row.source for row in counted))})"
        )


def confounding_lines(data: Data) -> Iterator[str]:
    """What tells all human from all LLM rows besides who wrote them, in words and numbers."""
    columns, words = data.columns, data.columns.words.astype(np.float64)
    yield (
        "In the pooled test the human and the LLM rows come mostly from other sources, so they "
        "differ in topic, register, length and layout too. A high value here says that the kinds "
        "of text differ; it does not say that a model's text would be found among human text of "
        "its own kind. Only a source with both labels can say that."
    )
    yield f"{'source':28} {'human':>7} {'llm':>7} {'words, human':>13} {'words, llm':>11}"
    for number, name in enumerate(columns.sources):
        rows = data.usable & (columns.source == number)
        both = [rows & ~columns.is_llm, rows & columns.is_llm]
        counts = [f"{int(own.sum()):,}" for own in both]
        medians = [f"{np.median(words[own]):.0f}" if own.any() else "-" for own in both]
        line = f"{name:28} {counts[0]:>7} {counts[1]:>7} {medians[0]:>13} {medians[1]:>11}"
        yield line + _length_alone(words, both)
    both = [data.usable & ~columns.is_llm, data.usable & columns.is_llm]
    yield f"{'all':68}{_length_alone(words, both)}"


def control_lines(data: Data) -> Iterator[str]:
    """How well the same recipe tells the human rows of one source from those of the others."""
    yield "control: the same test of one human source against the other human sources, no LLM text:"
    human = data.usable & ~data.columns.is_llm
    found = []
    for number, name in enumerate(data.columns.sources):
        named = replace(data, columns=replace(data.columns, is_llm=data.columns.source == number))
        if human.any() and least_of(named, human) >= LEAST:
            found.append(alone(named, human, name))
    yield from lines_of(found, ("others", "own"))


def _length_alone(words: Floats, both: list[Flags]) -> str:
    human, llm = (words[own] for own in both)
    if not len(human) or not len(llm):
        return ""
    area = auroc(human, llm).value
    return f"  length alone: AUROC {max(area, 1 - area):.2f}" + (
        f"; only {min(len(human), len(llm)):,} rows of a label"
        if min(len(human), len(llm)) < 2 * LEAST
        else ""
    )


def report(data: Data, chosen: Sequence[str] = (), together: int = TOGETHER) -> Iterator[str]:
    """All tables of a language; only the ``chosen`` sources are tested, if any are named.

    With ``together`` 0 the sources are not trained on with others, which takes most of the time.
    """
    tested, too_few = sources_of(data)
    if chosen:
        tested = {n: rows for n, rows in tested.items() if data.columns.sources[n] in chosen}
    if tested:
        yield "trained on the other half of the source's prompts alone:"
        names = data.columns.sources
        yield from lines_of([alone(data, rows, names[n]) for n, rows in tested.items()])
    if tested and together:
        yield ""
        yield "trained on that half and all other sources:"
        yield from lines_of(list(with_others(data, tested, together)))
    for name, least in too_few.items():
        yield f"not tested: {name}, {least:,} rows of a label in a half ({LEAST} are needed)"
    if len(tested) < LEAST_SOURCES and not chosen:
        yield ""
        if least_of(data, data.usable) >= LEAST:
            yield from lines_of([alone(data, data.usable, ALL)])
        yield from confounding_lines(data)
        yield from control_lines(data)


@wrong_data_is_named()
def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--language", default="en")
    parser.add_argument("--source", action="append", default=[], help="only these are tested")
    parser.add_argument("--most", type=int, default=MOST, help="rows of each source and label")
    parser.add_argument("--together", type=int, default=TOGETHER,
                        help="sources halved in one fit with others; 0: no such fit")  # fmt: skip
    given = parser.parse_args()
    rows = read_rows(given.data, given.language)
    if not rows:
        print(f"no rows of {given.language} in {given.data}")
        return
    data = data_of(rows, given.language, given.most)
    print(f"{len(data.columns):,} rows, {int(data.usable.sum()):,} long enough", flush=True)
    for line in report(data, given.source, given.together):
        print(line, flush=True)


if __name__ == "__main__":
    main()
