"""Campaigns in the report: what the log knows, and what records of checks say."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from campaigns import REVIEW, SCAN, Site, action, exception

from scrubtrace.campaign.record import read_previous
from scrubtrace.exits import Exit, SumsDifferStop, UsageStop
from scrubtrace.messages import ENGLISH
from scrubtrace.report.campaigns import (
    SHOWN,
    Campaigns,
    Noted,
    campaign_sections,
    read_records,
)
from scrubtrace.review.report.model import Section
from scrubtrace.schemas.identity import DigestKey
from tests.helpers.made_campaigns import made_campaigns


def cells(section: Section, first: str) -> tuple[tuple[str, ...], ...]:
    """The rows of the table whose first column has this name."""
    (found,) = [table.rows for table in section.tables if table.columns[0] == first]
    return found


def sections(found: Campaigns) -> Iterator[Section]:
    yield from campaign_sections(found, ENGLISH)


def test_nothing_is_said_without_campaigns() -> None:
    assert list(sections(Campaigns())) == []


def test_a_record_says_what_is_open_and_what_ends() -> None:
    overview, found, done = sections(made_campaigns())
    assert overview.tables[0].rows[0] == ("spring", "June 15, 2030", "2", "shown below")
    assert overview.tables[0].rows[1][3] == "9" * 16
    assert "It is not complete: 2 things that it requires are open." in found.paragraphs
    assert found.warnings == (
        "Exception E-1 expires on June 30, 2030.",
        "Exception E-2 expired on June 1, 2030.",
    )
    assert found.tables[0].rows[0] == ("answers", "5", "3", "12", "12", "2", "1")
    assert cells(found, "open action") == (
        ("A-1", "2030-06-01, overdue", "vendor management", "ask"),
        ("A-2", "2030-07-01", "vendor management", "ask again"),
    )
    assert [row[3] for row in cells(found, "exception")] == [
        "applied", "expired", "idle", "not approved",
    ]  # fmt: skip
    assert cells(found, "required and open") == (("scan is open",), ("review is open",))
    assert done.paragraphs[1] == "It is complete: nothing that it requires is open."
    assert done.warnings == ("The log of this review table does not know this check.",)
    changes = found.tables[-1].rows
    assert changes[0][2:] == ("4", "6", "2", "3", "–", "–")


def test_rows_that_are_not_shown_are_told() -> None:
    noted = tuple(Noted(f"c-{n}", "2030-06-15", 0, f"{n:064x}") for n in range(SHOWN + 2))
    (table,) = next(sections(Campaigns(noted))).tables
    assert len(table.rows) == SHOWN
    assert table.note == "2 more rows are not shown."


@pytest.fixture
def site(tmp_path: Path, key: DigestKey) -> Site:
    made = Site(tmp_path)
    made.shard(1)
    assert made.scan() == 0
    return made


def report(site: Site, *options: object, out: str = "r.html") -> int:
    given = ("--runs", site.out, "--out", site.folder / out, *options)
    return site.run("report", *given)


def test_the_report_of_a_checked_campaign(site: Site) -> None:
    ends = date(2030, 6, 20)
    site.write(SCAN, REVIEW, exception(expires=ends, vendor="south"), action())
    first = site.check("--log", out="first.json")
    site.decide("concur", 1)
    record = site.check(
        "--log", "--previous", site.folder / "first.json", out="second.json"
    )  # fmt: skip
    assert report(site) == 0
    page = (site.folder / "r.html").read_text()
    assert record["record_sha256"][:16] in page
    assert "ask the vendor" not in page
    given = ("--campaign", site.folder / "second.json")
    assert report(site, *given) == 0
    page = (site.folder / "r.html").read_text()
    for words in ("ask the vendor", "Exception E-1 expires on June 20, 2030.", "shown below",
                  "flags are comparable", first["record_sha256"][:16], "TICKET-1"):  # fmt: skip
        assert words in page
    assert report(site, *given, out="r.md") == 0
    assert "vendor management" in (site.folder / "r.md").read_text()


def test_records_that_cannot_be_shown(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.write(SCAN)
    record = site.check()
    path = site.folder / "record.json"
    with pytest.raises(UsageStop, match="without data set other"):
        read_records([str(path)], "other")
    changed: dict[str, Any] = record | {"as_of": "2031-01-01"}
    path.write_text(json.dumps(changed))
    with pytest.raises(SumsDifferStop):
        read_previous(str(path))
    capsys.readouterr()
    assert report(site, "--campaign", path) == Exit.SUMS_DIFFER
    assert "is not what its own digest says" in capsys.readouterr().err
