"""A report as a page without scripts, or as Markdown.

The page loads nothing: figures are images inside it, and a Content Security Policy allows only them
and its own style. Whatever comes from data is escaped; Markdown has no HTML in it.
"""

import base64
import re
from functools import partial
from importlib.resources import files
from typing import Any

from scrubtrace.review.errors import ReviewError
from scrubtrace.review.report.figures import svg_of
from scrubtrace.review.report.model import Figure, Report, Section, Table
from scrubtrace.review.report.numbers import ENGLISH, Numbers
from scrubtrace.review.sheet.page import source_hash

_REPLACED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Control characters but tab and line feed, and those that change the direction of text."""

_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|~&#"})


def html_of(report: Report, numbers: Numbers = ENGLISH) -> str:
    """The page as HTML; raises ReviewError if a package for it is not installed.

    ``numbers`` writes those in the figures; all others are words of the report.
    """
    try:
        from jinja2 import Environment, StrictUndefined
        from markupsafe import Markup
    except ImportError:
        raise ReviewError("a page needs Jinja2: pip install 'scrubtrace[report]'") from None
    environment = Environment(autoescape=True, undefined=StrictUndefined, finalize=_shown)
    style = _read("page.css")
    policy = (
        f"default-src 'none'; style-src '{source_hash(style)}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    values: dict[str, Any] = {
        "report": report,
        "policy": policy,
        "image": partial(_image, numbers=numbers),
    }
    # The style has no markup in it; escaped quotes would change it, and so its hash.
    return environment.from_string(_read("page.html")).render(values, style=Markup(style))


def markdown_of(report: Report) -> str:
    """The report as Markdown: text and tables, and what each figure says in words."""
    lines = [f"# {_plain(report.title)}", _plain(report.subtitle), _plain(report.lead)]
    lines.append("\n".join(f"- {_plain(what)}: {_plain(value)}" for what, value in report.facts))
    for section in report.sections:
        lines += _section(section)
    lines.append(_plain(report.foot))
    return "\n\n".join(line for line in lines if line) + "\n"


def _section(section: Section) -> list[str]:
    lines = [f"## {_plain(section.title)}", *map(_plain, section.paragraphs)]
    lines += [f"> {_plain(words)}" for words in section.warnings]
    lines += [f"{_plain(d.caption)} {_plain(d.description)}" for d in section.figures]
    lines += [_table(table) for table in section.tables]
    for about, text in section.excerpts:
        lines.append(_plain(about))
        lines.append("\n".join(f"> {_plain(line)}" for line in text.splitlines()))
    return lines


def _table(table: Table) -> str:
    rules = ("---:" if name in table.numbers else "---" for name in table.columns)
    rows = [map(_plain, table.columns), rules, *(map(_plain, row) for row in table.rows)]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    return f"{text}\n\n{_plain(table.note)}" if table.note else text


def _plain(words: str) -> str:
    """Text in which Markdown finds nothing to format, on one line."""
    return " ".join(_REPLACED.sub("\N{REPLACEMENT CHARACTER}", words).split()).translate(_ESCAPED)


def _shown(value: Any) -> Any:
    """What a template puts in: plain text without control characters, markup as it is."""
    is_plain = type(value) is str
    return _REPLACED.sub("\N{REPLACEMENT CHARACTER}", value) if is_plain else value


def _image(figure: Figure, numbers: Numbers) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg_of(figure, numbers)).decode()


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
