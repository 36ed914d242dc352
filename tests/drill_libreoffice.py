"""What LibreOffice does to an exported CSV (``make drill``): no formula runs, keys stay."""

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from decision_files import item, stored

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.review import cells
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.export import export_csv
from scrubtrace.review.store import upsert_items

CSV_FILTER = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
KEPT = ("item_key", "row_version", "decision", "reason", "comment", "text_digest")
NASTY = ["=1+1", "+1", "-2", "@SUM(A1)", "00123", "1e5", "123456789012345678", "'x", "＝1", "a\tb"]
INNER = [
    "=6*7",
    "x\n=6*7;",
    "x\n+6*7;y",
    "x;=6*7;y",
    'x;"=6*7";y',
    'x\n"=6*7";y',
    "x\t=6*7\ty",
    "x\n=6*7\ty",
    "x\r\n=6*7;y",
    'x";=6*7;"y',
    'x"\n=6*7;y',
    "x,=6*7,y",
    'x",=6*7,"y',
    "x; =6*7;y",
    "x\n\u00a0=6*7;y",
]
COMMENTS = ["plain", "=1+1", 'two\nlines; and "quotes"', "été 再见"]
PHRASE = "As an AI language model, I cannot swim."


@pytest.mark.parametrize("bom", [[], ["--bom"]])
def test_opened_and_saved_in_libreoffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bom: list[str]
) -> None:
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice is not installed")
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    texts = [f"{start}. {PHRASE}\n再见" for start in NASTY]
    pq.write_table(pa.table({"id": NASTY, "text": texts}), "a.parquet")
    with pytest.raises(SystemExit) as ended:
        main(["detect", "a.parquet", "--out", "out", "--id-column", "id", "--quiet"])
    assert ended.value.code == 0
    assert runs_of("out")
    main(["review", "export", "--review", "sqlite:///out/review.sqlite", "--out", "f.csv", *bom])
    profile = f"-env:UserInstallation=file://{tmp_path}/profile"
    convert = ["soffice", profile, "--headless", "--convert-to", CSV_FILTER, "--outdir", "saved"]
    infilter = "--infilter=Text - txt - csv (StarCalc):44,34,76,1"
    subprocess.run([*convert, infilter, "f.csv"], check=True, capture_output=True)
    before, after = rows_of(Path("f.csv")), rows_of(Path("saved/f.csv"))
    assert len(before) == len(after) == len(NASTY)
    for old, new in zip(before, after, strict=True):
        assert {name: new[name] for name in KEPT} == {name: old[name] for name in KEPT}
        for name, value in old.items():
            if value.startswith("'"):
                assert new[name].lstrip("'") == value.lstrip("'"), name
        assert new["snippet"] == old["snippet"]


@pytest.mark.parametrize("separator", ["44", "59", "9"], ids=["comma", "semicolon", "tab"])
def test_no_formula_inside_a_cell_runs_whatever_the_separator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, separator: str
) -> None:
    assert saved_cells(tmp_path, monkeypatch, separator).count("42") == 0


def test_the_drill_above_sees_a_formula_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "guard", lambda value: value)
    assert saved_cells(tmp_path, monkeypatch, "59").count("42") > 0


def saved_cells(folder: Path, monkeypatch: pytest.MonkeyPatch, separator: str) -> list[str]:
    """Cells after LibreOffice opened the texts in `INNER` with a separator and saved them."""
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice is not installed")
    monkeypatch.chdir(folder)
    with Path("f.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows(["key", cells.snippet_cell(text, 0, []), "end"] for text in INNER)
    profile = f"-env:UserInstallation=file://{folder}/profile"
    convert = ["soffice", profile, "--headless", "--convert-to", CSV_FILTER, "--outdir", "saved"]
    infilter = f"--infilter=Text - txt - csv (StarCalc):{separator},34,76,1"
    subprocess.run([*convert, infilter, "f.csv"], check=True, capture_output=True)
    with Path("saved/f.csv").open(encoding="utf-8-sig", newline="") as file:
        return [cell.strip() for row in csv.reader(file) for cell in row]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


SAVED = {
    "commas": "44,34,76,1,,0,false,true,false",
    "semicolons": "59,34,76,1,,0,false,true,false",
    "few quotes": "44,34,76,1,,0,false,false,false",
    "tabs, UTF-16": "9,34,65535,1,,0,false,false,false",
}


@pytest.mark.parametrize("saving", SAVED.values(), ids=SAVED)
@pytest.mark.parametrize("via", ["", "xlsx", "ods"])
def test_decisions_come_back_from_libreoffice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saving: str, via: str
) -> None:
    """Opened as LibreOffice guesses, numbers and all, and saved as CSV, or as a workbook first."""
    if shutil.which("soffice") is None:
        pytest.skip("LibreOffice is not installed")
    monkeypatch.chdir(tmp_path)
    engine = open_review(f"sqlite:///{tmp_path}/review.sqlite")
    texts = [f"{start} {PHRASE}\n{inner}" for start, inner in zip(NASTY, INNER, strict=False)]
    items = [
        item(number, snippet=text, row_id=start)
        for number, (text, start) in enumerate(zip(texts, NASTY, strict=True))
    ]
    upsert_items(engine, items, "run1")
    export_csv(engine, tmp_path / "f.csv")
    rows = rows_of(Path("f.csv"))
    for row, comment in zip(rows, COMMENTS, strict=False):
        row |= {"decision": "Dismiss", "reason": "quotation", "comment": cells.guard(comment)}
    with Path("f.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)
    opened = "f.csv"
    if via:
        convert("f.csv", via, tmp_path, "workbook")
        opened = f"workbook/f.{via}"
    convert(opened, f"csv:Text - txt - csv (StarCalc):{saving}", tmp_path, "saved")
    found = import_decisions(engine, tmp_path / "saved" / "f.csv", "anna")
    assert (found.stored, found.undecided, found.bad) == (len(COMMENTS), len(rows) - 4, [])
    assert [row["comment"] for row in stored(engine)] == COMMENTS


def convert(file: str, form: str, folder: Path, out: str) -> None:
    """Opens a file in LibreOffice and saves it in another form in the folder ``out``."""
    profile = f"-env:UserInstallation=file://{folder}/profile"
    reading = ["--infilter=Text - txt - csv (StarCalc):44,34,76,1"] if file == "f.csv" else []
    command = ["soffice", profile, "--headless", *reading, "--convert-to", form, "--outdir", out]
    subprocess.run([*command, file], check=True, capture_output=True)
