"""An audit in the report: what it says, and what it refuses to say."""

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from scrubtrace.audit.estimates import WHOLE
from scrubtrace.audit.figures import NOTES, What
from scrubtrace.exits import UsageStop
from scrubtrace.messages import ENGLISH
from scrubtrace.report.audit_file import read_audit
from scrubtrace.report.audited import audit_sections, audit_sentence
from scrubtrace.report.gathering import Gathered
from scrubtrace.review.report.figures import svg_of
from scrubtrace.review.report.model import Forest, Section, Share
from tests.helpers.made_audits import ESTIMATE, audited, entry, number, refused
from tests.helpers.made_gathering import nothing_found


@pytest.mark.parametrize(
    ("figures", "sentence"),
    [
        (
            {"by_flags": ESTIMATE},
            "An estimated 10.0% (8.0% to 13.0%) of 1,000 texts are LLM text, if",
        ),
        (
            {"lower_bound": number(lower=0.02), "upper_bound": number(upper=0.2)},
            "At least 2.00% and at most 20.00% of 1,000 texts are LLM text, each at 95% conf",
        ),
        ({"lower_bound": number(lower=0.02)}, "At least 2.00% of 1,000 texts are LLM text"),
        ({"upper_bound": number(upper=0.2)}, "At most 20.00% of 1,000 texts are LLM text"),
        ({}, "How much LLM text there is cannot be said"),
    ],
)
def test_the_summary_says_more_than_the_audit(figures: dict[str, Any], sentence: str) -> None:
    assert audit_sentence(audited(entry("all", refused(), **figures)), ENGLISH).startswith(sentence)


def test_the_summary_without_an_audit_has_a_number() -> None:
    assert "has not been estimated" in audit_sentence(None, ENGLISH)
    assert audit_sections(None, ENGLISH) == []


def drawn_shares(section: Section) -> Sequence[Share]:
    """The shares in the forest of a section."""
    figure = section.figures[0].figure
    assert isinstance(figure, Forest)
    return figure.shares


def test_estimates_of_each_kind_have_a_column() -> None:
    by_flags = entry("north", refused(), by_flags=ESTIMATE)
    both = entry("all", refused(), by_scores=number(estimate=0.2, lower=0.1, upper=0.3),
                 reviewed=ESTIMATE)  # fmt: skip
    (section,) = audit_sections(audited(by_flags, both), ENGLISH)
    table = section.tables[0]
    assert table.columns[4:7] == ("estimate by flags", "estimate by scores", "share by reviewers")
    assert table.rows[0][4:7] == ("–", "20.00% (10.00% – 30.00%)", "10.00% (8.00% – 13.00%)")
    assert table.rows[1][4:7] == ("10.00% (8.00% – 13.00%)", "–", "–")


def test_counts_beside_a_weighted_share_are_left_out() -> None:
    weighted = number(estimate=0.04, lower=0.01, upper=0.1, method=WHOLE)
    strata = [
        entry("north", refused(), reviewed=weighted),
        entry("s", refused(), reviewed=ESTIMATE),
    ]
    (section,) = audit_sections(audited(*strata, entry("all", refused())), ENGLISH)
    assert [one.is_weighted for one in drawn_shares(section)] == [True, False]
    assert "Shares without counts are weighted" in section.figures[0].caption
    counts = re.findall(r"7 / 100", svg_of(section.figures[0].figure).decode())
    assert len(counts) == 1


def test_the_claim_is_about_the_texts_that_were_judged() -> None:
    whole = entry("all", refused(), by_flags=ESTIMATE | {"n": 100}) | {"trusted": 5_000}
    said = audit_sentence(audited(whole), ENGLISH)
    assert "(8.0% to 13.0%) of 100 texts are LLM text, if" in said
    assert "It says nothing of 900 texts more, whose language is not known" in said
    assert said.endswith("Beside them 5,000 texts are taken for human and not judged.")
    (section,) = audit_sections(audited(whole), ENGLISH)
    assert section.tables[0].rows[0][1] == "1,000"
    assert section.tables[0].rows[0][4] == "10.00% (8.00% – 13.00%) of 100 texts"
    assert section.tables[0].note == "Beside them 5,000 texts are taken for human and not judged."


def test_notes_are_told() -> None:
    whole = entry("all", refused(), upper_bound=number(upper=0.2))
    (section,) = audit_sections(audited(whole, notes=True), ENGLISH)
    assert len(section.warnings) == 1 + len(NOTES)
    assert any(one.startswith("Note: shards were added") for one in section.warnings)
    assert "shards were added" in audit_sentence(audited(whole, notes=True), ENGLISH)


