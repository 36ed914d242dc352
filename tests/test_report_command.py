"""The report through the command line: what it counts, leaves out and refuses."""

import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.config import load_config
from scrubtrace.messages import Messages
from scrubtrace.report import gathering
from scrubtrace.report.gathering import gather
from scrubtrace.report.making import make_report
from scrubtrace.report.shares import PolicyDate
from scrubtrace.review.connection import open_review
from scrubtrace.review.trail.events import head
from scrubtrace.review.trail.log import log_unmasking
from scrubtrace.schemas.vocabulary import Kind
from tests.helpers.command_line import code_of
from tests.helpers.made_gathering import gathered
from tests.helpers.samples import FLAGGED, PLAIN

REVIEW = ("--review", "sqlite:///review.sqlite")
GROUPS = "labeler=who,vendor=vendor,source=source,created_at=day"
HOSTILE = "<img src=x onerror=alert(1)>"
MONTHS = [f"{2022 + number // 12}-{number % 12 + 1:02d}-10" for number in range(6, 30)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    columns: dict[str, list[object]] = {
        "text": [],
        "who": [],
        "vendor": [],
        "source": [],
        "day": [],
    }
    for number in range(240):
        month = number % len(MONTHS)
        is_flagged = month > 14 and number % 2 == 0
        columns["text"].append(FLAGGED if is_flagged else f"{PLAIN} {number}")
        columns["who"].append(f"Ada Example {number % 7}")
        columns["vendor"].append(HOSTILE if number % 3 else None)
        columns["source"].append("soups")
        columns["day"].append(MONTHS[month])
    pq.write_table(pa.table(columns | {"lang": ["en"] * 240}), "a.parquet")
    return tmp_path


def detect(*more: str) -> int:
    return code_of(
        "detect", "a.parquet", "--out", "out", "--dataset", "soups", "--quiet",
        "--language-column", "lang", "--group-by", GROUPS, *REVIEW, *more,
    )  # fmt: skip


def report(*more: str, out: str = "r.html") -> int:
    return code_of("report", "--runs", "out", "--out", out, *REVIEW, *more)


def cells(page: str, *wanted: str) -> bool:
    """Whether the page has a table row with these cells in a row."""
    inner = r"</td><td[^>]*>".join(map(re.escape, wanted))
    return re.search(rf"<td[^>]*>{inner}</td>", page) is not None


def test_every_policy_date_has_a_row_and_says_why_it_is_not_tested() -> None:
    assert detect() == 0
    dates = ("2022-07-01=first", "2023-09-15=cold", "2023-10-01=same", "2024-07-02=late")
    assert report(*(word for one in dates for word in ("--policy-date", one))) == 0
    page = Path("r.html").read_text(encoding="utf-8")
    for shown, reason in (
        ("2022-07-01 first", "few months before"),
        ("2023-10-01 same", "tested with 2023-09-15"),
        ("2024-07-02 late", "few months after"),
    ):
        assert cells(page, shown, "", "", "", "", reason), shown
    assert "2023-09-15 cold" in page
    assert report("--policy-date", "2031-01-01=never") == 0
    assert cells(Path("r.html").read_text(), "2031-01-01 never", "", "", "", "", "few months after")


def test_the_report_counts_something_else_than_the_run(folder: Path) -> None:
    assert detect() == 0
    assert report("--policy-date", "2023-09-15=soups were cold") == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert "Of 240 texts in 240 rows, 40 (16.67%) were flagged for review." in page
    assert cells(page, "en", "40", "240", "16.67%")
    assert cells(page, "soups", "40", "240", "16.67%")
    assert cells(page, "boilerplate", "4", "trace", "240", "0", "0")
    assert "2023-09-15 soups were cold" in page
    assert "Of 40 texts dated before November 2022" in page
    assert cells(page, "llm text", "40")


def test_null_and_empty_texts_are_counted_as_texts(capsys: pytest.CaptureFixture[str]) -> None:
    table = pq.read_table("a.parquet").slice(0, 20)
    texts = [None, "", " ", *table["text"].to_pylist()[3:]]
    pq.write_table(table.set_column(0, "text", pa.array(texts, pa.string())), "a.parquet")
    assert detect() == 0
    assert report(out="r.md") == 0
    page = Path("r.md").read_text(encoding="utf-8")
    read = gather("out", load_config(None), open_review(REVIEW[1]), "soups").outcome.balance
    judged = 20 - read.null_texts - read.empty_texts
    assert (read.null_texts, judged < 19) == (1, True)
    assert f"Of {judged} texts in 20 rows" in page
    assert f"| soups | 2 | {judged} |" in page
    words = f"Of these texts 1 are null and {read.empty_texts} are empty: no share counts them."
    assert words in page


def test_a_blank_value_of_a_group_has_no_name() -> None:
    table = pq.read_table("a.parquet").slice(0, 9)
    table = table.set_column(2, "vendor", pa.array(["", " ", "north"] * 3))
    pq.write_table(table, "a.parquet")
    assert detect() == 0
    assert report() == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert not cells(page, "&#34;&#34;", "0", "3")  # an empty value is none
    assert cells(page, "&#34; &#34;", "0", "3")
    assert cells(page, "north", "0", "3")


def test_names_texts_or_markup_of_rows_are_in_the_report(folder: Path) -> None:
    assert detect() == 0
    for out in ("r.html", "r.md"):
        assert report(out=out) == 0
        text = Path(out).read_text(encoding="utf-8")
        assert FLAGGED not in text
        assert "Ada Example" not in text
        assert not re.search(r"(?<!\\)<img src=x", text)


def test_excerpts_are_there_unasked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert detect() == 0
    assert report("--with-excerpts", "3") == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert page.count("<blockquote") == 3
    assert FLAGGED in page
    assert "as safe as the data" in capsys.readouterr().out


def test_the_head_is_that_of_the_states_which_were_counted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert detect() == 0
    engine, count = open_review("sqlite:///review.sqlite"), gathering.count_states
    before = head(engine)

    def counted_with_an_event_behind(*given: Any) -> Counter[tuple[str, str]]:
        states = count(*given)
        log_unmasking(engine, "p-7kq2m-x4fza", "asked for", None, 1)
        return states

    monkeypatch.setattr(gathering, "count_states", counted_with_an_event_behind)
    assert gather("out", load_config(None), engine).review_head == before != head(engine)
    engine.dispose()


def test_the_order_in_which_something_was_counted_shows() -> None:
    """Signatures come out of a set, whose order is another one in every process."""
    one, other = gathered(), gathered()
    kinds = list(Kind)
    for found, names in ((one, "cab"), (other, "bca")):
        kinds.reverse()
        found.signals = Counter({("d1", name): 5 for name in names} | {("d1", "z"): 9})
        found.outcome.flagged = Counter({Kind(name): 3 for name in kinds})
        found.texts = Counter({(name, *[None] * 5, "2023-01"): 70 for name in names})
        found.flagged, found.flagged_without_style = Counter(), Counter()
    assert make_report(one, Messages("en")) == make_report(other, Messages("en"))


def test_labelers_are_counted_under_other_names_than_in_the_review_table(folder: Path) -> None:
    assert detect() == 0
    engine = open_review("sqlite:///review.sqlite")
    found = gather("out", load_config(None), engine)
    with engine.connect() as connection:
        query = "SELECT DISTINCT labeler FROM review_items"
        stored = set(connection.exec_driver_sql(query).scalars())
    engine.dispose()
    counted = found.by("labeler")
    assert sum(texts for _, texts in counted.values()) == 240
    assert stored == {name for name, (flagged, _) in counted.items() if flagged}


def test_the_same_state_gives_another_report(folder: Path) -> None:
    assert detect() == 0
    pages = []
    for _ in range(2):
        assert report("--policy-date", "2023-09-15=x") == 0
        pages.append(Path("r.html").read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("--policy-date", "2023-13-01=x"), "DATE=WORDS"),
        (("--policy-date", "2023-12-01"), "DATE=WORDS"),
        (("--dataset", "stews"), "no run of data set 'stews'"),
        (("--set", "policy.proof_hits=2"), "scrubtrace commit"),
        (("--review", "sqlite:///other.sqlite"), "was not committed to this review table"),
    ],
)
def test_a_report_that_cannot_be_made_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], problem: str
) -> None:
    assert detect() == 0
    open_review("sqlite:///other.sqlite").dispose()
    assert report(*arguments) == 2
    assert problem in capsys.readouterr().err
    assert not Path("r.html").exists()


def test_another_suffix_or_no_run_is_taken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(out="r.docx") == 2
    assert ".html or .md" in capsys.readouterr().err
    engine = open_review("sqlite:///review.sqlite")
    engine.dispose()
    assert report() == 2
    assert "no run in out is committed" in capsys.readouterr().err


def test_dead_shards_are_left_out_of_the_report(folder: Path) -> None:
    Path("b.parquet").write_bytes(b"PAR1 no more")
    assert code_of(
        "detect", "a.parquet", "b.parquet", "--out", "out", "--dataset", "soups", "--quiet", *REVIEW
    ) == 3  # fmt: skip
    assert len(runs_of("out")) == 1
    assert report() == 0
    page = Path("r.html").read_text(encoding="utf-8")
    assert "b.parquet" in page
    assert "could not be read" in page


@pytest.mark.parametrize(
    ("day", "month"),
    [("2023-12-01", "2023-12"), ("2023-12-15", "2024-01"), ("2023-11-30", "2023-12")],
)
def test_a_policy_date_begins_in_another_month(day: str, month: str) -> None:
    assert PolicyDate(date.fromisoformat(day), "x").first_month == month
