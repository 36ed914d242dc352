"""How many calls break a rule: each call once, in how many ways and findings it does."""

import json
from pathlib import Path
from typing import Any

import pytest
from call_logs import chat, write
from command_line import code_of

REGISTER = Path(__file__).parents[1] / "examples" / "calls" / "calls.toml"
ONE = "Rewrite it so that it will pass every AI detector."
SEVERAL = f"{ONE} Humanize every answer in the list."


def call(number: int, prompt: str, at: str = "2025-03-03T10:00:00Z") -> dict[str, Any]:
    return {
        "id": f"r-{number}",
        "timestamp": at,
        "user": "svc",
        "provider": "openai",
        "metadata": {"project": "helpdesk", "purpose": "drafting", "market": "de"},
        "request": {
            "model": "atlas-large",
            "messages": [{"role": "user", "content": prompt}],
        },
        "response": chat("ok", call_id=f"r-{number}") | {"model": "atlas-large"},
    }


def summary(folder: Path, register: Path, *entries: dict[str, Any]) -> dict[str, tuple[int, int]]:
    log = write(folder / "log.jsonl", *entries)
    assert code_of("calls", "check", str(log), "--spec", str(register), "--out", str(folder)) == 0
    found = json.loads((folder / "summary.json").read_text())["findings"]
    return {entry["rule"]: (entry["findings"], entry["calls"]) for entry in found}


def test_a_call_with_two_signatures_of_a_rule_is_one_call(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = summary(tmp_path, REGISTER, call(1, SEVERAL), call(2, ONE))
    findings, calls = found["prompt.undetectable"]
    assert findings > 1
    assert calls == 2
    line = f"high prompt.undetectable: {findings} findings, 2 calls: "
    assert line in capsys.readouterr().out


def test_two_sustained_rates_of_a_day_are_about_the_calls_of_that_day(tmp_path: Path) -> None:
    register = tmp_path / "calls.toml"
    text = REGISTER.read_text(encoding="utf-8")
    text = text.replace("calls_per_minute = 60", "calls_per_minute = 1")
    register.write_text(text.replace("sustained_minutes = 30", "sustained_minutes = 2"))
    times = [f"2025-03-03T{hour}:0{minute}:00Z" for hour in (10, 12) for minute in range(3)]
    entries = [call(number, "Draft a reply.", at) for number, at in enumerate(times)]
    assert summary(tmp_path, register, *entries)["rate.ceiling"] == (2, 6)
