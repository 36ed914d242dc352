"""Files to write: never one that is read, nor one that the same call would read another time."""

import os
import sqlite3
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.exits import UsageStop
from scrubtrace.out_file import PARQUET, SHEET, check_different, check_out, check_target, would_fit

EXPORT = ("review", "export", "--review", "sqlite:///out/review.sqlite")
SCREEN = ("labelers", "screen", "--runs", "out", "--clean-until", "2022-11", "--budget", "1")
GROUPS = ("--group-by", "labeler=who,task=job")


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    table = pa.table({"text": ["A b c."], "who": ["ida"], "job": ["j1"]})
    pq.write_table(table, "data/a.parquet")
    pq.write_table(table, "human.parquet")
    Path("notes.toml").write_text("")
    Path("key").write_text("ab" * 32)
    Path("link.toml").symlink_to("notes.toml")
    sqlite3.connect("table.sqlite").executescript("create table a (b)")


@pytest.mark.parametrize(
    ("path", "pattern", "fits"),
    [
        ("data/b.parquet", "data/*.parquet", True),
        ("data/b.parquet", "./data/../data/*.parquet", True),
        ("data/b.json", "data/*.parquet", False),
        ("data/deep/b.parquet", "data/*.parquet", False),
        ("data/deep/b.parquet", "data/**/*.parquet", True),
        ("data/b.parquet", "data/**/*.parquet", True),
        ("data/deep/b.parquet", "data/**", True),
        ("other/b.parquet", "d*/*.parquet", False),
        ("data/b.parquet", "d*/?.parquet", True),
        ("data/b.parquet", "/*/b.parquet", False),
        ("data/b.parquet", "data", True),
        ("data.parquet", "data", False),
        ("data/b.parquet", "data/b.parquet", False),
        ("gs://data/b.parquet", "gs://data/*.parquet", False),
    ],
)
def test_what_a_pattern_would_take_in(path: str, pattern: str, fits: bool) -> None:
    assert would_fit(path, pattern) == fits


def test_a_name_with_the_signs_of_a_glob_is_no_glob() -> None:
    Path("a[1].parquet").touch()
    assert not would_fit("a1.parquet", "a[1].parquet")
    Path("new[1]").mkdir()
    os.chdir("new[1]")
    assert would_fit("b.parquet", "*.parquet")


@pytest.mark.parametrize(
    ("out", "read", "said"),
    [
        ("notes.toml", ["notes.toml"], "--out notes.toml is a file that is read"),
        ("link.toml", ["notes.toml"], "is a file that is read"),
        ("notes.toml", [None, "gone", "*.toml"], "is a file that is read"),
        ("new.toml", ["*.toml"], r"would be read as a part of \*.toml"),
        ("data", [], "--out data is a folder; name a file, as data/x.json"),
        ("human.parquet", [], "is a Parquet file, which this command does not write"),
        ("table.sqlite", [], "is a SQLite database, which this command does not write"),
    ],
)
def test_where_nothing_may_be_written(out: str, read: list[str | None], said: str) -> None:
    with pytest.raises(UsageStop, match=said):
        check_target(out, read, example="x.json")


ELSEWHERE = "s3://bucket/x"


@pytest.mark.parametrize(
    ("content", "is_sheet"),
    [
        (b"item_key,row_version,decision,reason\r\n", True),
        ("item_key\trow_version\tdecision\r\n".encode("utf-16"), True),
        ("decision;row_version;item_key\r\n".encode("utf-16-le"), True),
        (b'sep=;\r\n"item_key";"row_version";"decision"\r\n', True),
        (b"item_key,row_version,why\r\n", False),
        (b'{"item_key": 1, "decision": 2, "row_version": 3}', False),
        (b"", False),
    ],
)
def test_what_a_file_for_reviewers_is(content: bytes, is_sheet: bool) -> None:
    Path("out.csv").write_bytes(content)
    assert check_target("out.csv", writes=SHEET)
    if is_sheet:
        with pytest.raises(UsageStop, match="a file for reviewers"):
            check_target("out.csv")
    else:
        assert check_target("out.csv")