def test_refusals_become_numbers() -> None:
    (section,) = audit_sections(
        audited(entry("north", refused()), entry("all", refused())), ENGLISH
    )
    table, refusals = section.tables
    assert table.rows[0] == ("all texts", "1,000", "30", "–", "–")
    shared = ("lower bound", "no human reference matches (0)", "all texts; north")
    assert shared in refusals.rows
    assert section.figures == ()
    assert "the human reference is like" in section.warnings[0]


def test_strata_with_the_same_reason_are_one_row() -> None:
    details = ("0", "0", "7 texts", "0")
    strata = [
        entry(name, refused() | {"detail": detail})
        for name, detail in zip("abcd", details, strict=True)
    ]
    (section,) = audit_sections(audited(*strata, entry("all", refused())), ENGLISH)
    refusals = section.tables[-1]
    assert len(refusals.rows) == len(What)
    shared = ("lower bound", "no human reference matches", "all texts; a; b and 2 more")
    assert shared in refusals.rows


def test_strata_without_an_order_are_drawn() -> None:
    strata = [
        entry("north", refused(), reviewed=ESTIMATE, lower_bound=number(lower=0.02)),
        entry("south", refused(), reviewed=number(estimate=0.3, lower=0.2, upper=0.4)),
    ]
    (section,) = audit_sections(audited(*strata, entry("all", refused())), ENGLISH)
    assert section.tables[0].rows[1][3:5] == ("2.00%", "10.00% (8.00% – 13.00%)")
    assert section.tables[0].columns[3:] == ("at least", "share by reviewers", "at most")
    assert [one.is_weighted for one in drawn_shares(section)] == [False, False]
    assert section.figures[0].description == "south has the highest lower limit, 20.00%."


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{}", "not what audit run"),
        ("[1]", "not what audit run"),
        ("no json", "not what audit run"),
        ({"format": 1}, "of an earlier version, make it anew: scrubtrace audit run --out out "),
        ({"dataset": "stews"}, "another data set"),
        ({"policy": "p2"}, "another policy"),
        ({"data": {"runs_with_results": ["r1"], "shards_sha256": "d1"}}, "other shards than those"),
        ({"data": {"runs_with_results": ["r0"], "shards_sha256": "d0"}}, "results of other runs"),
        ({"data": None, "batch": {"name": "b", "goal": {}, "shards_sha256": "d1"}}, "other shards"),
        (None, "cannot read"),
    ],
)
def test_a_file_about_something_else_is_taken(tmp_path: Path, content: Any, problem: str) -> None:
    path = tmp_path / "a.json"
    if isinstance(content, dict):
        content = json.dumps(dict(audited(entry("all", refused())).data) | content)
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(UsageStop, match=problem):
        read_audit(path, about(), "out")


def about() -> Gathered:
    """What the report is about: the shards and runs of the made audits."""
    return dataclasses.replace(nothing_found(), runs=("r1",), shards_sha256="d0")


@pytest.mark.parametrize(
    "changed", [{}, {"data": None, "batch": {"name": "b", "goal": {}, "shards_sha256": "d0"}}]
)
def test_an_audit_of_what_counts_now_is_read(tmp_path: Path, changed: Any) -> None:
    path = tmp_path / "a.json"
    whole = entry("all", refused()) | {"sensitivity": None}
    path.write_text(json.dumps(dict(audited(whole).data) | changed), encoding="utf-8")
    assert read_audit(path, about(), "out").entries == [whole]


def test_a_refused_audit_can_be_made_anew(tmp_path: Path) -> None:
    """The command of the refusal has every choice of the call that made the file."""
    path = tmp_path / "a.json"
    whole = entry("all", refused()) | {"sensitivity": {"given": 0.8}}
    human = [{"dataset": "soups", "sources": None}, {"dataset": "essays", "sources": ["web", "x"]}]
    data = dict(audited(whole).data) | {
        "data": {"runs_with_results": ["r0"], "shards_sha256": "d0"}, "confidence": 0.9,
        "batch": {"name": "march", "goal": {"confidence": 0.95}},
        "references": {
            "human": human, "llm": [{"dataset": "models", "sources": []}],
            "trusted": {"before": "2022-11", "sources": ["archive"]},
        },
        "cluster": {"group": "labeler", "of": {"models": "source"}},
    }  # fmt: skip
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(UsageStop) as stop:
        read_audit(path, about(), "the runs")
    assert str(stop.value).endswith(
        "scrubtrace audit run march --out 'the runs' --human-reference essays=web,x "
        "--llm-reference models --human-before 2022-11 --human-source archive --cluster labeler "
        f"--cluster models=source --sensitivity 0.8 --confidence 0.9 --json {path}"
    )
