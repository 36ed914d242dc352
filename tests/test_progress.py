"""Progress: plain lines where there is no terminal, nothing when quiet, counts from receipts."""

from pathlib import Path

import pytest

from scrubtrace import progress
from scrubtrace.beam_pipelines.layout import RunFolder
from scrubtrace.progress import Counts, counted_progress, shown_progress
from scrubtrace.schemas.receipts import PartReceipt, Receipt


def _receipt(folder: Path, unit: str, rows: int, findings: int) -> None:
    part = PartReceipt("boilerplate", "f", "p", "s", findings)
    content = Receipt(unit, rows, [], [part]).to_json()
    (folder / "receipts").mkdir(exist_ok=True)
    (folder / "receipts" / f"{unit}.json").write_bytes(content)


def test_counts_grow_with_the_receipts(tmp_path: Path) -> None:
    counts = Counts(total=30)
    folder = RunFolder(str(tmp_path))
    counts.read(folder)
    assert counts.done == 0
    _receipt(tmp_path, "u0", 10, 2)
    counts.read(folder)
    counts.read(folder)
    _receipt(tmp_path, "u1", 20, 1)
    counts.read(folder)
    assert (counts.done, counts.findings) == (30, 3)


def test_lines_say_done_known_rate_left_and_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _receipt(tmp_path, "u0", 1000, 7)
    with shown_progress(RunFolder(str(tmp_path)), 4000, quiet=False):
        _receipt(tmp_path, "u1", 3000, 1)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("4,000 of 4,000 rows, ")
    assert " rows/s, 0 s left, 8 with evidence" in line


def test_a_job_that_counts_itself_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with counted_progress(500, False, "", "drawing") as counts:
        counts.done += 500
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("drawing: 500 of 500 rows, ")
    assert line.endswith(" 0 s left")
    with counted_progress(500, True, "", "drawing") as counts:
        counts.done += 500
    assert capsys.readouterr().err == ""


def test_quiet_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with shown_progress(RunFolder(str(tmp_path)), 10, quiet=True):
        _receipt(tmp_path, "u0", 10, 0)
    captured = capsys.readouterr()
    assert captured.out + captured.err == ""


def test_a_terminal_gets_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress.sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "150")
    with shown_progress(RunFolder(str(tmp_path)), 10, quiet=False):
        _receipt(tmp_path, "u0", 10, 3)
    shown = capsys.readouterr().err
    assert "10/10" in shown
    assert "3 with evidence" in shown


def test_a_failing_scan_ends_the_display(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="stop"), shown_progress(RunFolder(str(tmp_path)), 1, True):
        raise OSError("stop")


def test_a_name_is_no_markup_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with counted_progress(3, False, "with evidence", "counting flags of a[/b]") as counts:
        counts.done = 3
    assert "a[/b]" in capsys.readouterr().err
