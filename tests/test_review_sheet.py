"""Review sheet without a browser: data that is no markup, hashes of the policy, what is in it."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from decision_files import item
from hypothesis import given
from hypothesis import strategies as st
from sheet_pages import span, text_item, written
from sqlalchemy import Engine

from scrubtrace.messages import ENGLISH
from scrubtrace.review.connection import open_review
from scrubtrace.review.sheet import writing
from scrubtrace.review.sheet.data import escaped_json
from scrubtrace.review.sheet.labels import page_labels
from scrubtrace.review.sheet.page import SCRIPTS, around_data
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.salted import salted
from scrubtrace.review.trail.verify import verify

HOSTILE = "</script><script>alert(1)</script><!-- <script> & \u2028 \u2029 ${1} ' \" \\"


class Parts(HTMLParser):
    """What a browser would find: contents of scripts and styles, and every attribute."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.scripts: list[tuple[str | None, str]] = []
        self.styles: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self._tag, self._type = "", None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._tag, self._type = tag, dict(attrs).get("type")
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "script":
            self.scripts.append((self._type, data))
        if self._tag == "style":
            self.styles.append(data)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_review(f"sqlite:///{tmp_path}/review.sqlite")


def data_of(path: Path) -> dict[str, Any]:
    ((_, text),) = [part for part in Parts(path.read_text("utf-8")).scripts if part[0]]
    data = json.loads(text)
    assert isinstance(data, dict)
    return data


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_escaped_json_has_no_markup_and_is_the_same_value(value: Any) -> None:
    text = escaped_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_text_of_rows_cannot_end_the_data(engine: Engine, tmp_path: Path) -> None:
    hostile = text_item(1, HOSTILE, why=HOSTILE, language=HOSTILE, row_id=HOSTILE, shard=HOSTILE)
    path = written(engine, tmp_path / "sheet.html", [hostile])
    parts = Parts(path.read_text("utf-8"))
    assert [kind for kind, _ in parts.scripts] == ["application/json", None]
    (only,) = data_of(path)["items"]
    assert [only[name] for name in ("snippet", "claim", "shard", "row_id")] == [HOSTILE] * 4


def test_the_policy_lets_run_only_this_script_and_style(engine: Engine, tmp_path: Path) -> None:
    parts = Parts(written(engine, tmp_path / "sheet.html", [item(1)]).read_text("utf-8"))
    (policy,) = (v for tag, name, v in parts.attributes if tag == "meta" and "default-src" in v)
    (script,) = (text for kind, text in parts.scripts if kind is None)
    (style,) = parts.styles
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": f"'{hash_of(script)}'",
        "style-src": f"'{hash_of(style)}'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def hash_of(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_the_page_asks_for_nothing_and_makes_no_markup() -> None:
    before, after = around_data(page_labels(ENGLISH))
    parts = Parts(before + after)
    assert not [entry for entry in parts.attributes if entry[1] in ("src", "style", "onclick")]
    links = [value for _, name, value in parts.attributes if name == "href"]
    assert links == ["data:,", "#reading"]
    code = "".join(text for _, text in parts.scripts)
    for name in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(",
                 "localStorage", "sessionStorage", "indexedDB", "fetch(", "cookie"):  # fmt: skip
        assert name not in code
    assert len(SCRIPTS) == 4
    assert "://" not in before + after


def test_every_field_keeps_out_of_the_browsers_memory_of_forms() -> None:
    html = "".join(around_data(page_labels(ENGLISH)))
    fields = re.findall(r"<(?:input|textarea|select|form id)\b[^>]*>", html)
    assert len(fields) == 5
    assert all('autocomplete="off"' in field for field in fields)


def colours(style: str) -> list[dict[str, str]]:
    """Colours of the light and of the dark page."""
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    found = [dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", block)) for block in blocks]
    assert len(found) == 2
    return found


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, definitions)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("number", [0, 1], ids=["light", "dark"])
def test_text_has_a_contrast_of_four_and_a_half(number: int) -> None:
    (style,) = Parts("".join(around_data(page_labels(ENGLISH)))).styles
    palette = colours(style)[number]
    pairs = [("ink", ground) for ground in
             ("paper", "panel", "accent-soft", "proof", "strong", "shared")]  # fmt: skip
    pairs += [(text, ground) for text in ("soft", "accent") for ground in ("paper", "panel")]
    for text, ground in [*pairs, ("on-accent", "accent"), ("sign-ink", "sign")]:
        one, other = sorted((luminance(palette[text]), luminance(palette[ground])))
        assert (other + 0.05) / (one + 0.05) >= 4.5, (text, ground)


def test_items_come_in_review_order_with_their_places_and_words(
    engine: Engine, tmp_path: Path
) -> None:
    again = text_item(1, "Two.", span(0, 3), text_digest="e" * 64)
    elsewhere = item(3, **{name: getattr(again, name) for name in (
        "snippet", "evidence", "text_digest", "evidence_fingerprint", "priority")})  # fmt: skip
    other = text_item(2, "Later.", groups={"labeler": "L01"})
    path = written(engine, tmp_path / "sheet.html", [other, again, elsewhere])
    first, second = data_of(path)["items"]
    assert (first["snippet"], first["places"], len(first["others"])) == ("Two.", 2, 1)
    assert first["evidence"][0]["words"] == "speaks as an AI assistant: proof"
    assert (second["groups"], second["row_version"]) == ({"labeler": "L01"}, 1)


def test_a_sheet_is_an_event_of_the_log(engine: Engine, tmp_path: Path) -> None:
    path = written(engine, tmp_path / "sheet.html", [item(1)])
    with engine.connect() as connection:
        (payload,) = connection.exec_driver_sql("select payload from review_events").scalars()
        (salt,) = connection.exec_driver_sql("select salt from review_salts").scalars()
    about = json.loads(payload)
    assert about["files"] == [salted(salt, hashlib.sha256(path.read_bytes()).hexdigest())]
    assert (about["format"], about["rows"]) == ("sheet", 1)
    assert verify(engine).problems == []


def test_more_items_than_a_sheet_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:///{tmp_path}/review.sqlite"
    upsert_items(open_review(url), [item(number) for number in range(4)], "r1")
    monkeypatch.setattr(writing, "MOST_ITEMS", 3)
    out = tmp_path / "sheet.html"
    sheet = ("review", "sheet", "--review", url, "--out", str(out))
    assert code_of(*sheet) == 2
    assert "--budget 3" in capsys.readouterr().err
    assert [*tmp_path.glob("*.html"), *tmp_path.glob(".*.draft")] == []
    assert code_of(*sheet, "--budget", "3") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"3 texts written to {out}")
    assert "scrubtrace review import sheet-decisions.csv --reviewer NAME" in said
    assert len(data_of(out)["items"]) == 3


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--out", "sheet.csv"), "ends in .html"),
        (("--out", "no/folder/sheet.html"), "cannot write no/folder/sheet.html"),
        (("--out", "s.html", "--state", "done"), "--state takes pending"),
        (("--out", "s.html", "--new-since", "1999"), "no such run was committed"),
    ],
)
def test_what_cannot_be_written_ends_with_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    problem: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    open_review("sqlite:///review.sqlite").dispose()
    assert code_of("review", "sheet", "--review", "sqlite:///review.sqlite", *options) == 2
    assert problem in capsys.readouterr().err
    assert list(tmp_path.glob("*.html")) == []