REVIEW = ("--review", "sqlite:///t.sqlite")


@pytest.mark.parametrize(
    ("option", "arguments"),
    [
        ("--out", ("report", "--runs", "out", "--out", f"{ELSEWHERE}.html", *REVIEW)),
        ("--audit", ("report", "--runs", "out", "--out", "x.md", "--audit", ELSEWHERE, *REVIEW)),
        ("--out", ("review", "export", "--out", f"{ELSEWHERE}.csv", *REVIEW)),
        ("--out", ("review", "export", "--format", "parquet", "--out", ELSEWHERE, *REVIEW)),
        ("--out", ("review", "export", "--format", "label-studio", "--out", f"{ELSEWHERE}.json",
                   *REVIEW)),
        ("--out", ("review", "sheet", "--out", f"{ELSEWHERE}.html", *REVIEW)),
        ("--out", ("campaign", "check", "x.toml", "--runs", "out", "--out", ELSEWHERE, *REVIEW)),
        ("--out", ("compare", "data/*.parquet", "--reference", "i", "--human", "human.parquet",
                   "--group-by", "vendor=who", "--out", ELSEWHERE)),
        ("--out", ("clusters", "data/*.parquet", *GROUPS, "--out", ELSEWHERE)),
        ("--json", ("audit", "run", "--out", "out", "--json", ELSEWHERE)),
        ("--config", ("detect", "data/*.parquet", "--out", "out", "--config", ELSEWHERE)),
        ("--style-calibration",
         ("detect", "data/*.parquet", "--out", "out", "--style-calibration", ELSEWHERE)),
        ("--decisions", ("purge", "data/*.parquet", "--out", "purged", "--decisions", ELSEWHERE,
                         "--hold-decision", "none")),
    ],
    ids=lambda given: given if isinstance(given, str) else " ".join(given[:2]),
)  # fmt: skip
def test_a_file_that_has_to_be_local(
    option: str, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*arguments) == 2
    assert f"{option} must be a local file, not {ELSEWHERE}" in capsys.readouterr().err


def test_where_something_may_be_written() -> None:
    for out in ("notes.toml", "gone/new.json", "/dev/null"):
        assert check_target(out, ["data/*.parquet"]) == os.path.abspath(out)
    assert check_target("human.parquet", writes=PARQUET)
    assert not Path("gone").exists()
    check_out("made/new.json")
    assert os.listdir("made") == []


def test_two_options_with_one_file() -> None:
    check_different({"--out": "a", "--json": None, "--csv": "b"})
    with pytest.raises(UsageStop, match=r"--out and --json name the same file, \./notes.toml"):
        check_different({"--out": "link.toml", "--json": "./notes.toml"})


