"""Ids that come again: a call that is exported twice, or another call that must not get lost."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from call_logs import ANSWER, ASK, chat, read, write
from command_line import code_of

from scrubtrace.schemas.calls import BadReason

REGISTER = Path(__file__).parents[1] / "examples" / "calls" / "calls.toml"
LABELS = {"project": "helpdesk", "purpose": "drafting", "market": "de"}
PAIR = {
    "id": "req-1",
    "timestamp": "2025-03-03T10:01:00Z",
    "user": "svc",
    "provider": "openai",
    "metadata": LABELS,
    "request": {"model": "atlas-large", "messages": ASK},
    "response": chat(ANSWER) | {"model": "atlas-large"},
}
FORBIDDEN = {"metadata": LABELS | {"purpose": "student-answers"}}
OBSERVATION = {
    "id": "obs-1",
    "trace_id": "t-1",
    "type": "GENERATION",
    "start_time": "2025-03-01 09:30:00.123456",
    "provided_model_name": "atlas-large",
    "input": json.dumps(ASK),
}
SPAN = {
    "traceId": "t-1",
    "spanId": "aa",
    "startTimeUnixNano": "1740821400123456789",
    "attributes": {
        "gen_ai.system": "openai",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.request.model": "atlas-large",
    },
}
ROW = {"CorrelationId": "c-1", "SequenceNumber": 0, "ModelName": "atlas-large"}


def output(line_id: str | None, custom_id: str, call_id: str) -> dict[str, Any]:
    response = {"status_code": 200, "body": chat(ANSWER, call_id=call_id)}
    entry = {"custom_id": custom_id, "response": response, "error": None}
    return entry if line_id is None else {"id": line_id} | entry


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (PAIR, PAIR, BadReason.DUPLICATE_ID),
        (PAIR, PAIR | {"response": chat("Four.")}, BadReason.DUPLICATE_ID),
        (PAIR | {"response": {}}, PAIR, BadReason.DUPLICATE_ID),
        (PAIR, PAIR | FORBIDDEN, BadReason.ID_TAKEN),
        (PAIR, PAIR | {"timestamp": "2025-03-03T10:02:00Z"}, BadReason.ID_TAKEN),
        (PAIR, PAIR | {"user": "svc-b"}, BadReason.ID_TAKEN),
        (PAIR, PAIR | {"request": {"model": "atlas-large", "messages": ASK * 2}},
         BadReason.ID_TAKEN),
        (PAIR, PAIR | {"id": "req-2"}, None),
        (OBSERVATION, OBSERVATION | {"output": ANSWER, "usage": {"input": 9}},
         BadReason.DUPLICATE_ID),
        (OBSERVATION, {**OBSERVATION, "input": ""}, BadReason.DUPLICATE_ID),
        ({**OBSERVATION, "input": ""}, OBSERVATION, BadReason.ID_TAKEN),
        (OBSERVATION, OBSERVATION | {"metadata": LABELS}, BadReason.ID_TAKEN),
        (SPAN, SPAN | {"spanId": "bb", "startTimeUnixNano": "1740821400200000000"},
         BadReason.DUPLICATE_ID),
        (SPAN, SPAN | {"traceId": "t-2"}, BadReason.ID_TAKEN),
        (ROW, ROW, BadReason.DUPLICATE_ID),
        (ROW, ROW | {"ModelName": "atlas-small"}, BadReason.ID_TAKEN),
        (output("b-1", "a", "chatcmpl-1"), output("b-2", "b", "chatcmpl-1"), None),
        (output("b-1", "a", "chatcmpl-1"), output("b-1", "a", "chatcmpl-1"),
         BadReason.DUPLICATE_ID),
        (output(None, "a", "chatcmpl-1"), output(None, "b", "chatcmpl-1"), None),
        (output(None, "a", "chatcmpl-1"), output(None, "a", "chatcmpl-2"), None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("files", [1, 2])
def test_what_becomes_of_the_second(
    tmp_path: Path,
    first: Mapping[str, Any],
    second: Mapping[str, Any],
    reason: BadReason | None,
    files: int,
) -> None:
    paths = [write(tmp_path / "log.jsonl", first, second)]
    if files == 2:
        paths = [write(tmp_path / "one.jsonl", first), write(tmp_path / "two.jsonl", second)]
    records, reading = read(*paths)
    assert len(records) == (2 if reason is None else 1)
    assert reading.summary.bad == ({} if reason is None else {reason: 1})


def test_outputs_of_a_batch_that_are_given_twice_are_the_same_calls(tmp_path: Path) -> None:
    body = {"model": "atlas-large", "messages": ASK, "metadata": LABELS}
    inputs = write(tmp_path / "in.jsonl", {"custom_id": "a", "body": body})
    out = output("b-1", "a", "chatcmpl-1")
    outputs = [write(tmp_path / f"out-{n}.jsonl", out) for n in range(2)]
    records, reading = read(inputs, *outputs)
    assert [bool(record.prompt) for record in records] == [True]
    assert reading.summary.bad == {BadReason.DUPLICATE_ID: 1}
    assert reading.summary.ambiguous_outputs == 0


def check(out: Path, *logs: Path) -> int:
    paths = [str(path) for path in logs]
    spec = ("--spec", str(REGISTER), "--out", str(out), "--gate", "--severity", "critical")
    return code_of("calls", "check", *paths, *spec)


def test_calls_that_share_a_cached_answer_are_all_checked(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", PAIR, PAIR | FORBIDDEN | {"id": "req-2"})
    assert check(tmp_path / "out", log) == 5


@pytest.mark.parametrize("files", [1, 2])
def test_another_call_with_the_same_id_is_not_passed_over_in_silence(
    tmp_path: Path, files: int, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = [PAIR, PAIR | FORBIDDEN]
    logs = [write(tmp_path / "log.jsonl", *entries)]
    if files == 2:
        logs = [write(tmp_path / f"{n}.jsonl", entry) for n, entry in enumerate(entries)]
    assert check(tmp_path / "out", *logs) == 3
    said = capsys.readouterr()
    assert "bad lines: id_taken 1" in said.out
    assert "1 calls were not checked, because calls before them that differ have their ids" in (
        said.err
    )
    with (tmp_path / "out" / "bad_lines.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {"file": str(logs[-1]), "line": str(3 - files), "reason": "id_taken"}


@pytest.mark.parametrize("files", [1, 2])
def test_a_call_that_is_exported_twice_is_ordinary(tmp_path: Path, files: int) -> None:
    entries = [PAIR, PAIR | {"response": chat("Four.") | {"model": "atlas-large"}}]
    logs = [write(tmp_path / "log.jsonl", *entries)]
    if files == 2:
        logs = [write(tmp_path / f"{n}.jsonl", entry) for n, entry in enumerate(entries)]
    assert check(tmp_path / "out", *logs) == 0
