"""A sheet with controls or without evidence, as a browser shows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from controls import fill, flagged, issued, of_both, sampled
from sheet_pages import chromium, open_sheet
from sqlalchemy import Engine

from scrubtrace.messages import ENGLISH
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.export import OPEN
from scrubtrace.review.mixing import Mix
from scrubtrace.review.sheet.writing import write_sheet
from scrubtrace.why import wording


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


@pytest.mark.parametrize("is_blind", [True, False])
def test_every_text_can_be_read_and_decided(
    browser: Any, engine: Engine, tmp_path: Path, is_blind: bool
) -> None:
    fill(engine, [*(flagged(n) for n in range(10)), sampled(20), sampled(21)], of_both(3))
    mix = Mix(controls=0.3, sampled=2, blind=is_blind)
    path = tmp_path / "sheet.html"
    total = write_sheet(engine, path, OPEN, wording(ENGLISH), mix=mix).items
    assert total == 12 + len(issued(engine))
    opened = open_sheet(browser, path)
    said = []
    for _ in range(total):
        article = opened.page.locator("article").inner_text()
        said.append(article)
        opened.press("c", "j")
    assert opened.told == []
    everything = "\n".join(said)
    for name in ("null", "undefined", "NaN", "Shard", "Data set", "Runs"):
        assert name not in everything
    assert ("Evidence" in everything) != is_blind
    assert ("priority" in everything) != is_blind
    assert said[0].count("Does this text come from an LLM?") == int(is_blind)
    found = import_decisions(engine, opened.saved(), "anna")
    assert (found.stored, found.bad) == (total, [])
    opened.page.context.close()