@pytest.mark.parametrize(
    ("command", "out", "said"),
    [
        (("clusters", "data/*.parquet", *GROUPS), "data/a.parquet", "a file that is read"),
        (("clusters", "data/*.parquet", *GROUPS), "data/b.parquet", "would be read"),
        (("clusters", "data/*.parquet", *GROUPS), "data", "name a file, as data/clusters.parquet"),
        (("clusters", "data/*.parquet", *GROUPS, "--key-file", "key"), "key", "that is read"),
        (("compare", "data/a.parquet"), "data/a.parquet", "a file that is read"),
        (("compare", "data/a.parquet"), "human.parquet", "a file that is read"),
        (("compare", "data/a.parquet"), "index/a.json", "would be read as a part of index"),
        (("compare", "data/a.parquet"), "data", "name a file, as data/comparison.json"),
        (("compare", "data/a.parquet"), "table.sqlite", "a SQLite database"),
    ],
)
def test_nothing_that_is_read_is_written(
    command: tuple[str, ...], out: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("index").mkdir()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    more = ("--reference", "index", "--human", "human.parquet") if command[0] == "compare" else ()
    assert code_of(*command, *more, "--out", out) == 2
    assert said in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


REVIEW = ("--review", "sqlite:///table.sqlite")
CHECK = ("campaign", "check", "spring.toml", "--runs", "runs", *REVIEW)
RUNS = ("--runs", "runs")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ((*CHECK, "--out", "table.sqlite"), "--out table.sqlite is a file that is read"),
        ((*CHECK, "--out", "spring.toml"), "--out spring.toml is a file that is read"),
        ((*CHECK, "--previous", "p.json", "--out", "p.json"), "p.json is a file that is read"),
        ((*CHECK, "--config", "c.toml", "--out", "c.toml"), "c.toml is a file that is read"),
        ((*CHECK, "--out", "human.parquet"), "a Parquet file"),
        (("audit", "run", "march", *REVIEW, "--json", "table.sqlite"), "--json table.sqlite is a"),
        (("audit", "run", "--config", "c.toml", "--json", "c.toml"), "is a file that is read"),
        (("report", *RUNS, *REVIEW, "--audit", "a.md", "--out", "a.md"), "is a file that is read"),
        (("review", "export", *REVIEW, "--out", "table.sqlite"), "is a file that is read"),
        (("review", "export", *REVIEW, "--out", "human.parquet"), "a Parquet file"),
        (("review", "sheet", *REVIEW, "--out", "data.html"), "--out data.html is a folder"),
        (("bundle", "p.json", "--checked", "x", "--spec", "c.toml", "--out", "c.toml"), "is read"),
        (("labelers", "screen", *RUNS, "--out", "human.parquet"), "a Parquet file"),
        (("audit", "run", "march", *REVIEW, "--json", "key"), "--json key is a seed or a key"),
        (("audit", "run", *REVIEW, "--json", "march.csv"), "march.csv is a file for reviewers"),
        ((*CHECK, "--out", "march.csv"), "--out march.csv is a file for reviewers"),
        (("labelers", "screen", *RUNS, "--json", "data"), "--json data is a folder"),
        (("labelers", "screen", *RUNS, "--json", "z", "--out", "./z"), "name the same file"),
        (
            ("labelers", "controls", "score", *RUNS, "--plan", "p.json", "--json", "p.json"),
            "--json p.json is a file that is read",
        ),
    ],
)
def test_other_commands(
    command: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("spring.toml", "p.json", "c.toml", "a.md"):
        Path(name).write_text("")
    Path("march.csv").write_text("\ufeffitem_key,row_version,decision,reason\r\n")
    Path("data.html").mkdir()
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert code_of(*command) == 2
    assert said in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("command", "name", "said"),
    [
        (EXPORT, "bad.xlsx", "CSV is written here, which a name that ends in .xlsx is not for; "
         "name a file that ends in .csv, which every spreadsheet opens, or give another --format"),
        (EXPORT, "bad.ODS", "ends in .ods is not for"),
        (EXPORT, "bad.parquet", "ends in .parquet is not for"),
        (EXPORT, "bad.csv.gz", "ends in .gz is not for"),
        (EXPORT, "bad.json", "ends in .json is not for"),
        ((*EXPORT, "--format", "parquet"), "bad.csv", "name a file that ends in .parquet, or"),
        ((*EXPORT, "--format", "parquet"), "bad.xlsx", "name a file that ends in .parquet, or"),
        (SCREEN, "bad.xlsx", "name a file that ends in .csv"),
    ],
)  # fmt: skip
def test_a_name_of_another_format_is_refused(
    command: tuple[str, ...], name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*command, "--out", name) == 2
    assert f"--out {name}: " in (told := capsys.readouterr().err)
    assert said in told
    assert not Path(name).exists()


@pytest.mark.parametrize("name", ["good.csv", "good", "good.CSV", "good.txt", "2026.01", "a.d"])
def test_other_names_are_not(name: str) -> None:
    detect = ("detect", "data/a.parquet", "--out", "out", "--quiet")
    assert code_of(*detect) == 0
    assert code_of(*EXPORT, "--out", name) == 0
