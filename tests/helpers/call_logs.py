"""Call logs for tests: one question and its answer, and what a reading of files gives."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scrubtrace.calls.reading import CallReading, read_calls
from scrubtrace.schemas.calls import CallRecord

QUESTION = "How long does a kettle take to boil?"
ANSWER = "About three minutes for a full litre."
ASK = [{"role": "user", "content": QUESTION}]


def write(path: Path, *entries: Any) -> Path:
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries), encoding="utf-8")
    return path


def read(*paths: Path, **options: Any) -> tuple[list[CallRecord], CallReading]:
    reading = read_calls(paths, **options)
    return list(reading), reading


def one(tmp_path: Path, entry: Mapping[str, Any]) -> CallRecord:
    records, reading = read(write(tmp_path / "log.jsonl", entry))
    assert not reading.summary.bad
    (record,) = records
    return record


def chat(*answers: str | None, call_id: str = "chatcmpl-1") -> dict[str, Any]:
    return {
        "id": call_id,
        "object": "chat.completion",
        "created": 1740821400,
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {"index": i, "message": {"role": "assistant", "content": answer}}
            for i, answer in enumerate(answers)
        ],
        "usage": {"prompt_tokens": 9, "completion_tokens": 8, "total_tokens": 17},
    }


def pair(call_id: Any = "chatcmpl-1", answer: Any = ANSWER) -> dict[str, Any]:
    return {"request": {"messages": ASK}, "response": chat(answer, call_id=call_id)}


def line(call_id: Any = "chatcmpl-1", answer: Any = ANSWER) -> bytes:
    return json.dumps(pair(call_id, answer)).encode() + b"\n"
