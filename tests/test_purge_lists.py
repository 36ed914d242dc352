"""Lists of rows that people write, for purge: what is wrong with them is told with its line."""

from pathlib import Path

import pytest
from command_line import code_of
from purges import decisions, purge, write_data

from scrubtrace.exits import UsageStop
from scrubtrace.purge.csv_lists import csv_rows


@pytest.fixture(autouse=True)
def _data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    write_data()
    decisions([(0, 3)])


def test_what_spreadsheets_write_is_read() -> None:
    Path("a.csv").write_bytes(b'\xef\xbb\xbfrow_id,note\r\n1,"two\r\nlines"\r\n\r\n2,\r\n')
    assert csv_rows("a.csv") == (
        ["row_id", "note"],
        [{"row_id": "1", "note": "two\r\nlines"}, {"row_id": "2", "note": ""}],
    )
    Path("a.csv").write_bytes(b"")
    assert csv_rows("a.csv") == ([], [])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("run;row_id\none;id-0-3\n", "x.csv has semicolons between its columns"),
        ('run,row_id\none,"a\nb"\ntwo,"id-0-3\n', "x.csv, line 4: a double quote is missing"),
        ('run,row_id\none,"id"x\n', "x.csv, line 2: a double quote is missing or one too many"),
        ('run,row_id\none,"a\nb"\n\ntwo\n', "x.csv, line 5: not as many cells"),
        ("run,row_id\none,a,b\n", "x.csv, line 2: not as many cells"),
    ],
)
@pytest.mark.parametrize("option", ["--list", "--training-runs"])
def test_what_is_wrong_is_told(
    option: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("x.csv").write_text(content)
    given = ("--decisions", "decided.parquet", "--id-column", "id", option, "x.csv")
    assert purge(*given) == 2
    assert said in capsys.readouterr().err


def test_another_encoding_or_no_file() -> None:
    Path("x.csv").write_text("row_id\nid-0-3\n", encoding="utf-16")
    with pytest.raises(UsageStop, match="as CSV in UTF-8"):
        csv_rows("x.csv")
    with pytest.raises(UsageStop, match=r"cannot read y\.csv: No such file"):
        csv_rows("y.csv")


def test_an_id_that_no_row_has_is_told_without_a_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("x.csv").write_text("row_id\nzzz\n")
    given = ("--out", "purged", "--hold-decision", "none", "--id-column", "id", "--list", "x.csv")
    assert code_of("purge", "data/*.parquet", *given) == 3
    told = capsys.readouterr().out.splitlines()
    assert "  id zzz: gone" in told
