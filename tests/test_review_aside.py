"""An earlier export is replaced, unless it holds decisions that nobody has imported."""

from pathlib import Path

import pytest
from command_line import code_of
from decision_files import item, line, saved
from sqlalchemy import Engine

from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.export import export_csv
from scrubtrace.review.store import upsert_items

HEADER = ("item_key", "row_version", "decision", "reason", "comment", "scope")
FILLED = saved([line(0, "concur", "copied", "as given")], HEADER)


@pytest.fixture
def table(engine: Engine) -> Engine:
    upsert_items(engine, [item(number) for number in range(5)], "r1")
    return engine


def names(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in tmp_path.glob("out*"))


@pytest.mark.parametrize(
    ("content", "is_kept"),
    [
        (FILLED, True),
        (saved([line(0, "concurr")], HEADER), True),
        (saved([line(0, "", "", "a note alone")], HEADER), False),
        (saved([line(number, "") for number in range(5)], HEADER), False),
        (b"my,own\r\n1,2\r\n", False),
        (b"", False),
    ],
)
@pytest.mark.parametrize("rows_per_file", [2, 100])
@pytest.mark.parametrize("name", ["out.csv", "out-0001.csv", "out-0003.csv"])
def test_decisions_that_were_not_imported_are_lost(
    table: Engine, tmp_path: Path, content: bytes, is_kept: bool, rows_per_file: int, name: str
) -> None:
    export_csv(table, tmp_path / "out.csv", rows_per_file=2)
    path = tmp_path / name
    path.write_bytes(content)
    result = export_csv(table, tmp_path / "out.csv", rows_per_file=rows_per_file)
    aside = path.with_suffix(".1.csv")
    assert result.aside == ({path: aside} if is_kept else {})
    assert names(tmp_path) == sorted([*(p.name for p in result.files), *[aside.name] * is_kept])
    if is_kept:
        assert aside.read_bytes() == content


def test_an_imported_file_is_replaced_whoever_decided(table: Engine, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    assert import_decisions(table, path, "anna").stored == 1
    other = line(0, "concur", "copied", "another comment")
    upsert_items(table, [item(0, evidence_fingerprint="f" * 16)], "r2")
    assert export_csv(table, path).aside == {}
    path.write_bytes(saved([other], HEADER))
    assert export_csv(table, path).aside == {path: tmp_path / "out.1.csv"}
    path.write_bytes(saved([line(0, "concur", "copied", "as given", version=2)], HEADER))
    assert export_csv(table, path).aside == {path: tmp_path / "out.2.csv"}
    assert names(tmp_path) == ["out.1.csv", "out.2.csv", "out.csv"]


def test_the_file_of_each_reviewer_is_kept(table: Engine, tmp_path: Path) -> None:
    path = tmp_path / "out-ben.csv"
    path.write_bytes(FILLED)
    result = export_csv(table, tmp_path / "out.csv", reviewers=["anna", "ben"])
    assert result.aside == {path: tmp_path / "out-ben.1.csv"}


def test_the_command_says_so_and_ends_well(
    tmp_path: Path, table: Engine, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    assert code_of("review", "export", "--review", url, "--out", str(path)) == 0
    told = f"{path} holds decisions that were not imported: it is {tmp_path / 'out.1.csv'} now"
    assert told in capsys.readouterr().err
