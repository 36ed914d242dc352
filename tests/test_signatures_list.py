"""``scrubtrace signatures``: what is in use, filtered, with measured rates."""

import json
from pathlib import Path

import pytest

from scrubtrace.cli import main
from scrubtrace.detectors.measured import measured_rates
from scrubtrace.detectors.registry import installed_detectors

MINE = """
format = 1
language = "en"
[[signature]]
id = "en.closer.toodle_pip"
category = "closer"
strength = "strong"
pattern = '''\\btoodle pip\\b'''
match = ["Toodle pip!"]
no_match = ["Toodles!"]
source = "ours"
"""


def run(*arguments: str) -> int:
    try:
        main(["signatures", *arguments])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, object]]:
    assert run(*arguments, "--json") == 0
    entries: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return entries


@pytest.mark.parametrize(
    ("arguments", "field", "values"),
    [
        (["--detector", "redaction"], "detector", {"redaction"}),
        (["--language", "zh"], "language", {"zh"}),
        (["--category", "placeholder"], "category", {"placeholder"}),
        (["--strength", "proof"], "strength", {"proof"}),
        (["zh.refusal.*"], "category", {"refusal"}),
    ],
)
def test_filters(
    capsys: pytest.CaptureFixture[str], arguments: list[str], field: str, values: set[str]
) -> None:
    entries = listed(capsys, *arguments)
    assert {entry[field] for entry in entries} == values
    assert len(entries) < len(listed(capsys))


def test_every_shipped_signature_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    for entry in listed(capsys):
        measured = entry["measured"]
        assert isinstance(measured, dict), entry["id"]
        for hits, rows in measured.values():
            assert 0 <= hits <= rows
    assert {entry["id"] for entry in listed(capsys)} == set(measured_rates())


def test_the_table_has_a_line_a_signature(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("any.placeholder.dolma") == 0
    header, line = capsys.readouterr().out.splitlines()
    assert header.split()[:4] == ["id", "detector", "strength", "human"]
    assert line.startswith("any.placeholder.dolma")
    assert line.endswith("Dolma")


def test_own_signatures_are_in_and_those_switched_off_are_out(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("mine.toml").write_text(MINE)
    Path("scrubtrace.toml").write_text(
        '[detectors.boilerplate]\nsignature_files = ["mine.toml"]\n'
        'off = ["any.chat_ui_residue.oaicite"]\n'
    )
    found = {str(entry["id"]): entry for entry in listed(capsys)}
    assert found["en.closer.toodle_pip"]["measured"] is None
    assert "any.chat_ui_residue.oaicite" not in found


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('signature_files = ["gone.toml"]', "cannot read gone.toml: No such file"),
        ('signature_files = "mine.toml"', "signature_files is a list of files"),
        ('signature_files = ["bad.toml"]', "bad.toml: "),
        ('off = ["en.no.such"]', "cannot switch off 'en.no.such'"),
    ],
)
def test_files_that_cannot_be_used(
    capsys: pytest.CaptureFixture[str], config: str, message: str
) -> None:
    Path("bad.toml").write_text("format = ")
    Path("scrubtrace.toml").write_text(f"[detectors.boilerplate]\n{config}\n")
    assert run() == 2
    assert message in capsys.readouterr().err


def test_nothing_that_matches_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("no.such.*") == 2
    assert "no signature matches 'no.such.*'" in capsys.readouterr().err


def test_the_shipped_detectors_with_signatures_are_installed() -> None:
    assert {"boilerplate", "redaction"} <= set(installed_detectors())
