"""Exports, sheets and explanations in the reviewer's language, through the command line."""

import csv
import json
import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED, PLAIN
from sqlalchemy import text as sql

from scrubtrace.review.connection import open_review

TABLE = ("--review", "sqlite:///out/review.sqlite")
MASKED = "Dear <PERSON>, we wrote to <EMAIL_ADDRESS> on <DATE_TIME>."
RESIDUE = "Certainly! Here is the rewritten text:\n\nThe shop opens at nine.\n\nI hope this helps!"

WHY = {
    "en": [
        "resembles LLM text: speaks as an AI assistant (proof)",
        "resembles LLM text: wraps a rewritten text the way an assistant does (proof)",
        "de-identified by a tool like Presidio: holds placeholders where personal data stood "
        "(proof)",
    ],
    "zh-Hant": [
        "與 LLM 文本相似：以 AI 助理的口吻說話（明確）",
        "與 LLM 文本相似：像助理那樣在改寫後的文本前後加上說明（明確）",
        "似由 Presidio 一類的工具去識別化：在原有個人資料處含有佔位符（明確）",
    ],
    "de": [
        "ähnelt LLM-Text: spricht wie ein KI-Assistent (eindeutig)",
        "ähnelt LLM-Text: umrahmt einen umgeschriebenen Text so, wie ein Assistent es tut "
        "(eindeutig)",
        "wirkt wie mit einem Werkzeug nach Art von Presidio de-identifiziert: enthält Platzhalter, "
        "wo personenbezogene Daten standen (eindeutig)",
    ],
}
EXPLAINED = """\
已標記，待審查：與 LLM 文本相似：以 AI 助理的口吻說話（明確）
語言：en
  ⟦As an AI language model, I have never⟧ 以 AI 助理的口吻說話（強度：明確）
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    Path("data").mkdir()
    pq.write_table(pa.table({"text": [FLAGGED, PLAIN, MASKED, RESIDUE]}), "data/a.parquet")
    assert code_of("detect", "data/*.parquet", "--out", "out", "--quiet") == 0


def exported(*options: str) -> list[dict[str, str]]:
    """Lines of an export, reported rows with them."""
    assert (
        code_of("review", "export", *TABLE, "--out", "f.csv", "--include-reported", *options) == 0
    )
    with open("f.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("options", "language"),
    [
        ([], "en"),
        (["--language", "zh-TW"], "zh-Hant"),
        (["--language", "de-AT"], "de"),
        (["--set", "review.language=de"], "de"),
        (["--set", "review.language=de", "--language", "en"], "en"),
    ],
)
def test_only_the_reasons_are_in_the_language(options: list[str], language: str) -> None:
    stored, found = exported(), exported(*options)
    assert [row["why"] for row in stored] == WHY["en"]
    assert [row.pop("why") for row in found] == WHY[language]
    assert found == [{name: row[name] for name in row if name != "why"} for row in stored]


def test_the_configuration_file_names_the_language_of_all_verbs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("scrubtrace.toml").write_text('[review]\nlanguage = "zh-Hant"\n')
    assert [row["why"] for row in exported()] == WHY["zh-Hant"]
    assert code_of("review", "sheet", *TABLE, "--out", "f.html") == 0
    page = Path("f.html").read_text("utf-8")
    assert '<html lang="zh-Hant">' in page
    assert WHY["zh-Hant"][0].partition("：")[2] in page
    capsys.readouterr()
    assert code_of("explain", FLAGGED) == 0
    assert capsys.readouterr().out.startswith(EXPLAINED)


def test_the_language_of_a_text_is_not_that_of_the_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert code_of("explain", FLAGGED, "--language", "en", "--in", "de") == 0
    assert "Sprache: en\n" in capsys.readouterr().out
    assert code_of("explain", FLAGGED, "--in", "de", "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["why"], said["kind"]) == (WHY["de"][0], "llm_text")
    assert code_of("explain", PLAIN, "--in", "id") == 0
    assert capsys.readouterr().out.startswith("tidak ditandai: tidak ada detektor")


@pytest.mark.parametrize(
    "command",
    [
        ("review", "export", *TABLE, "--out", "f.csv", "--language", "fr"),
        ("review", "sheet", *TABLE, "--out", "f.html", "--language", "fr"),
        ("review", "sheet", *TABLE, "--out", "f.html", "--set", "review.language=fr"),
        ("explain", FLAGGED, "--in", "fr"),
    ],
)
def test_an_unknown_language_is_a_usage_error(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*command) == 2
    said = capsys.readouterr().err
    assert re.search(r"(--language|--in|review\.language).* 'fr'; choices: en, zh-Hans", said)
    assert FLAGGED not in said
    assert not list(Path().glob("f.*"))


def test_a_language_is_for_csv_only(capsys: pytest.CaptureFixture[str]) -> None:
    parquet = ("review", "export", *TABLE, "--out", "f.parquet", "--format", "parquet")
    assert code_of(*parquet, "--language", "de") == 2
    assert "--language is for CSV and Label Studio only" in capsys.readouterr().err
    assert code_of(*parquet, "--set", "review.language=de") == 0


def test_the_log_says_in_which_language_an_export_was() -> None:
    exported("--language", "ja")
    with open_review("sqlite:///out/review.sqlite").connect() as connection:
        query = sql("select payload from review_events order by seq desc limit 1")
        payload = json.loads(connection.execute(query).scalar_one())
    assert (payload["format"], payload["language"]) == ("csv", "ja")
    assert code_of("review", "verify", *TABLE) == 0
