"""The report in each language: no English is left, and figures have its numbers and fonts."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

import catalogs
import pytest

from scrubtrace.messages import Messages
from scrubtrace.report.making import make_report
from scrubtrace.report.names import NAMES
from scrubtrace.report.shares import PolicyDate
from scrubtrace.review.report.figures import svg_of
from scrubtrace.review.report.model import Bars, Forest, Histogram, Histograms, Report
from scrubtrace.review.report.writing import html_of, markdown_of
from scrubtrace.style_words import problem_words
from tests.helpers.made_audits import made_audits
from tests.helpers.made_campaigns import made_campaigns
from tests.helpers.made_gathering import MONTHS, PROBLEMS, gathered, nothing_found, with_labelers
from tests.helpers.made_report import REPORT, share

EVERY = pytest.mark.parametrize("language", catalogs.TRANSLATED)
DATES = tuple(
    PolicyDate(date.fromisoformat(day), "0")
    for day in ("2022-09-01", "2023-04-20", "2023-05-01", "2024-05-01")
)
DAY = date(2026, 1, 2)


NOT_HERE = {
    "text has no date that is understood", "no common stratum", "no flagged rows", "few rows",
    "few rows in clean periods", "labeler was compared with clean labelers of the same task type",
}  # fmt: skip
"""What takes a data set of its own to be said."""

COMMANDS = ("scrubtrace labelers screen", "scrubtrace audit")
"""What is written so in every language."""


def reports(language: str) -> list[Report]:
    """A full report, one without months before chat models, and one of nothing."""
    messages = Messages(language)
    late = gathered(MONTHS[8:])
    audits = [make_report(nothing_found(), messages, (), DAY, one) for one in made_audits()]
    return [
        *audits,
        make_report(with_labelers(), messages, (), DAY),
        make_report(with_labelers(clean=3), messages, (), DAY),
        make_report(gathered(), messages, DATES, DAY),
        make_report(late, messages, (), DAY),
        make_report(nothing_found(), messages, (), DAY, campaigns=made_campaigns(words=False)),
        make_report(nothing_found(), messages, (), DAY, campaigns=made_campaigns()),
        make_report(nothing_found(), messages, (), DAY),
    ]


def strings(found: Any) -> Iterator[str]:
    """Every string in a report that its reader sees."""
    if isinstance(found, str):
        yield found
    elif is_dataclass(found):
        for field in fields(found):
            if field.name not in ("id", "language"):
                yield from strings(getattr(found, field.name))
    elif isinstance(found, list | tuple | frozenset):
        for part in found:
            yield from strings(part)


def words_of(language: str) -> str:
    """All that reports say in a language."""
    return "\n".join(text for report in reports(language) for text in strings(report))


def said(message: Any) -> list[str]:
    """What a message says around its values."""
    forms = [message.id] if isinstance(message.id, str) else list(message.id)
    pieces = [piece.strip(" ,.;:()") for form in forms for piece in re.split(r"\{\w+\}", form)]
    return [piece for piece in pieces if re.search("[a-z]{2}", piece)]


def of_report() -> list[Any]:
    """Messages and names of the template that reports have."""
    found = [m for m in catalogs.template() if m.id and _is_of_report(m)]
    assert len(found) > 90
    return found


def _is_of_report(message: Any) -> bool:
    if message.context is not None:
        return message.context in {*NAMES, "kind", "state"}
    return any(path.startswith("src/scrubtrace/report/") for path, _ in message.locations)


def occurs(piece: str, text: str) -> bool:
    """Whether these words are in a text, not as a part of others."""
    return re.search(rf"(?<![\w.]){re.escape(piece)}(?!\w|\.\w)", text) is not None


def test_reports_here_say_every_message() -> None:
    """What is not said in English here cannot be found missing in another language."""
    text = words_of("en")
    left_out = {
        piece for message in of_report() for piece in said(message) if not occurs(piece, text)
    }
    assert left_out == NOT_HERE


@EVERY
def test_no_message_of_a_report_is_left_in_english(language: str) -> None:
    text = words_of(language)
    for command in COMMANDS:
        text = text.replace(command, "")
    catalog = catalogs.catalog_of(language)
    left = set()
    for message in of_report():
        first = message.id if isinstance(message.id, str) else message.id[0]
        translated = str(catalog.get(first, message.context).string)
        left |= {p for p in said(message) if p not in translated and occurs(p, text)}
    assert left == set()


@EVERY
@pytest.mark.parametrize("problem", PROBLEMS)
def test_why_nothing_is_flagged_is_said_in_the_language(language: str, problem: str) -> None:
    translated = problem_words(problem, Messages(language))
    assert not occurs("calibration", translated)
    assert not occurs("rate", translated)
    assert problem_words(problem, Messages("en")) == problem


def test_an_unknown_problem_stays_as_it_is() -> None:
    assert problem_words("soup is cold", Messages("de")) == "soup is cold"


@EVERY
def test_columns_of_a_table_have_names_of_their_own(language: str) -> None:
    """Numbers are set by the name of their column."""
    for report in reports(language):
        for section in report.sections:
            for table in section.tables:
                assert len(set(table.columns)) == len(table.columns), table.columns


def test_figures_have_numbers_of_the_language() -> None:
    german, english = Messages("de"), Messages("en")
    forest = Forest((share("a", 3, 1200),), "x", 0.0025, "y")
    assert "1.200" in (drawn := svg_of(forest, german).decode())
    assert re.search(r"0,\d+\xa0%", drawn)
    assert "1,200" in (drawn := svg_of(forest, english).decode())
    assert re.search(r"0\.\d+%", drawn)
    histograms = Histograms((Histogram("a", (5, 7), 6.0, 9.0),), "x")
    assert ">0,4<" in svg_of(histograms, german).decode()
    assert ">0.4<" in svg_of(histograms).decode()
    assert "2.000" in svg_of(Bars((("a", 2000),), "x"), german).decode()


def test_a_figure_says_its_language() -> None:
    """A browser takes the shapes of Chinese characters from it."""
    assert b'<svg lang="zh-Hant" ' in svg_of(Bars((("a", 1),), "x"), Messages("zh-Hant"))


@pytest.mark.parametrize(("language", "lead"), [("ja", "あ。い。"), ("de", "あ。 い。")])
def test_sentences_of_the_summary_have_spaces_where_the_language_has(
    language: str, lead: str
) -> None:
    report = replace(REPORT, sections=(), summary=("あ。", "い。"), language=language)
    assert report.lead == lead
    assert lead in html_of(report)
    assert lead in markdown_of(report)


def test_ticks_of_shares_are_not_rounded() -> None:
    rows = tuple(share(name, 175, 10_000) for name in "ab")
    drawn = svg_of(Forest(rows, "x")).decode()
    ticks = [float(tick) for tick in re.findall(r">(\d+\.\d+)%<", drawn)]
    assert len({round(after - before, 6) for before, after in pairwise(ticks)}) == 1
