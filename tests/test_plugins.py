"""Detectors of other distributions, installed for real: what they do wrong harms no other."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of

from scrubtrace.beam_pipelines.layout import RunFolder, runs_of
from scrubtrace.detectors.registry import DetectorError, installed_detectors, make_detector

InstallPlugin = Callable[..., str]
PHRASE = "As an AI language model, I cannot swim."
TEXTS = [PHRASE, "canary one", "Plain.", "", "canary two, <PERSON> too", "Ask <EMAIL_ADDRESS>."]
BAD_ROWS = [row for row, text in enumerate(TEXTS * 5) if "canary" in text]

ERRORS = {1: "KeyError", 4: "ContractError"}

DETECT = """
def detect(self, batch):
    if any("canary one" in text for text in batch.texts):
        raise KeyError(batch.texts)
    spans = [
        Span(row, "trial.text", "trial", "weak", "asserted", 0, 999 if "canary" in text else 1)
        for row, text in enumerate(batch.texts)
        if text
    ]
    return Evidence.of(spans, {})
"""

OURS = ["boilerplate", "redaction", "reference", "stylometry"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def detect(out: str, *more: str) -> tuple[int, RunFolder]:
    Path("data").mkdir(exist_ok=True)
    for number in range(3):
        pq.write_table(pa.table({"text": TEXTS * 5}), f"data/{number}.parquet")
    units = ("--set", "scan.unit_rows=30", "--set", "scan.batch_rows=7", "--quiet")
    code = code_of("detect", "data/*.parquet", "--out", out, *units, *more)
    return code, runs_of(out)[0]


def files(folder: RunFolder, *names: str) -> dict[str, bytes]:
    root = Path(folder.path)
    found = [path for name in names for path in (root / name).rglob("*") if path.is_file()]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def letters(folder: RunFolder) -> list[dict[str, Any]]:
    tables = [pq.read_table(path) for path in Path(folder.path).glob("dead_letters/*.parquet")]
    return [row for table in tables for row in table.to_pylist()]


def test_a_row_that_a_plugin_fails_on_is_a_dead_letter_and_the_rest_is_as_without_it(
    install_plugin: InstallPlugin, capfd: pytest.CaptureFixture[str]
) -> None:
    code, without = detect("without")
    assert code == 0
    install_plugin("scrubtrace-trial", body=DETECT)
    ours = ("parts/boilerplate", "parts/redaction")
    code, one = detect("one")
    assert code == 3
    assert files(one, *ours) == files(without, *ours)
    found = letters(one)
    assert len(found) == 3 * len(BAD_ROWS)
    assert sorted({letter["row_index"] for letter in found}) == BAD_ROWS
    assert {(f["detector"], f["reason"]) for f in found} == {("trial", "detector_error")}
    assert all(f["error"] == ERRORS[f["row_index"] % len(TEXTS)] for f in found)
    code, two = detect("two", "--workers", "2")
    assert code == 3
    everything = ("parts", "receipts", "dead_letters")
    assert files(two, *everything) == files(one, *everything)
    trial = pq.read_table(Path(one.part("trial", "u0000000")))
    assert trial.num_rows == 5 * len([text for text in TEXTS if text and "canary" not in text])
    written = b"".join(files(one, "receipts", "dead_letters").values())
    shown = capfd.readouterr()
    assert b"canary" not in written
    assert "canary" not in shown.out + shown.err


RAISING = """
def detect(self, batch):
    if any("canary" in text for text in batch.texts):
        raise {error}(batch.texts[0])
    return Evidence.of([], {{}})
