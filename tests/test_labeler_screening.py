"""Screening of labelers: who is compared with what, who is referred, and what is never told."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import code_of
from hypothesis import given, settings
from hypothesis import strategies as st
from labeler_shards import CLEAN, LATER, name, team, work, write

from scrubtrace.labelers.cells import Cell
from scrubtrace.labelers.model import LabelerScreening
from scrubtrace.labelers.periods import Settings
from scrubtrace.labelers.screening import screen_labelers
from scrubtrace.labelers.telling import lines
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.stats.screening import Reason

KEY = "ab" * 32
GROUPS = "labeler=who,created_at=day,source=origin,vendor=client"


def cell(
    labeler: str | None, month: str | None, language: str = "en", source: str | None = None,
    stage: str | None = None, vendor: str | None = None,
) -> Cell:  # fmt: skip
    return (language, labeler, vendor, source, stage, None, month)


def counted(rows: list[tuple[Cell, int, int]]) -> tuple[Counter[Cell], Counter[Cell]]:
    texts: Counter[Cell] = Counter()
    flagged: Counter[Cell] = Counter()
    for where, count, hits in rows:
        texts[where] += count
        flagged[where] += hits
    return texts, flagged


def clean(labelers: int = 60, month: str = "2022-10", **more: Any) -> list[tuple[Cell, int, int]]:
    return [(cell(f"p-{n}", month, **more), 200, n % 4) for n in range(labelers)]


def later(hits: dict[int, int], labelers: int = 60, **more: Any) -> list[tuple[Cell, int, int]]:
    return [(cell(f"p-{n}", "2023-01", **more), 200, hits.get(n, n % 4)) for n in range(labelers)]


def screened(
    rows: list[tuple[Cell, int, int]], settings: Settings | None = None, **more: Any
) -> LabelerScreening:
    return screen_labelers(*counted(rows), settings or Settings(), **more)


def referred(found: LabelerScreening) -> list[str]:
    return [referral.labeler for referral in found.referrals]


def test_a_labeler_is_compared_with_the_null_of_another_task_type() -> None:
    """A rate that is usual in one kind of work is unusual in another."""
    busy = [(cell(f"q-{n}", "2022-10", source="forms"), 200, 40 + n % 9) for n in range(60)]
    now = [(cell(f"q-{n}", "2023-01", source="forms"), 200, 40 + n % 9) for n in range(60)]
    rows = [*clean(source="letters"), *later({3: 45}, source="letters"), *busy, *now]
    found = screened(rows, Settings(("source",)))
    assert referred(found) == ["p-3"]
    assert [task.null is not None for task in found.tasks] == [True, True]
    assert found.referrals[0].tasks == ((("language", "en"), ("source", "letters")),)
    forms, letters = found.tasks
    assert (forms.null and forms.null.rate) == pytest.approx(0.22, abs=0.01)
    assert (letters.null and letters.null.rate) == pytest.approx(0.0075, abs=0.003)


@pytest.mark.parametrize(
    ("rows", "reason", "unmatched"),
    [
        (later({3: 150}), Reason.FEW_LABELERS, 60),
        ([*clean(49), *later({3: 150})], Reason.FEW_LABELERS, 60),
        ([*clean(month="2022-12"), *later({3: 150})], Reason.FEW_LABELERS, 60),
        ([*clean(language="de"), *later({3: 150})], Reason.FEW_LABELERS, 60),
        # Five labelers over twelve months are still five labelers.
        (
            [row for m in range(1, 12) for row in clean(5, f"2021-{m:02d}")] + later({3: 150}),
            Reason.FEW_LABELERS,
            60,
        ),
    ],
)
def test_without_a_null_of_the_task_type_somebody_is_named(
    rows: list[tuple[Cell, int, int]], reason: Reason, unmatched: int
) -> None:
    found = screened(rows)
    (task,) = found.tasks
    assert (task.refused and task.refused.reason) == reason
    assert (task.entries, found.referrals, found.tested) == ((), (), 0)
    assert found.unmatched == unmatched
    told = "\n".join(lines(found))
    assert "no null of this task type" in told
    assert "p-" not in told.replace("over-dispersion", "")


def test_labelers_with_few_texts_are_not_counted_as_such() -> None:
    few = [(cell(f"new-{n}", "2023-01"), 49, 49) for n in range(7)]
    found = screened([*clean(), *later({}), *few])
    assert (found.tested, found.few, found.unmatched) == (60, 7, 0)
    assert found.referrals == ()
    assert not any("new-" in line for line in lines(found))


def test_task_types_of_one_labeler_count_once_in_the_false_discovery_rate() -> None:
    types = [f"s{n}" for n in range(5)]
    rows = [row for s in types for row in [*clean(source=s), *later({}, source=s)]]
    rows.append((cell("p-3", "2023-01", source="s0"), 50, 12))
    one = screened([row for row in rows if row[0][3] == "s0"], Settings(("source",)))
    all_ = screened(rows, Settings(("source",)))
    (entry,) = [e for t in one.tasks for e in t.entries if e.labeler == "p-3"]
    (same,) = [e for t in all_.tasks[:1] for e in t.entries if e.labeler == "p-3"]
    assert same.p_value == entry.p_value == entry.adjusted
    assert same.adjusted == pytest.approx(5 * same.p_value)
    assert all_.tested == one.tested == 60


def test_clean_periods_are_as_long_as_the_screened_one() -> None:
    """One entry a labeler, of the newest period with enough texts."""
    months = ["2022-03", "2022-06", "2022-09", "2022-11"]
    rows = [row for month in months for row in clean(60, month)]
    (task,) = screened([*rows, *later({})]).tasks
    assert task.null is not None
    assert (task.null.labelers, task.null.rows) == (60, 60 * 200)
    longer = [(cell(f"p-{n}", "2023-03"), 200, 0) for n in range(60)]
    (task,) = screened([*rows, *later({}), *longer]).tasks
    assert task.null is not None
    assert (task.null.labelers, task.null.rows) == (60, 60 * 400)
    assert {entry.past_texts for entry in task.entries} == {800}


def test_clean_sources_take_the_place_of_clean_months() -> None:
    rows = [*clean(month="2023-01", source="lab"), *later({9: 60}, source="field")]
    found = screened(rows, Settings((), clean_sources=("lab",)))
    assert referred(found) == ["p-9"]
    assert found.months == ("2023-01", "2023-01")


def test_own_past_makes_the_usual_usual_and_same_work_finds_more() -> None:
    past = [(cell("p-3", "2022-10"), 5_000, 500)]
    assert referred(screened([*clean(), *past, *later({3: 25})])) == []
    modest = [*[(cell(f"p-{n}", "2022-10"), 3_000, 8 + n) for n in range(60)], *later({0: 12})]
    assert referred(screened(modest)) == []
    assert referred(screened(modest, Settings(same_work=True))) == ["p-0"]


def test_the_budget_counts_those_of_the_year_once() -> None:
    rows = [*clean(), *later({1: 60, 2: 150, 3: 100})]
    assert referred(screened(rows)) == ["p-2", "p-3", "p-1"]
    assert referred(screened(rows, budget=1)) == ["p-2"]
    again = screened(rows, budget=1, earlier={"p-2"})
    assert referred(again) == ["p-2"]
    assert again.referrals[0].again
    assert again.unusual == 3
    assert referred(screened(rows, budget=2, earlier={"gone"})) == ["p-2"]
    assert referred(screened(rows, budget=0)) == []


def test_what_was_left_out_is_counted() -> None:
    rows = [*clean(), *later({}), (cell(None, "2023-01"), 5, 5), (cell("p-1", None), 4, 4)]
    early = [(cell("p-1", "2019-01"), 3, 3), (cell("p-1", "2022-12"), 2, 2)]
    settings = Settings(clean_from="2020-01", since="2023-01")
    found = screened([*rows, *early], settings)
    assert (found.without_labeler, found.without_month, found.neither) == (5, 4, 5)


def test_limits_of_the_funnel_are_where_p_values_pass_the_cut() -> None:
    found = screened([*clean(), *later({3: 60})])
    (task,) = found.tasks
    assert task.null is not None
    cut = max(found.cut, 0.02 / found.tested)
    assert [n for n, _, _ in task.limits] == sorted({n for n, _, _ in task.limits})
    for n, low, high in task.limits:
        assert 0 <= low <= task.null.rate <= high < 1
        at = round(high * n)
        usual, unusual = task.null.p_values(np.array([n, n]), np.array([at, at + 1]))
        assert unusual <= cut < usual


def test_a_shrunken_rate_is_the_clean_mean_for_whoever_is_far_from_it() -> None:
    alike = [(cell(f"p-{n}", "2022-10"), 200, 2) for n in range(60)]
    for labelers in (60, 40):
        (task,) = screened([*alike, *later({3: 100}, labelers)]).tasks
        assert task.null is not None
        assert task.null.dispersion < 1e-4
        entry = next(entry for entry in task.entries if entry.labeler == "p-3")
        assert 2 * task.null.rate < entry.low < entry.shrunken < 0.5
        assert entry.shrunken < entry.high
        assert (entry.low > 0.2) == (labelers == 60)


@settings(max_examples=15)
@given(st.integers(0, 2**32), st.integers(0, 5), st.sampled_from(["", "source"]))
def test_whatever_the_counts_only_who_was_compared_is_referred(
    seed: int, budget: int, task_by: str
) -> None:
    rng = random.Random(seed)
    rows = []
    for n in range(70):
        for month in ("2022-09", "2022-10", "2023-01", "2023-02"):
            for source in rng.sample(["a", "b"], rng.randint(0, 2)):
                count = rng.randint(0, 150)
                hits = rng.randint(0, count // rng.choice([2, 20, 50]))
                rows.append((cell(f"p-{n}", month, source=source), count, hits))
    by = Settings(tuple(filter(None, [task_by])))
    found = screened(rows, by, budget=budget, earlier={"p-1", "p-2"})
    rng.shuffle(rows)
    assert found.referrals == screened(rows, by, budget=budget, earlier={"p-1", "p-2"}).referrals
    entries = [entry for task in found.tasks for entry in task.entries]
    assert all(entry.texts >= 50 and entry.p_value <= entry.adjusted <= 1 for entry in entries)
    assert {entry.labeler for entry in entries if entry.referred} == {*referred(found)}
    assert found.tested == len({entry.labeler for entry in entries})
    assert sum(not r.again for r in found.referrals) <= max(0, budget - 2)
    assert found.unusual >= len(found.referrals)
    assert all(r.adjusted <= found.cut and r.tasks for r in found.referrals)


def test_rates_by_group_are_told_of_many_labelers_only() -> None:
    rows = [*clean(60, vendor="north"), *later({}, vendor="north")]
    rows += [(cell(f"s-{n}", "2022-10", vendor="south"), 200, 1) for n in range(9)]
    (task,) = screened(rows, Settings(by_group="vendor")).tasks
    assert task.groups["north"].rate == pytest.approx(0.0075)
    assert task.groups["south"].rate is None
    told = "\n".join(lines(screened(rows, Settings(by_group="vendor"))))
    assert "false positives in south: not told of 9 labelers" in told


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_detectors: None) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", KEY)


def detect(groups: str = GROUPS) -> int:
    return code_of(
        "detect", "data/*.parquet", "--out", "out", "--review", "sqlite:///out/review.sqlite",
        "--language-column", "lang", "--group-by", groups, "--quiet",
    )  # fmt: skip


def screen(*more: str) -> int:
    return code_of("labelers", "screen", "--runs", "out", *more)


def pseudonym(number: int, key: str = KEY) -> str:
    return DigestKey.from_hex(key).pseudonym("labeler", name(number))


@pytest.mark.usefixtures("_folder")
def test_screening_through_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = team(52, CLEAN, seconds=90.0, pasted=1, edits=4)
    rows += team(52, LATER, flagged={7: 40, 9: 30}, seconds=80.0, pasted=2, edits=3)
    for row in rows:
        if row["who"] == name(7) and row["day"] == LATER:
            row["seconds"], row["pasted"] = 12.34, 9
    rows += work("Labeler Nr 99", LATER, 60, 60, origin="poems")
    write(tmp_path, rows)
    assert detect() == 0
    capsys.readouterr()
    files = ("--out", "labelers.csv", "--json", "labelers.json")
    columns = ("--work-columns", "seconds=seconds,pastes=pasted")
    call = (*files, *columns, "--year", "2026", "--budget", "1", "--by-group", "vendor")
    assert screen(*call) == 0
    told = capsys.readouterr().out
    assert f"{pseudonym(7)}: refer to review; adjusted p" in told
    assert pseudonym(9) not in told
    assert "1 more are unusual, and beyond the budget of the year" in told
    assert "language en, source poems: 1 labelers with 60 texts not compared: no null" in told
    assert "median seconds 12.3, of the task type 80 " in told
    assert "a reason to look at rows, not a finding about a person" in told
    assert "template or a house style" in told
    assert "false positives in north: " in told
    found = json.loads(Path("labelers.json").read_text())
    assert [one["labeler"] for one in found["referrals"]] == [pseudonym(7)]
    assert len(found["innocent_explanations"]) == 7
    written = told + Path("labelers.csv").read_text() + Path("labelers.json").read_text()
    written += Path("out/labelers/referrals.json").read_text()
    assert "Labeler Nr" not in written
    table = Path("labelers.csv").read_text().splitlines()
    assert len(table) == 53
    assert table[1].startswith(f'{pseudonym(7)},"language en, source letters",60,40,0.666667,')
    assert table[1].endswith(",refer to review")
    first = Path("labelers.csv").read_bytes(), Path("out/labelers/referrals.json").read_bytes()
    assert screen(*call) == 0
    told = capsys.readouterr().out
    assert f"{pseudonym(7)}: refer to review, as before in this year" in told
    assert pseudonym(9) not in told
    assert first == (
        Path("labelers.csv").read_bytes(), Path("out/labelers/referrals.json").read_bytes()
    )  # fmt: skip
    named = ("--set", "privacy.pseudonymous=[]")
    assert screen("--year", "2027", "--dry-run", *named) == 0
    told = capsys.readouterr().out
    assert pseudonym(9) in told
    assert "Labeler Nr" not in told
    assert Path("out/labelers/referrals.json").read_bytes() == first[1]


@pytest.mark.usefixtures("_folder")
def test_what_cannot_be_screened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert screen() == 2
    assert "call detect first" in capsys.readouterr().err
    write(tmp_path, [*work("Ann", CLEAN, 2, 1), *work("Bob", LATER, 2, 1)])
    assert detect("created_at=day") == 0
    assert screen() == 2
    assert "has no labelers" in capsys.readouterr().err
    assert detect("labeler=who") == 0
    assert screen() == 2
    assert "no column created_at" in capsys.readouterr().err
    assert detect() == 0
    for options, message in (
        (("--clean-until", "2022"), "--clean-until takes a month as 2022-11"),
        (("--since", "2022-11"), "--since 2022-11 is not after"),
        (("--clean-from", "2023-01"), "--clean-from 2023-01 is after"),
        (("--clean-source", "a", "--clean-until", "2022-01"), "goes with neither"),
        (("--clean-source", "a", "--task-by", "source"), "task type of its own"),
        (("--task-by", "market"), "--task-by takes source, stage, vendor"),
        (("--task-by", "stage"), "no column stage"),
        (("--by-group", "market"), "no column market"),
        (("--with-style", "--task-by", "vendor"), "--with-style needs"),
        (("--work-columns", "seconds"), "--work-columns takes"),
        (("--work-columns", "keys=a"), "--work-columns takes"),
        (("--set", "policy.proof_hits=2"), "the policy is not the one"),
        (("--dataset", "nowhere"), "nowhere"),
    ):
        assert screen(*options) == 2, options
        told = capsys.readouterr()
        assert message in told.err
        assert not any(who in told.out + told.err for who in ("Ann", "Bob"))
    assert screen() == 0
    told = capsys.readouterr().out
    assert "nobody is referred to review" in told
    assert "p-" not in told.replace("over-dispersion", "")
    Path("out/labelers").mkdir()
    Path("out/labelers/referrals.json").write_text("[]")
    assert screen() == 2
    assert "is no record of referrals" in capsys.readouterr().err


@pytest.mark.usefixtures("_folder")
def test_nothing_is_remembered_if_a_file_cannot_be_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, team(51, CLEAN) + team(51, LATER, flagged={3: 40}))
    assert detect() == 0
    Path("lab").mkdir()
    record = "out/labelers/referrals.json"
    for files in (("--out", "lab"), ("--json", "lab"), ("--out", "data/a.parquet/x.csv")):
        assert screen("--budget", "1", *files) == 2
        assert not Path(record).exists()
    capsys.readouterr()
    assert screen("--budget", "1") == 0
    assert screen("--json", record) == 2
    assert "is a file that is read" in capsys.readouterr().err


@pytest.mark.usefixtures("_folder")
def test_work_columns_that_are_amiss(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = team(51, CLEAN, note="x") + team(51, LATER, flagged={3: 40}, note="x")
    path = write(tmp_path, rows)
    assert detect() == 0
    for column, message in (("nowhere", "has no "), ("note", "'note' has no numbers: string")):
        assert screen("--work-columns", f"seconds={column}") == 2
        assert message in capsys.readouterr().err
    path.unlink()
    assert screen("--work-columns", "seconds=note") == 0
    told = capsys.readouterr()
    assert "1 shards could not be read" in told.err
    assert "median seconds not told, of the task type not told" in told.out


@pytest.mark.usefixtures("_folder")
def test_a_rotated_key_keeps_the_referrals_of_the_year(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, team(51, CLEAN) + team(51, LATER, flagged={3: 40}))
    assert detect() == 0
    assert screen("--year", "2026", "--budget", "1") == 0
    new = "cd" * 32
    monkeypatch.setenv("SCRUBTRACE_KEY", f"{new}\n{KEY}")
    assert detect() == 0
    capsys.readouterr()
    assert screen("--year", "2026", "--budget", "1") == 0
    assert f"{pseudonym(3, new)}: refer to review, as before" in capsys.readouterr().out
    assert pseudonym(3) not in Path("out/labelers/referrals.json").read_text()
