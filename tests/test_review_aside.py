"""An earlier export is replaced, unless it holds decisions that nobody has imported."""

import json
from pathlib import Path

import pytest
from command_line import code_of
from decision_files import item, line, saved
from sqlalchemy import Engine

from scrubtrace.messages import ENGLISH
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.erasing.erase import erase
from scrubtrace.review.export import export_csv, export_parquet, export_tasks
from scrubtrace.review.store import upsert_items
from scrubtrace.why import wording

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
        (saved([line(0, "", "", "a note alone")], HEADER), True),
        (saved([line(0, "", "quotation")], HEADER), True),
        (saved([line(number, "") for number in range(5)], HEADER), False),
        (b"my,own\r\n1,2\r\n", True),
        (FILLED.replace(b"decision", b"verdict"), True),
        (FILLED + b'"never closed', True),
        (FILLED.decode().encode("utf-16-le"), True),
        (b"", False),
        (b"\r\n", False),
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


def test_a_file_of_one_reviewer_is_not_known_by_what_another_said(
    table: Engine, tmp_path: Path
) -> None:
    paths = [tmp_path / "out-anna.csv", tmp_path / "out-ben.csv"]
    for path in paths:
        path.write_bytes(FILLED)
    import_decisions(table, paths[1], "ben")
    result = export_csv(table, tmp_path / "out.csv", reviewers=["anna", "ben"])
    assert result.aside == {paths[0]: tmp_path / "out-anna.1.csv"}


def test_another_file_with_the_same_decisions_is_kept(table: Engine, tmp_path: Path) -> None:
    other = tmp_path / "ben.csv"
    other.write_bytes(FILLED.replace(b"\r\n", b"\n"))
    import_decisions(table, other, "ben")
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    assert export_csv(table, path).aside == {path: tmp_path / "out.1.csv"}


def test_notes_beside_decisions_that_were_imported_are_kept(table: Engine, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(saved([line(0, "concur"), line(1, "", "", "ask first")], HEADER))
    assert import_decisions(table, path, "anna").stored == 1
    assert export_csv(table, path).aside == {path: tmp_path / "out.1.csv"}


def test_of_an_imported_file_nothing_is_lost_after_an_erasure(
    table: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    import_decisions(table, path, "anna")
    erase(table, "asked for", texts=[item(4).text_digest])
    path.write_bytes(FILLED.replace(b"as given", b"not as given"))
    assert export_csv(table, path).aside == {path: tmp_path / "out.1.csv"}
    path.write_bytes(FILLED)
    assert export_csv(table, path).aside == {}


def test_other_formats_replace_no_decisions_either(
    table: Engine, tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    assert export_parquet(table, path).aside == {path: tmp_path / "out.1.csv"}
    assert export_parquet(table, path).aside == {}
    path.write_bytes(FILLED)
    command = ("review", "export", "--review", url, "--out", str(path), "--format", "parquet")
    assert code_of(*command) == 2
    assert "is a file for reviewers, which this command does not write" in capsys.readouterr().err
    assert path.read_bytes() == FILLED


def test_annotated_tasks_are_kept(table: Engine, tmp_path: Path) -> None:
    path, words = tmp_path / "out.json", wording(ENGLISH)
    export_tasks(table, path, wording=words)
    assert export_tasks(table, path, wording=words).aside == {}
    tasks = json.loads(path.read_text())
    result = {"from_name": "decision", "value": {"choices": ["concur"]}}
    tasks[0]["annotations"] = [{"completed_by": 1, "result": [result]}]
    path.write_text(json.dumps(tasks))
    aside = export_tasks(table, path, wording=words).aside
    assert aside == {path: tmp_path / "out.1.json"}
    aside_path = aside[path]
    assert import_decisions(table, aside_path, "anna").stored == 1
    aside_path.replace(path)
    assert export_tasks(table, path, wording=words).aside == {}


def test_the_command_says_so_and_ends_well(
    tmp_path: Path, table: Engine, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.csv"
    path.write_bytes(FILLED)
    assert code_of("review", "export", "--review", url, "--out", str(path)) == 0
    told = f"{path} holds what was not imported: it is {tmp_path / 'out.1.csv'} now"
    assert told in capsys.readouterr().err
