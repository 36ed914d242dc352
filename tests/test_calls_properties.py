"""Whatever the entries or bytes of a log: nothing breaks the reader, and its counts add up."""

import json
from pathlib import Path
from typing import Any

import pytest
from call_logs import ANSWER, ASK, chat, line, write
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scrubtrace.calls.formats import FORMATS
from scrubtrace.calls.reading import WRAPPERS, CallReading, read_calls

KEYS = """
id custom_id response request body error choices message messages content text role type
request_id spend call_type metadata model usage trace_id traceId start_time startTime input
output attributes events name key value resourceSpans scopeSpans spans resource context
CorrelationId SequenceNumber RequestMessages ResponseMessages category properties data
gen_ai.prompt gen_ai.output.messages gen_ai.prompt.0.content stringValue arrayValue values
GENERATION assistant 0 1 parts gen_ai.choice level status created timestamp temperature n
standard_logging_object proxy_server_request ResponseBody ResponseCode
"""
WORDS = st.sampled_from(KEYS.split())
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | WORDS
    | st.sampled_from(["[]", '[{"content": 1}]', '{"content": ["x"]}', "[[", "2025-03-01", 10**30])
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=12,
)
ENTRIES = st.dictionaries(WORDS, VALUES, max_size=8)
TYPICAL = {
    "openai-batch": {"custom_id": "a", "response": {"body": chat(ANSWER)}},
    "litellm": {"request_id": "r", "messages": ASK, "response": chat(ANSWER)},
    "langfuse": {"id": "o", "type": "GENERATION", "input": ASK, "output": ANSWER},
    "otel": {"traceId": "t", "spanId": "s", "attributes": {"gen_ai.system": "x"}},
    "azure-gateway": {"CorrelationId": "c", "SequenceNumber": 1, "RequestMessages": ASK},
    "azure-requests": {"CorrelationId": "c", "ResponseBody": json.dumps(chat(ANSWER))},
    "pairs": {"request": {"messages": ASK}, "response": chat(ANSWER)},
}


def consistent(path: Path, log_format: str) -> CallReading:
    reading = read_calls([path], log_format)
    records = list(reading)
    summary = reading.summary
    assert summary.records == len(records)
    assert len({record.call_id for record in records}) == len(records)
    assert summary.not_calls.total() == summary.lines["not_a_call"]
    for record in records:
        json.dumps([record.call_id, record.completions], ensure_ascii=False).encode()
        assert all(completion.strip() for completion in record.completions)
    return reading


@pytest.mark.parametrize("log_format", sorted(FORMATS))
@settings(max_examples=25)
@given(entries=st.lists(ENTRIES, max_size=4))
def test_no_entry_breaks_the_reader_and_lines_add_up(
    tmp_path_factory: pytest.TempPathFactory, log_format: str, entries: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.getbasetemp() / f"{log_format}.jsonl"
    merged = [TYPICAL[log_format] | entry for entry in entries]
    write(path, *entries, *merged)
    reading = consistent(path, log_format)
    wrapped = any(set(WRAPPERS) & set(entry) for entry in entries)
    if log_format != "otel" and not wrapped:
        assert reading.summary.lines.total() == len(entries) + len(merged)


@given(
    content=st.binary(max_size=300), start=st.sampled_from([b"", b"[", b"{\n", b"a,b,c\n", line()])
)
def test_no_bytes_break_the_reader_and_lines_add_up(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, start: bytes
) -> None:
    assume(not (start + content).startswith(b"PAR1"))  # refused as Parquet that is damaged
    path = tmp_path_factory.getbasetemp() / "bytes.jsonl"
    path.write_bytes(start + content)
    reading = consistent(path, "pairs")
    if start == line():
        newlines = content.count(b"\n") + (not content.endswith(b"\n") and bool(content))
        assert reading.summary.lines.total() == 1 + newlines
