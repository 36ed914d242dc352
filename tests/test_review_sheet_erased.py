"""An erased text in the review sheet: the page says that it was erased, not that it is cut."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from decision_files import item
from sheet_pages import chromium, open_sheet, span, text_item, written

from scrubtrace.review.connection import open_review
from scrubtrace.review.erasing.erase import erase

TEXTS = ("As an AI language model, I cannot weigh parcels.", "I cannot weigh letters.")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", "This text was erased from the review table."),
        ("de", "Dieser Text wurde aus der Prüftabelle gelöscht."),
    ],
)
def test_the_page_says_what_was_erased(
    browser: Any, tmp_path: Path, language: str, said: str
) -> None:
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    items = [text_item(number, text, span(0, 4)) for number, text in enumerate(TEXTS)]
    written(engine, tmp_path / "sheet.html", items)
    erase(engine, "asked for", texts=[item(0).text_digest])
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items, None, language))
    assert opened.page.locator("article .text").inner_text() == said
    opened.press("j")
    assert opened.page.locator("article .text").inner_text() == TEXTS[1]
    assert opened.told == []
    opened.page.context.close()
