"""The command line: help, explain, detectors, and how every command ends."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from command_line import code_of

from scrubtrace import cli as cli_module
from scrubtrace.cli import cli
from scrubtrace.exits import IncompleteStop, SumsDifferStop, UsageStop

RUNS_VERBS = ("list", "show", "diff", "prune", "replay")
SELF_DISCLOSURE = "Well. As an AI language model, I cannot swim."


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["detect"],
        ["commit"],
        ["explain"],
        ["detectors"],
        ["review"],
        ["review", "export"],
        ["runs"],
        *[["runs", verb] for verb in RUNS_VERBS],
    ],
)
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(cli, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_tells_the_exit_codes() -> None:
    assert "3 incomplete" in CliRunner().invoke(cli, ["--help"]).output


def test_explain_shows_the_phrase_and_the_signature(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("explain", SELF_DISCLOSURE) == 0
    shown = capsys.readouterr().out
    assert "FLAGGED for review: resembles LLM text: speaks as an AI assistant (proof)" in shown
    assert "⟦As an AI language model, I" in shown
    assert "boilerplate, en.self_disclosure." in shown


def test_explain_as_json_has_spans_of_the_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("explain", SELF_DISCLOSURE, "--json") == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained["flagged"] is True
    assert set(explained) >= {"flagged", "lanes", "evidence", "abstentions"}
    span = explained["evidence"][0]
    assert SELF_DISCLOSURE[span["start"] : span["end"]].startswith("As an AI language model")
    assert "boilerplate" in explained["lanes"]["trace"]


def test_explain_says_when_a_phrase_is_only_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("explain", f'She laughed at "{SELF_DISCLOSURE}" and moved on to the news.') == 0
    shown = capsys.readouterr().out
    assert shown.startswith("not flagged")
    assert "only mentioned (quoted)" in shown


def test_explain_abstains_in_a_language_without_signatures(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "Le train de Brest avait encore du retard, alors nous avons attendu à la gare."
    assert code_of("explain", text, "--json") == 0
    explained = json.loads(capsys.readouterr().out)
    assert explained["abstentions"] == [
        {"detector": "boilerplate", "reason": "language_not_covered"}
    ]


def test_explain_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = io.TextIOWrapper(io.BytesIO(SELF_DISCLOSURE.encode()))
    monkeypatch.setattr(sys, "stdin", stream)
    assert code_of("explain", "-") == 0
    assert "FLAGGED" in capsys.readouterr().out


def test_explain_refuses_input_that_is_not_utf8(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff canary")))
    assert code_of("explain", "-") == 2
    assert "not UTF-8" in capsys.readouterr().err


def test_detectors_lists_name_version_lane_languages_and_distribution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert code_of("detectors") == 0
    line = capsys.readouterr().out
    languages = "languages de,en,id,ja,zh"
    for part in ("boilerplate", "version 4", "lane trace", languages, "scrubtrace 0."):
        assert part in line


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageStop("as given"), 2),
        (IncompleteStop("missing"), 3),
        (SumsDifferStop("sums"), 4),
        (KeyboardInterrupt(), 3),
        (RuntimeError("canary"), 1),
    ],
)
def test_every_way_to_stop_has_its_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(cli_module.cli, "main", stop)
    assert code_of("detect") == code
    assert "canary" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["detekt"], ["detect"], ["detect", "x", "--out"], ["review", "export"]]
)
def test_wrong_usage_exits_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*arguments) == 2
    assert "Error: " in capsys.readouterr().err


def test_export_of_a_table_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("review", "export", "--review", "sqlite:///none/r.sqlite", "--out", "x.csv") == 2
    assert "none" in capsys.readouterr().err
    assert not Path("x.csv").exists()


def test_console_script_is_installed() -> None:
    script = Path(sys.executable).with_name("scrubtrace")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert "scrubtrace" in ran.stdout
