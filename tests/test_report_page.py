"""The report as a page and as Markdown: what it shows, loads, and does with hostile names."""

import base64
import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from scrubtrace.review.errors import ReviewError
from scrubtrace.review.report.figures import MOST_ROWS, shown, svg_of
from scrubtrace.review.report.model import Bars, Figure, Forest, Funnel, Histograms, Months, Section
from scrubtrace.review.report.writing import html_of, markdown_of
from tests.helpers.made_report import REPORT, share

HOSTILE = '"><img src=x onerror=alert(1)>|`*_#[a](http://b)\n# c\x00\u202e'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loaded: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name in ("src", "href") and value is not None:
                self.loaded.append(value)
            if name.startswith("on") or name == "style":
                self.handlers.append(name)


def _tags(page: str) -> _Tags:
    parser = _Tags()
    parser.feed(page)
    return parser


def test_the_page_loads_or_runs_something() -> None:
    found = _tags(html_of(REPORT))
    assert "script" not in found.tags
    assert found.handlers == []
    assert all(
        url.startswith(("data:image/svg+xml;base64,", "#", "data:,")) for url in found.loaded
    )
    assert "default-src &#39;none&#39;" in html_of(REPORT)


def test_names_from_data_become_markup() -> None:
    section = Section("s", HOSTILE, (HOSTILE,), (HOSTILE,), excerpts=((HOSTILE, HOSTILE),))
    hostile = replace(REPORT, title=HOSTILE, summary=(HOSTILE,), sections=(section,), foot=HOSTILE)
    found = _tags(html_of(hostile))
    assert "img" not in found.tags
    text = markdown_of(hostile)
    for written in (text, html_of(hostile)):
        assert not {"\x00", "\u202e"} & set(written)
    assert not re.search(r"(?<!\\)[<`|*\[]", text)
    assert "\n# c" not in text


@pytest.mark.parametrize("figure", [d.figure for s in REPORT.sections for d in s.figures])
def test_a_figure_is_drawn_differently_the_second_time(figure: Figure) -> None:
    assert svg_of(figure) == svg_of(figure)
    assert b"<script" not in svg_of(figure)
    assert b"Matplotlib" not in svg_of(figure)


@pytest.mark.parametrize(
    "figure",
    [
        Forest((), "x"),
        Funnel((), (), 0.0, "x"),
        Months((), "x"),
        Histograms((), "x"),
        Bars((), "x"),
        Forest((share(HOSTILE, 0, 1),), "$x$ $ _ ^"),
        Bars((("a" * 500, 3), ("\u5929" * 90, 0)), "x"),
        Months((share("2021-12", 1, 9), share("2024-02", 1, 9)), "x", (("1999-01", "old"),)),
        Funnel((share("one", 1, 1),), ((1, 0.0, 1.0),), 0.5, "x", frozenset({"one"})),
    ],
)
def test_a_figure_of_little_or_odd_data_fails(figure: Figure) -> None:
    assert svg_of(figure).startswith(b"<?xml")


def test_a_forest_shows_others_than_those_that_stand_out() -> None:
    shares = [share(f"s{n}", n, 1_000) for n in range(100)]
    assert [one.hits for one in shown(shares)] == list(range(99, 99 - MOST_ROWS, -1))


def test_markdown_has_no_cells() -> None:
    text = markdown_of(REPORT)
    assert "| A \\| B | 400 |" in text
    assert "One lies outside." in text


def test_images_are_no_svg() -> None:
    images = re.findall(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", html_of(REPORT))
    assert len(images) == 5
    assert all(b"<svg" in base64.b64decode(image) for image in images)


def test_a_missing_package_is_not_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ReviewError, match=r"scrubtrace\[report\]"):
        svg_of(Bars((("a", 1),), "x"))
