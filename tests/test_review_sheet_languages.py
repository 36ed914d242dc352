"""The review sheet in each language, in headless Chromium: words, keys, layout, what it saves."""

import dataclasses
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import catalogs
import pytest
from command_line import code_of
from sheet_pages import Opened, chromium, open_sheet, span, text_item, written
from sqlalchemy import Engine

from scrubtrace.messages import LANGUAGES, Messages
from scrubtrace.review.connection import open_review
from scrubtrace.review.sheet.labels import PLURALS, SCRIPT
from scrubtrace.schemas.review import REASONS, Decision, ReviewItem
from scrubtrace.schemas.vocabulary import Kind
from scrubtrace.words import CLAIMS, reasons

EVERY = pytest.mark.parametrize("language", LANGUAGES)
OTHERS = pytest.mark.parametrize("language", LANGUAGES[1:])
WORD = re.compile(r"(?<![\w.])[A-Za-z]{2,}(?!\w|\.\w)")
UNICODE_NAME = "U+200B zero width space"  # names of characters are English in every language
COLLECT = """() => {
  const found = [];
  const ofRows = (element) => element.closest('.text, .line, .passage, code, script, style, title');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!ofRows(parent)) found.push(walker.currentNode.data);
  }
  for (const element of document.querySelectorAll('*')) {
    for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
      if (element.hasAttribute(name)) found.push(element.getAttribute(name));
    }
  }
  return [...found, document.title];
}"""
CUT_OFF = """() => [...document.querySelectorAll(
  'button, label, summary, select, h1, h2, h3, th, td, dt, dd, p, li, .facts, .legend, #counted')]
  .filter((element) => element.clientWidth > 1 && element.scrollWidth > element.clientWidth + 1)
  .map((element) => element.outerHTML)"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


def items() -> list[ReviewItem]:
    """An item of trace, match, redaction and style, with all that a sheet shows of items.

    Names in them are no words of English messages.
    """
    said = [
        span(0, 5),
        span(8, 12, category="closer", strength="weak", signal="en.closer.trial"),
        span(
            14, 20, category="refusal", strength="strong", use="quoted", signal="en.refusal.trial"
        ),
    ]
    about = {"source": "K7", "model": "m-1", "part": "A", "class": "scrubbed", "of_text": 0.81,
             "of_reference": 0.5, "false_match_bound": 0.0123, "same_task": True}  # fmt: skip
    of_reference = {"detector": "reference", "strength": "strong"}
    match = [
        span(None, None, signal="reference.scrubbed", category="scrubbed", score=0.6,
             value=json.dumps(about), **of_reference),
        span(0, 9, signal="reference.passage", category="passage", value="40-49", **of_reference),
        span(900, 950, signal="reference.passage", category="passage", value="1-51",
             **of_reference),
    ]  # fmt: skip
    masked = [
        span(0, 6, detector="d1", category="placeholder", value="Presidio", signal="any.p.x"),
        span(9, 13, detector="d1", category="mask", strength="weak", signal="any.m.x"),
    ]
    value = {
        "calibrated": True, "alike": False, "n": 1234, "stratum": "en//20-", "raw_score": 1.0,
        "reasons": [{"feature": "x", "percentile": 0.99, "whose": "calibration",
                     "words": "hedges (peut, vielleicht) are used more often"},
                    {"feature": "y", "z": -2.0, "words": "sentence lengths vary less"}],
    }  # fmt: skip
    style = span(None, None, detector="stylometry", signal="stylometry.llm_like", category="style",
                 strength="weak", score=0.0012, value=json.dumps(value))  # fmt: skip
    groups = dict.fromkeys(("labeler", "vendor", "source", "stage", "market", "task"), "G")
    found = [
        text_item(0, "Seven\u200b ate\x07 nine. " * 4, *said, groups=groups, spans_left_out=3,
                  why=reasons(Kind.LLM_TEXT, said[:2]), text_chars=9_000, turn=2, row_id="R"),
        text_item(1, "Eight ate ten.", *match, kind="reference_match", text_chars=2_000,
                  why=reasons(Kind.REFERENCE_MATCH, match), groups={"created_at": "2026"}),
        text_item(2, "<NAME>, ****.", *masked, kind="redaction", flagged=True, language="fr",
                  why=reasons(Kind.REDACTION, masked)),
        text_item(3, "Nine ate one.", style, kind="llm_style",
                  why=reasons(Kind.LLM_STYLE, [style]), language="und"),
    ]  # fmt: skip
    return [dataclasses.replace(one, shard="P0", field="F", dataset="D") for one in found]


def opened_in(browser: Any, engine: Engine, tmp_path: Path, language: str) -> Opened:
    path = written(engine, tmp_path / "s1.html", items(), language=language)
    return open_sheet(browser, path)


def english_only(language: str) -> set[str]:
    """Words of messages in English that no message in the language has."""
    english, own = set(), set()
    for message in catalogs.catalog_of(language):
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        if message.id:
            english |= {word.lower() for text in ids for word in WORD.findall(text)}
            own |= {word.lower() for text in strings for word in WORD.findall(text)}
    return english - own


@OTHERS
def test_no_english_is_left(browser: Any, engine: Engine, tmp_path: Path, language: str) -> None:
    opened = opened_in(browser, engine, tmp_path, language)
    page = opened.page
    assert page.locator("html").get_attribute("lang") == language
    texts = page.evaluate(COLLECT)
    page.click("#more summary")
    page.locator("#filter-kind").select_option("redaction")
    texts += page.evaluate(COLLECT)
    page.click("#clear-filters")
    for keys in ("u", "1", "c9", "11", "jd2", "rr", "js", "je", "eu", "n", "f", "?"):
        for key in keys:
            opened.press(key)
            texts += page.evaluate(COLLECT)
        opened.press("Escape")
    page.locator("#search").fill("zzz")
    texts += page.evaluate(COLLECT)
    page.locator("#search").fill("")
    page.locator("#comment").fill("!")
    opened.saved()
    texts += page.evaluate(COLLECT)
    assert UNICODE_NAME in texts
    seen = {word.lower() for text in texts for word in WORD.findall(text.replace(UNICODE_NAME, ""))}
    assert seen & english_only(language) == set()
    messages = Messages(language)
    for said in ("Undo", CLAIMS[Kind.LLM_TEXT], SCRIPT["nothing_to_undo"], SCRIPT["none_fits"]):
        assert any(messages.text(said).lower() in text.lower() for text in texts), said
    assert opened.told == []
    page.context.close()


@EVERY
def test_keys_decide_and_what_is_saved_is_the_same(
    browser: Any, engine: Engine, tmp_path: Path, language: str, capsys: pytest.CaptureFixture[str]
) -> None:
    opened = opened_in(browser, engine, tmp_path, language)
    opened.press("c", "1", "j", "d", "2", "r", "j", "s", "1", "j", "e", "4", "n")
    opened.page.keyboard.type("x")
    opened.press("Escape")
    messages = Messages(language)
    pressed = opened.page.locator("button[aria-pressed=true]").all_inner_texts()
    names = (messages.text(SCRIPT["escalate"]), messages.name("reason", "supplier"))
    assert [words.rstrip("e4 \n\t") for words in pressed] == [name.rstrip("e4") for name in names]
    title = opened.page.locator("#reasons button").last.get_attribute("title")
    assert title == messages.text(REASONS[Decision.ESCALATE]["supplier"])
    path = opened.saved()
    assert [line.split(",", 2)[2] for line in path.read_text("utf-8").splitlines()] == [
        '"decision","reason","comment","scope"',
        '"concur","copied","","text"',
        '"dismiss","human","","row"',
        '"second","unsure","","text"',
        '"escalate","supplier","x","text"',
    ]
    bring = ("review", "import", str(path), "--review", str(engine.url), "--reviewer", "anna")
    assert code_of(*bring) == 0
    assert "4 decisions stored" in capsys.readouterr().out
    opened.page.context.close()


@EVERY
@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1000, 700), (640, 800)])
def test_words_fit(
    browser: Any, engine: Engine, tmp_path: Path, language: str, width: int, height: int
) -> None:
    opened = opened_in(browser, engine, tmp_path, language)
    page = opened.page
    page.set_viewport_size({"width": width, "height": height})
    page.click("#more summary")
    for keys in ("c", "jd", "js", "je", "?"):
        opened.press(*keys)
        assert page.evaluate(CUT_OFF) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.context.close()


@EVERY
def test_numbers_are_written_as_in_the_language(
    browser: Any, engine: Engine, tmp_path: Path, language: str
) -> None:
    opened = opened_in(browser, engine, tmp_path, language)
    messages = Messages(language)
    told = opened.page.locator(".legend").inner_text()
    assert messages.plural(*PLURALS["part_of_text"], 9_000) in told
    opened.press("j")
    match = opened.page.locator(".match + .small").inner_text()
    assert messages.text(SCRIPT["of_text"], share=messages.percent(0.81)) in match
    opened.press("c")
    done = messages.plural(*PLURALS["decided_of"], 4, decided="1")
    assert opened.page.locator("#counted").inner_text() == done
    opened.page.context.close()


def test_reasons_that_are_stored_in_other_words_stay_english_and_say_so(
    browser: Any, engine: Engine, tmp_path: Path
) -> None:
    stored = text_item(0, "Seven.", span(0, 5), why="resembles something: in words of old (proof)")
    path = written(engine, tmp_path / "sheet.html", [stored], language="ja")
    opened = open_sheet(browser, path)
    claim = opened.page.locator("#claim")
    assert (claim.inner_text(), claim.get_attribute("lang")) == ("Resembles something", "en")
    assert opened.page.locator(".because").get_attribute("lang") == "en"
    assert opened.page.locator(".text").get_attribute("lang") == "en"
    opened.page.context.close()
