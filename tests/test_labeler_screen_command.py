"""Screening of labelers through the command line: what is told, remembered and refused."""

import json
from pathlib import Path

import pytest
from command_line import code_of
from labeler_shards import CLEAN, LATER, name, team, work, write

from scrubtrace.schemas.identity import DigestKey

KEY = "ab" * 32
GROUPS = "labeler=who,created_at=day,source=origin,vendor=client"


@pytest.fixture
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        (
            ("--clean-source", "nope"),
            "no text is of source 'nope'; sources of the",
        ),
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