"""
TOP = """
import asyncio
class Panic(BaseException): pass
"""


@pytest.mark.parametrize(
    "error", ["asyncio.CancelledError", "GeneratorExit", "Panic", "SystemExit", "StopIteration"]
)
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_a_plugin_raises_is_never_shown_whatever_its_class(
    install_plugin: InstallPlugin, capfd: pytest.CaptureFixture[str], error: str, log_format: str
) -> None:
    install_plugin("scrubtrace-trial", top=TOP, body=RAISING.format(error=error))
    Path("data").mkdir()
    pq.write_table(pa.table({"text": TEXTS}), "data/0.parquet")
    code = code_of("--log-format", log_format, "detect", "data/*.parquet", "--out", "out")
    assert code == 3
    found = letters(runs_of("out")[0])
    assert [(f["row_index"], f["error"]) for f in found] == [
        (row, error.removeprefix("asyncio.")) for row in (1, 4)
    ]
    shown = capfd.readouterr()
    assert not [text for text in TEXTS if text and text in shown.out + shown.err]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_interruption_by_a_plugin_ends_the_run_without_its_message(
    install_plugin: InstallPlugin, workers: str
) -> None:
    install_plugin("scrubtrace-trial", body=RAISING.format(error="KeyboardInterrupt"))
    pq.write_table(pa.table({"text": TEXTS}), "0.parquet")
    program = [sys.executable, "-c", "from scrubtrace.cli import main; main()"]
    arguments = ["detect", "0.parquet", "--out", "out", "--workers", workers]
    ended = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=300)
    assert ended.returncode in (1, 3)
    assert not runs_of("out")[0].is_committed()
    assert not [text for text in TEXTS if text and text in ended.stdout + ended.stderr]


def test_a_plugin_cannot_change_what_others_judge(install_plugin: InstallPlugin) -> None:
    code, without = detect("without")
    assert code == 0
    install_plugin("a-trial", name="a", body="def detect(self, batch): batch.texts[0] = 'changed'")
    code, changing = detect("changing")
    assert code == 3
    ours = ("parts/boilerplate", "parts/redaction")
    assert files(changing, *ours) == files(without, *ours)
    assert {letter["error"] for letter in letters(changing)} == {"TypeError"}


def test_a_plugin_that_cannot_be_set_up_stops_with_its_name_and_the_run_goes_on_once_mended(
    install_plugin: InstallPlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    body = """
    def setup(self):
        from pathlib import Path
        if not Path("model").exists():
            raise OSError("no model here")
    """
    install_plugin("scrubtrace-trial", body=body)
    code, folder = detect("out", "--workers", "2")
    assert code == 2
    problem = "detector 'trial' of scrubtrace-trial 1.0 cannot be set up: OSError: no model here"
    assert problem in capsys.readouterr().err
    assert not folder.is_committed()
    Path("model").touch()
    code, again = detect("out", "--workers", "2")
    assert (code, again.id) == (0, folder.id)


@pytest.mark.parametrize(
    ("top", "body", "problem"),
    [
        ("import no_such_module", "", "cannot be made: ModuleNotFoundError"),
        ("raise SystemExit", "", "cannot be made: SystemExit"),
        ("raise GeneratorExit", "", "cannot be made: GeneratorExit"),
        ("", "def __init__(self, needed): pass", "needs the option 'needed'"),
        ("", "detect = property(lambda self: 1 / 0)", "cannot say what it is: ZeroDivisionError"),
        ("", "version = property(lambda self: 1 / 0)", "cannot say what it is: ZeroDivisionError"),
        ("", "def fingerprint(self): raise OSError('gone')", "cannot say what it is: OSError"),
        ("", "def fingerprint(self): return 7", "has fingerprint 7, not a text"),
        ("", "version = 1", "has version 1, not a text"),
        ("", "name = 'other'", "calls itself 'other'"),
        ("", "lane = 'guess'", "has lane 'guess'; choices: match, trace, style"),
        ("", "languages = 'en'", "has languages that are no set of language codes"),
        ("", "del setup", "lacks part of the contract"),
    ],
)
def test_a_broken_plugin_is_named_with_its_distribution_and_the_others_are_listed(
    install_plugin: InstallPlugin,
    capsys: pytest.CaptureFixture[str],
    top: str,
    body: str,
    problem: str,
) -> None:
    install_plugin("scrubtrace-trial", top=top, body=body)
    with pytest.raises(DetectorError) as raised:
        make_detector("trial")
    assert f"detector 'trial' of scrubtrace-trial 1.0 {problem}" in str(raised.value)
    assert code_of("detectors") == 2
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == OURS
    assert problem in shown.err


def test_a_name_of_two_distributions(
    install_plugin: InstallPlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    install_plugin("one")
    install_plugin("two")
    with pytest.raises(DetectorError, match="'trial' is registered twice: by "):
        installed_detectors()
    assert make_detector("boilerplate").name == "boilerplate"
    assert code_of("detectors") == 2
    shown = capsys.readouterr()
    assert [line.split()[0] for line in shown.out.splitlines()] == OURS
    assert "one 1.0" in shown.err
    assert "two 1.0" in shown.err
    assert code_of("explain", PHRASE, "--set", "scan.detectors=['boilerplate']") == 0
    assert code_of("explain", PHRASE) == 2


def test_entry_points_that_cannot_be_read_name_their_distribution(
    install_plugin: InstallPlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(install_plugin("scrubtrace-trial"))
    (folder / "scrubtrace_trial-1.0.dist-info" / "entry_points.txt").write_text(
        "[scrubtrace.detectors]\ntrial\n"
    )
    assert code_of("detectors") == 2
    problem = "the entry points of scrubtrace-trial cannot be read (TypeError): install it again"
    assert problem in capsys.readouterr().err


def test_explain_goes_on_without_a_plugin_that_raises(
    install_plugin: InstallPlugin, capsys: pytest.CaptureFixture[str]
) -> None:
    install_plugin("scrubtrace-trial", body="def detect(self, batch): raise KeyError(batch.texts)")
    assert code_of("explain", PHRASE) == 0
    shown = capsys.readouterr().out
    assert "FLAGGED for review" in shown
    assert "trial abstains: detector_error (KeyError)" in shown
