"""The review sheet in headless Chromium: deciding by keyboard, text as data, marks, saving."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from decision_files import key, stored
from sheet_pages import Opened, chromium, open_sheet, span, text_item, written
from sqlalchemy import Engine

from scrubtrace.review.cells import guard
from scrubtrace.review.connection import open_review

PHRASE = "As an AI language model"
TEXTS = [f"{PHRASE}, I cannot weigh parcel {number}." for number in range(6)]
HOSTILE = [
    "</script><script>document.title = 'ran'</script>",
    "<img src=x onerror=\"document.title='ran'\"><svg onload=alert(1)>",
    "<style>*{display:none}</style><base href=//example.org>",
    "'\"`> javascript:alert(1) {{7*7}} ${7*7} &lt;b&gt; &amp;",
    "<form action=//example.org><input autofocus onfocus=alert(1)></form>",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


@pytest.fixture
def sheet(browser: Any, engine: Engine, tmp_path: Path) -> Iterator[Opened]:
    """Six texts in two languages, by three labelers; nothing but the file is ever asked for."""
    items = [
        text_item(
            number, text, span(0, len(PHRASE)),
            language="de" if number == 4 else "en", groups={"labeler": f"L0{number % 3}"},
        )
        for number, text in enumerate(TEXTS)
    ]  # fmt: skip
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    yield opened
    assert opened.told == []
    opened.page.context.close()


def test_decided_by_keyboard_saved_and_imported(
    sheet: Opened, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    sheet.press("c", "1", "j", "d", "2", "r", "j", "s", "j", "e", "4", "n")
    sheet.page.keyboard.type('=1+1, "ask"\n-they know')
    sheet.press("Escape", "k", "k", "k", "f")
    assert sheet.page.locator(".facts").inner_text().startswith("5 of 6")
    assert sheet.page.locator("#counted").inner_text().startswith("4 of 6 texts decided")
    path = sheet.saved()
    assert path.name == "sheet-decisions.csv"
    assert path.read_bytes().startswith(b'"item_key","row_version","decision","reason"')
    assert sheet.page.locator("#said").inner_text() == "4 decisions written to sheet-decisions.csv"
    bring = ("review", "import", str(path), "--review", str(engine.url), "--reviewer", "anna")
    assert code_of(*bring) == 0
    assert "4 decisions stored, 0 known already, 0 lines undecided" in capsys.readouterr().out
    said = [[row[name] for name in ("item_key", "decision", "reason", "scope")] for row in
            stored(engine)]  # fmt: skip
    assert said == [
        [key(0), "concur", "copied", "text"],
        [key(1), "dismiss", "human", "row"],
        [key(2), "second", "", "text"],
        [key(3), "escalate", "supplier", "text"],
    ]
    assert stored(engine)[3]["comment"] == '=1+1, "ask"\n-they know'


def test_everything_can_be_undone_in_order(sheet: Opened) -> None:
    counted, unsaved = sheet.page.locator("#counted"), sheet.page.locator("#unsaved")
    sheet.press("c", "1", "j", "d", "j", "e", "d", "k", "k")
    assert counted.inner_text().startswith("3 of 6")
    assert unsaved.inner_text() == "3 not saved"
    sheet.press("u", "u")
    assert counted.inner_text().startswith("2 of 6")
    assert sheet.page.locator(".facts").inner_text().startswith("3 of 6")
    sheet.press("u", "u", "u", "u")
    assert sheet.page.locator("#said").inner_text() == "Nothing to undo"
    assert counted.inner_text().startswith("0 of 6")
    assert unsaved.inner_text() == ""
    assert sheet.page.locator("#save").is_disabled()


def test_buttons_do_what_keys_do(sheet: Opened) -> None:
    page = sheet.page
    page.get_by_role("button", name="Dismiss").click()
    page.get_by_role("button", name="template").click()
    page.get_by_label("this row only").check()
    page.get_by_label("Comment").fill("a form letter")
    page.get_by_role("option", name=TEXTS[2]).click()
    assert page.locator(".row.is-decided").count() == 1
    page.get_by_role("option", name=TEXTS[0]).click()
    pressed = page.locator("button[aria-pressed=true]").all_inner_texts()
    assert [words.rstrip("d3") for words in pressed] == ["Dismiss", "template"]
    assert page.get_by_label("Comment").input_value() == "a form letter"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save decisions").click()
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[1:] == [f'"{key(0)}","1","dismiss","template","a form letter","row"']


def test_filters_and_search(sheet: Opened) -> None:
    from playwright.sync_api import expect

    page = sheet.page
    rows = page.locator("#rows").get_by_role("option")
    sheet.press("/")
    page.keyboard.type("PARCEL 3")
    expect(rows).to_have_count(1)
    assert page.locator(".text").inner_text() == TEXTS[3]
    page.get_by_label("Search").fill("")
    expect(rows).to_have_count(6)
    sheet.choose("language", "de")
    assert rows.count() == 1
    sheet.press("Escape", "c")
    sheet.choose("language", "")
    sheet.choose("labeler", "L01")
    assert rows.count() == 2
    sheet.choose("decision", "undecided")
    assert page.locator(".text").inner_text() == TEXTS[1]
    assert page.locator("#filtered").inner_text() == "(2 on)"
    page.get_by_role("button", name="Clear filters").click()
    assert rows.count() == 6


def test_keys_in_a_field_are_text_and_single_keys_can_be_switched_off(sheet: Opened) -> None:
    sheet.press("n", "c", "d", "1", "Escape")
    assert sheet.page.locator("#counted").inner_text().startswith("0 of 6")
    assert sheet.page.get_by_label("Comment").input_value() == "cd1"
    sheet.press("?")
    assert sheet.page.get_by_role("dialog", name="Keys").is_visible()
    sheet.page.get_by_label("single keys").uncheck()
    sheet.press("Escape", "c")
    assert sheet.page.locator("#counted").inner_text().startswith("0 of 6")


def test_a_comment_without_a_decision_is_pointed_out(sheet: Opened) -> None:
    sheet.press("n", "x", "Escape")
    sheet.saved()
    assert "1 comment without a decision" in sheet.page.locator("#said").inner_text()


def test_nothing_stays_in_the_browser(browser: Any, engine: Engine, tmp_path: Path) -> None:
    path = written(engine, tmp_path / "sheet.html", [text_item(0, TEXTS[0])])
    opened = open_sheet(browser, path)
    opened.press("c")
    opened.page.reload()
    assert opened.told == ["dialog", f"request: {path.as_uri()}"]
    assert opened.page.locator("#counted").inner_text() == "0 of 1 text decided"
    opened.press("d")
    opened.saved()
    left = opened.page.evaluate(
        "async () => [localStorage.length, sessionStorage.length, document.cookie,"
        " (await indexedDB.databases()).length]"
    )
    assert left == [0, 0, "", 0]
    opened.page.reload()
    assert opened.told.count("dialog") == 1
    opened.page.context.close()


def test_text_of_rows_is_data(browser: Any, engine: Engine, tmp_path: Path) -> None:
    about = {"row_id": HOSTILE[1], "shard": HOSTILE[0], "groups": {"labeler": HOSTILE[2]}}
    items = [
        text_item(
            number, text, span(0, 9, signal=HOSTILE[0], category=HOSTILE[1]),
            why=HOSTILE[0], language=HOSTILE[3], **about,
        )
        for number, text in enumerate(HOSTILE)
    ]  # fmt: skip
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    for text in HOSTILE:
        assert opened.page.locator(".text").text_content() == text
        opened.press("c", "j")
    assert opened.page.title() == "Review sheet"
    assert opened.page.locator("article :is(script, img, svg, form, base, style)").count() == 0
    assert opened.told == []
    opened.page.evaluate("document.body.append(Object.assign(document.createElement('script'),"
                         " {textContent: 'document.title = 1'}))")  # fmt: skip
    assert opened.page.title() == "Review sheet"
    assert "Content Security Policy" in opened.told[0]
    opened.page.context.close()


MARKED = [
    ("😀😀 As an AI 😀 model.", (3, 12), "As an AI "),
    ("敬启者：作为一个人工智能语言模型，我不能。", (4, 16), "作为一个人工智能语言模型"),
    ("𠮷𠮷作为𠮷模型", (2, 5), "作为𠮷"),
    ("شكرا. كنموذج لغوي لا أستطيع.", (6, 17), "كنموذج لغوي"),
    ("שלום. אני מודל שפה.", (6, 14), "אני מודל"),
    ("Cafe\u0301 olé", (0, 4), "Cafe\u0301"),
    ("👩‍👩‍👧 family", (0, 1), "👩‍👩‍👧"),
    ("नमस्ते मॉडल", (7, 11), "मॉडल"),
]


@pytest.mark.parametrize("start", [0, 1000])
def test_evidence_stands_where_it_is(
    browser: Any, engine: Engine, tmp_path: Path, start: int
) -> None:
    items = [
        text_item(number, text, span(first + start, last + start), snippet_start=start)
        for number, (text, (first, last), _) in enumerate(MARKED)
    ]
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    for _, _, expected in MARKED:
        assert opened.marked("proof") == [expected]
        opened.press("j")
    assert opened.told == []
    opened.page.context.close()


def test_overlapping_evidence_shows_the_strongest_that_counts(
    browser: Any, engine: Engine, tmp_path: Path
) -> None:
    spans = [
        span(0, 6, strength="weak"),
        span(2, 4),
        span(4, 8, strength="strong"),
        span(10, 12, use="quoted"),
        span(8, 11, strength="weak"),
        span(13, 99, signal="reference.passage", category="passage", strength="weak"),
        span(None, None, strength="strong"),
        span(400, 500),
    ]
    item = text_item(0, "0123456789abcdef", *spans, text_chars=600)
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", [item]))
    found = {kind: opened.marked(kind) for kind in
             ("proof", "strong", "weak", "mentioned", "shared")}  # fmt: skip
    assert found == {
        "proof": ["23"],
        "strong": ["45", "67"],
        "weak": ["01", "89", "a"],
        "mentioned": ["b"],
        "shared": ["def"],
    }
    assert opened.page.locator(".text").text_content() == "0123456789abcdef…"
    opened.page.context.close()


INVISIBLE = {
    "a\u200bb": ["ZWSP"],
    "\u202eevil\u202c": ["RLO", "PDF"],
    "a\u2028b\u2029": ["LS", "PS"],
    "a\0b\x07\x7f": ["NUL", "BEL", "DEL"],
    "a\u00adb\ufeff\u2067c": ["SHY", "BOM", "RLI"],
    "tab\tline\n": [],
    "\U000e0041x\u3164": ["U+E0041", "U+3164"],
    "می\u200cخواهم 👩\u200d👧 ❤\ufe0f": [],
    "sp\u200dy\ufe0f": ["ZWJ", "U+FE0F"],
}


def test_what_would_not_be_seen_is_shown(browser: Any, engine: Engine, tmp_path: Path) -> None:
    items = [text_item(number, text) for number, text in enumerate(INVISIBLE)]
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    for signs in INVISIBLE.values():
        assert opened.page.locator(".text .sign").all_text_contents() == signs
        opened.press("j")
    opened.page.context.close()


def test_language_and_direction_are_set(browser: Any, engine: Engine, tmp_path: Path) -> None:
    items = [text_item(0, "שלום עולם", language="he"), text_item(1, "Hm.", language="und")]
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    text = opened.page.locator(".text")
    assert (text.get_attribute("lang"), text.get_attribute("dir")) == ("he", "auto")
    assert text.evaluate("element => getComputedStyle(element).direction") == "rtl"
    opened.press("j")
    assert text.get_attribute("lang") == ""
    opened.page.context.close()


def test_a_reference_match_is_shown_side_by_side(
    browser: Any, engine: Engine, tmp_path: Path
) -> None:
    about = {"source": "call 7", "model": "made-up-1", "part": "completion", "class": "edited",
             "of_text": 0.8, "of_reference": 0.5}  # fmt: skip
    shared = {"detector": "reference", "signal": "reference.passage", "category": "passage"}
    item = text_item(
        0, "We rowed across the lake before the rain came down.",
        span(None, None, detector="reference", signal="reference.edited", category="edited",
             strength="strong", score=0.6, value=json.dumps(about)),
        span(0, 24, strength="weak", value="40-64", **shared),
        span(900, 950, strength="weak", value="100-150", **shared),
        kind="reference_match", why="matches known model output: edited", text_chars=2_000,
    )  # fmt: skip
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", [item]))
    cells = opened.page.locator(".match :is(th, td)").all_inner_texts()
    assert [cell.split("\n")[0] for cell in cells] == [
        "This text", "Reference: call 7, made-up-1, completion",
        "We rowed across the lake", "the same words", "outside of the excerpt", "the same words",
    ]  # fmt: skip
    assert "characters 40–64 of the reference text" in cells[3]
    assert (
        "80% of this text, 50% of the reference text" in opened.page.locator("article").inner_text()
    )
    assert opened.marked("shared") == ["We rowed across the lake"]
    opened.page.context.close()


def test_both_texts_of_a_match_are_marked_where_they_share_a_passage(
    browser: Any, engine: Engine, tmp_path: Path
) -> None:
    there = "😀 Before the rain, we rowed across the lake <b>twice</b>."
    shared = {"detector": "reference", "signal": "reference.passage", "category": "passage"}
    main = span(
        None, None, detector="reference", signal="reference.excerpt", category="excerpt",
        value=json.dumps({"source": "call 7", "class": "excerpt", "of_text": 0.9}),
    )  # fmt: skip
    item = text_item(
        0, "We rowed across the lake then.", main, span(0, 24, value="1019-1043", **shared)
    )
    path = written(
        engine, tmp_path / "sheet.html", [item],
        lambda _, items: items[0].update(reference={"text": there, "start": 1_000, "chars": 3_000}),
    )  # fmt: skip
    opened = open_sheet(browser, path)
    passages = opened.page.locator(".match .passage")
    assert passages.all_text_contents() == ["We rowed across the lake then.", f"…{there}…"]
    marks = opened.page.locator(".match mark.shared").all_text_contents()
    assert marks == ["We rowed across the lake", "we rowed across the lake"]
    assert opened.told == []
    opened.page.context.close()


def test_only_rows_in_sight_exist(browser: Any, engine: Engine, tmp_path: Path) -> None:
    items = [text_item(number, f"Text {number}.") for number in range(2_000)]
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", items))
    opened.page.locator("#list").focus()
    opened.press("End")
    active = opened.page.locator("#list").get_attribute("aria-activedescendant")
    assert opened.page.locator(f"#{active}").get_attribute("aria-posinset") == "2000"
    assert opened.page.get_by_role("option").count() < 40
    assert opened.page.locator(".text").inner_text() == "Text 1999."
    opened.page.context.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1024, 768), (640, 400)])
def test_nothing_runs_out_of_the_window(sheet: Opened, width: int, height: int) -> None:
    sheet.page.set_viewport_size({"width": width, "height": height})
    sheet.press("c", "j", "k")
    box = sheet.page.locator("#claim").bounding_box()
    assert 0 <= box["y"] < height - box["height"]
    wide = "document.documentElement.scrollWidth <= innerWidth"
    assert sheet.page.evaluate(wide)
    sheet.page.get_by_role("button", name="Escalate").click()
    assert sheet.page.locator("#counted").inner_text().startswith("1 of 6")


def test_everything_to_press_has_a_name(sheet: Opened) -> None:
    sheet.press("c")
    sheet.page.click("#more summary")
    for role in ("button", "textbox", "searchbox", "checkbox", "combobox", "listbox", "option"):
        found = sheet.page.get_by_role(role)
        named = sheet.page.get_by_role(role, name=re.compile(r"\w"))
        assert found.count() == named.count() > 0, role
    assert sheet.page.locator("#said").inner_text() == "Concur: text 1 of 6"
    sheet.press("j")
    assert sheet.page.locator("#moved").inner_text() == "Text 2 of 6: Resembles LLM text"
    assert sheet.page.get_by_role("status").count() == 2


def test_comments_are_guarded_as_cells_are(browser: Any) -> None:
    source = files("scrubtrace.review.sheet").joinpath("decisions.js").read_text("utf-8")
    signs = ["=", "+", "-", "@", "'", "\t", "\r", "\n", ";", '"', "＝", "－", "a", ""]
    values = [
        "".join(s)
        for s in ((a, b, c, d) for a in signs for b in signs for c in signs for d in "=x")
    ]
    page = browser.new_page()
    found = page.evaluate(f"values => {{{source}; return values.map(guarded)}}", values)
    assert found == [guard(value) for value in values]
    page.close()


def test_an_empty_sheet_says_so(browser: Any, engine: Engine, tmp_path: Path) -> None:
    opened = open_sheet(browser, written(engine, tmp_path / "sheet.html", []))
    opened.press("c", "j", "f", "u", "1", "n", "r")
    assert "Nothing is to be decided." in opened.page.locator("article").inner_text()
    assert opened.told == []
    opened.page.context.close()
