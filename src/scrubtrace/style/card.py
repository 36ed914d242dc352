"""The model card: what a style model was fitted on, how it did, and what it cannot say."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrubtrace.style.train import Trained


def card_text(trained: Sequence["Trained"], content: bytes, terms: str) -> str:
    """The card as Markdown; ``terms`` is what the user says of the rows' licences."""
    return "\n".join(_lines(trained, content, terms)) + "\n"


def _lines(trained: Sequence["Trained"], content: bytes, terms: str) -> Iterator[str]:
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
    for one in trained:
        yield ""
        yield f"## {one.model.language}"
        yield ""
        yield f"Texts of fewer than {one.model.least_words} words are not scored."
        yield ""
        yield "| source | human rows | LLM rows |"
        yield "|---|---:|---:|"
        for name in sorted({name for name, _ in one.rows}):
            human, llm = one.rows.get((name, False), 0), one.rows.get((name, True), 0)
            yield f"| {name} | {human:,} | {llm:,} |"
        yield ""
        yield "```"
        yield from one.lines()
        yield "```"
    yield ""
    yield "## What it cannot do"
    yield ""
    yield "Short texts, rewrites of human text by careful models, kinds of text that it was not"
    yield "fitted on, and non-native writers are where it errs; thresholds do not transfer between"
    yield "sources. See `docs/accuracy.md`."
