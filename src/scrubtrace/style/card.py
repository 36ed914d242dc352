"""The model card: what a style model was fitted on, how it did, and what it cannot say."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scrubtrace.detectors.style.adjustment import ERRORS, Adjustment

if TYPE_CHECKING:
    from scrubtrace.style.train import Trained


@dataclass(frozen=True)
class RowGroup:
    """Rows of one source, label and licence, and what their generators' terms say.

    Parameters
    ----------
    name, source, label : of the group; ``label`` is ``human`` or ``llm``.
    rows : rows that the model was fitted on.
    licence, licence_in : of the rows, and where it was read.
    generator, terms, terms_in, date : of rows of one or more models with equal terms: what the
        terms say of output, where they were read, and when. Empty for human rows.
    """

    name: str
    source: str
    label: str
    rows: int
    licence: str
    licence_in: str
    generator: str = ""
    terms: str = ""
    terms_in: str = ""
    date: str = ""


def card_text(
    trained: Sequence["Trained"],
    content: bytes,
    terms: str,
    groups: Sequence[RowGroup] = (),
    sections: str = "",
) -> str:
    """The card as Markdown.

    ``terms`` is what the user says of the rows' licences, ``groups`` the licence and terms of each
    group of rows, ``sections`` more sections.
    """
    return "\n".join(_lines(trained, content, terms, groups, sections)) + "\n"


def _lines(
    trained: Sequence["Trained"],
    content: bytes,
    terms: str,
    groups: Sequence[RowGroup],
    sections: str,
) -> Iterator[str]:
    yield "# Style model"
    yield ""
    yield f"Digest {hashlib.sha256(content).hexdigest()[:16]}, {len(content):,} bytes."
    yield ""
    yield "## What it is for"
    yield ""
    yield "Ranking texts by how much they are written like LLM text, for review. A score is no"
    yield "probability: only a calibration on human rows of the same source gives a p-value, and a"
    yield "p-value is a reason to look, never an accusation."
    yield ""
    yield "## Licences and terms of the rows"
    yield ""
    yield terms or "Not stated (`--terms`)."
    yield from _group_lines(groups)
    for one in trained:
        yield ""
        yield f"## {one.model.language}"
        yield ""
        yield f"Texts of fewer than {one.model.least_words} words are not scored."
        if one.model.base:
            yield (
                f"One part, of weight {one.model.weights[-1]:g} beside "
                f"{one.model.weights[:-1].sum():g}, is the score of a base model, which was fitted "
                "on rows that have a card of their own (the shipped one: `docs/model-card.md`)."
            )
        yield from _adjustment_lines(one.model.adjustment)
        yield ""
        yield "| source | human rows | LLM rows |"
        yield "|---|---:|---:|"
        for name in sorted({name for name, _ in one.rows}):
            human, llm = one.rows.get((name, False), 0), one.rows.get((name, True), 0)
            yield _row((name, f"{human:,}", f"{llm:,}"))
        yield ""
        yield "```"
        yield from one.lines()
        yield "```"
    if sections:
        yield ""
        yield sections.strip()
    yield ""
    yield "## What it cannot do"
    yield ""
    yield "Short texts, rewrites of human text by careful models, kinds of text that it was not"
    yield "fitted on, and non-native writers are where it errs; thresholds do not transfer between"
    yield "sources. See `docs/accuracy.md`."


def _adjustment_lines(adjustment: Adjustment | None) -> Iterator[str]:
    slopes = dict(zip(adjustment.names, adjustment.slopes, strict=True)) if adjustment else {}
    if slope := slopes.pop(ERRORS, 0.0):
        yield (
            f"A score loses {slope:g} for each root of an error of spelling or grammar in a "
            "hundred words (`docs/train.md`)."
        )
    if slopes:
        yield (
            f"Half of what {', '.join(slopes)} explain of a score, whoever wrote the text, is "
            "taken out of it (`docs/train.md`)."
        )


def _group_lines(groups: Sequence[RowGroup]) -> Iterator[str]:
    if not groups:
        return
    yield ""
    heads = ("rows", "group", "source", "number", "licence of the rows (read in)", "generator",
             "its terms", "read in", "date")  # fmt: skip
    yield _row(heads)
    yield "|---|---|---|---:|---|---|---|---|---|"
    for group in groups:
        licence = f"{group.licence} ({group.licence_in})"
        told = (group.generator, group.terms, group.terms_in, group.date)
        cells = (group.label, group.name, group.source, f"{group.rows:,}", licence, *told)
        yield _row(cells)


def _row(cells: Sequence[str]) -> str:
    """A row of a table; a bar within a cell would end it."""
    escaped = (cell.replace("|", r"\|") or "-" for cell in cells)
    return f"| {' | '.join(escaped)} |"
