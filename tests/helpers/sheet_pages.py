"""A review sheet in headless Chromium, and items for it."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from decision_files import item
from sqlalchemy import Engine

from scrubtrace.messages import Messages
from scrubtrace.review.sheet.writing import Complete, write_sheet
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.review import ReviewItem
from scrubtrace.schemas.vocabulary import Use
from scrubtrace.why import wording

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run",
)  # fmt: skip


@dataclass
class Opened:
    """A page, and what it said or asked for that a sheet must not."""

    page: Any
    path: Path
    told: list[str] = field(default_factory=list)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, filter_name: str, value: str) -> None:
        """Set a filter as a user of the mouse does."""
        if not self.page.locator("#more").evaluate("more => more.open"):
            self.page.click("#more summary")
        self.page.get_by_label(filter_name, exact=True).select_option(value)

    def marked(self, kind: str) -> list[str]:
        """What is marked in one way in the text that is shown."""
        return list(self.page.locator(f".text mark.{kind}").all_text_contents())

    def saved(self) -> Path:
        """The file that the page gives when it saves."""
        with self.page.expect_download() as download:
            self.page.keyboard.press("Control+s")
        path = self.path.with_name(download.value.suggested_filename)
        download.value.save_as(path)
        return path


@contextmanager
def chromium() -> Iterator[Any]:
    """A headless browser; skips the test where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


def open_sheet(browser: Any, path: Path, **context: Any) -> Opened:
    """The sheet in a fresh profile, from its file."""
    page = browser.new_context(viewport={"width": 1280, "height": 800}, **context).new_page()
    opened = Opened(page, path)
    page.on("console", lambda message: opened.told.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: opened.told.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (opened.told.append("dialog"), dialog.accept()))
    page.on("request", lambda request: opened.told.append(f"request: {request.url}"))
    page.goto(path.as_uri())
    opened.told.remove(f"request: {path.as_uri()}")
    return opened


def written(
    engine: Engine,
    path: Path,
    items: Sequence[ReviewItem],
    complete: Complete | None = None,
    language: str = "en",
) -> Path:
    """A sheet of these items, in the order of their priorities."""
    from scrubtrace.review.export import OPEN

    upsert_items(engine, items, "20260101T000000.000000-aaaaaa")
    write_sheet(engine, path, OPEN, wording(Messages(language)), complete=complete)
    return path


def span(start: int, end: int, **changes: Any) -> dict[str, Any]:
    """A piece of evidence."""
    about = {"detector": "boilerplate", "signal": "en.self_disclosure.made_up"}
    kind = {"category": "self_disclosure", "strength": "proof", "use": Use.ASSERTED}
    return about | kind | {"start": start, "end": end, "score": None, "value": None} | changes


def text_item(number: int, text: str, *spans: dict[str, Any], **changes: Any) -> ReviewItem:
    """An item with this text; ``number`` is its priority, too."""
    why = "resembles LLM text: speaks as an AI assistant (proof)"
    about = {"snippet": text, "text_chars": len(text), "evidence": list(spans), "why": why}
    return item(number, **(about | {"priority": number} | changes))
