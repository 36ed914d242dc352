"""The table of the faults: trials add up, and cases run one by one share a folder."""

import importlib
import json
from pathlib import Path

import pytest


def test_trials_add_up_and_earlier_cases_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "faults"))
    report, harness = importlib.import_module("report"), importlib.import_module("harness")
    first, second = [], []
    report.add(first, "kill", harness.Trial("in scan", [-9, 0], equal=True, seconds=2))
    report.add(first, "kill", harness.Trial("in scan", [-9, 1], "a | b", ["exit 1"], False, 4))
    report.add(second, "clock", harness.Trial("needs libfaketime", []))
    for rows in (first, second, second):
        report.write(tmp_path, rows)
    content = json.loads((tmp_path / "faults.json").read_text())
    assert [(row["case"], row["times"]) for row in content] == [("kill", 2), ("clock", 1)]
    assert content[0]["codes"] == {"-9, then 0": 1, "-9, then 1": 1}
    kill, clock = (tmp_path / "faults.md").read_text().splitlines()[2:]
    assert kill.startswith("| kill | in scan | 2 | -9, then 0 (1x); -9, then 1 (1x) | a / b |")
    assert kill.endswith("| 1 of 2 | 3 | exit 1 |")
    assert "skipped" in clock
