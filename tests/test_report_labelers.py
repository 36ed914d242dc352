"""Labelers in the report: compared with clean ones, and named only where they were referred."""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.config import load_config
from scrubtrace.messages import ENGLISH
from scrubtrace.report.gathering import Gathered, gather
from scrubtrace.report.people import labeler_sections
from scrubtrace.review.connection import open_review
from scrubtrace.review.report.model import Funnel
from tests.helpers.command_line import code_of
from tests.helpers.samples import FLAGGED, PLAIN

LABELERS = 60
MISUSE = "p-aaaaa-00003"


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gathered:
    """A real run, with counts of many labelers in the place of its few."""
    monkeypatch.chdir(tmp_path)
    columns = {"text": [FLAGGED, PLAIN], "who": ["a", "b"], "day": ["2022-01-05", "2023-01-05"]}
    pq.write_table(pa.table(columns), "a.parquet")
    assert code_of(
        "detect", "a.parquet", "--out", "out", "--quiet", "--review", "sqlite:///r.sqlite",
        "--group-by", "labeler=who,created_at=day",
    ) == 0  # fmt: skip
    engine = open_review("sqlite:///r.sqlite")
    made = gather("out", load_config(None), engine)
    engine.dispose()
    made.texts, made.flagged_without_style = Counter(), Counter()
    for number in range(LABELERS):
        name = f"p-aaaaa-{number:05d}"
        for month, flagged in (("2022-03", number % 3), ("2023-03", number % 3)):
            cell = ("en", name, None, None, None, None, month)
            made.texts[cell] = 120
            is_misuse = month == "2023-03" and name == MISUSE
            made.flagged_without_style[cell] = 60 if is_misuse else flagged
    return made


def _text(found: Gathered) -> str:
    return repr(labeler_sections(found, ENGLISH))


def test_a_labeler_who_was_not_referred_is_named_as_referred(found: Gathered) -> None:
    (section,) = labeler_sections(found, ENGLISH)
    (drawn,) = section.figures
    assert isinstance(drawn.figure, Funnel)
    assert drawn.figure.marked == frozenset()
    assert len(drawn.figure.shares) == LABELERS
    assert section.tables == ()
    assert "1 are unusual, and scrubtrace labelers screen has referred 0" in _text(found)


def test_a_referred_labeler_is_not_marked(found: Gathered) -> None:
    found.referred = frozenset({MISUSE, "p-aaaaa-00004"})
    (section,) = labeler_sections(found, ENGLISH)
    assert isinstance(section.figures[0].figure, Funnel)
    assert section.figures[0].figure.marked == {MISUSE}
    assert [row[:5] for row in section.tables[0].rows] == [
        (MISUSE, "en", "60", "120", section.tables[0].rows[0][4])
    ]
    assert "It is no finding about a person" in section.warnings[0]


def test_single_labelers_are_shown_without_a_clean_reference(found: Gathered) -> None:
    found.texts = Counter({c: n for c, n in found.texts.items() if c[-1] == "2023-03"})
    (section,) = labeler_sections(found, ENGLISH)
    assert section.figures == ()
    assert "Nothing is said of single labelers" in section.paragraphs[0]
    assert section.tables[0].rows[0][-1] == "few labelers in clean periods: 0 of 50"
    assert "p-aaaaa" not in repr(section)


def test_there_is_a_section_without_labelers_or_months(found: Gathered) -> None:
    found.texts = Counter()
    assert labeler_sections(found, ENGLISH) == []
