"""OpenTelemetry spans and Azure rows: each generation of names, and rows that belong together."""

import json
from pathlib import Path
from typing import Any

import pytest
from call_logs import ANSWER, ASK, QUESTION, chat, one, read, write

from scrubtrace.schemas.calls import BadReason, CallRecord, Message

PARTS_IN = [{"role": "user", "parts": [{"type": "text", "content": QUESTION}]}]
PARTS_OUT = [
    {
        "role": "assistant",
        "parts": [
            {"type": "reasoning", "content": "A litre, 2 kW."},
            {"type": "text", "content": ANSWER},
            {"type": "tool_call", "id": "c1", "name": "boil", "arguments": {}},
        ],
        "finish_reason": "stop",
    }
]


def union(value: Any) -> dict[str, Any]:
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"arrayValue": {"values": [union(item) for item in value]}}


def listed(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": union(value)} for key, value in attributes.items()]


def otlp(*spans: dict[str, Any]) -> dict[str, Any]:
    resource = {"attributes": listed({"service.name": "drafts", "project": "kettles"})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}


def span(attributes: dict[str, Any], events: Any = (), span_id: str = "aa") -> dict[str, Any]:
    return {
        "traceId": "7bba9f33312b3dbb8b2c2c62bb7abe2d",
        "spanId": span_id,
        "name": "chat gpt-4o",
        "startTimeUnixNano": "1740821400123456789",
        "attributes": listed(attributes),
        "events": [{"name": n, "attributes": listed(a)} for n, a in events],
        "status": {},
    }


NEW = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "gpt-4o",
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.id": "chatcmpl-1",
    "gen_ai.request.temperature": 0.7,
    "gen_ai.request.choice.count": 1,
    "gen_ai.usage.input_tokens": 9,
    "gen_ai.usage.output_tokens": 8,
    "gen_ai.response.finish_reasons": ["stop"],
    "metadata.purpose": "drafting",
    "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Be brief."}]),
    "gen_ai.input.messages": json.dumps(PARTS_IN),
    "gen_ai.output.messages": json.dumps(PARTS_OUT),
}


def test_otlp_span_of_the_present_conventions(tmp_path: Path) -> None:
    assert one(tmp_path, otlp(span(NEW))) == CallRecord(
        "chatcmpl-1",
        "otel",
        str(tmp_path / "log.jsonl"),
        1,
        timestamp=one(tmp_path, otlp(span(NEW))).timestamp,
        provider="openai",
        model_requested="gpt-4o",
        model_served="gpt-4o-2024-08-06",
        operation="chat",
        project="kettles",
        purpose="drafting",
        caller="drafts",
        status="ok",
        prompt_tokens=9,
        completion_tokens=8,
        temperature=0.7,
        n=1,
        prompt=(Message("system", "Be brief."), Message("user", QUESTION)),
        completions=(ANSWER,),
        trace="7bba9f33312b3dbb8b2c2c62bb7abe2d",
    )


@pytest.mark.parametrize(
    ("attributes", "events"),
    [
        ({"gen_ai.prompt": json.dumps(ASK), "gen_ai.completion": ANSWER}, ()),
        (
            {
                "gen_ai.prompt.0.role": "user",
                "gen_ai.prompt.0.content": QUESTION,
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": ANSWER,
                "gen_ai.completion.1.finish_reason": "stop",
            },
            (),
        ),
        (
            {},
            (
                ("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps(ASK)}),
                ("gen_ai.content.completion", {"gen_ai.completion": ANSWER}),
            ),
        ),
        (
            {},
            (
                ("gen_ai.user.message", {"content": QUESTION}),
                ("gen_ai.choice", {"index": 0, "message": json.dumps({"content": ANSWER})}),
            ),
        ),
        (
            {},
            (
                ("gen_ai.user.message", {"gen_ai.event.content": json.dumps(ASK[0])}),
                (
                    "gen_ai.choice",
                    {"gen_ai.event.content": json.dumps({"message": {"content": ANSWER}})},
                ),
            ),
        ),
        (
            {},
            (
                (
                    "gen_ai.client.inference.operation.details",
                    {
                        "gen_ai.input.messages": json.dumps(PARTS_IN),
                        "gen_ai.output.messages": json.dumps(PARTS_OUT),
                    },
                ),
            ),
        ),
    ],
)
def test_texts_under_older_names_and_in_events(
    tmp_path: Path, attributes: dict[str, Any], events: Any
) -> None:
    record = one(tmp_path, otlp(span({"gen_ai.system": "openai"} | attributes, events)))
    assert (record.provider, record.call_id) == ("openai", "7bba9f33312b3dbb8b2c2c62bb7abe2d/aa")
    assert record.prompt == (Message("user", QUESTION),)
    assert record.completions == (ANSWER,)


def test_flat_span_as_an_sdk_prints_it(tmp_path: Path) -> None:
    flat = {
        "name": "chat gpt-4o",
        "context": {"trace_id": "0x7bba", "span_id": "0xaa", "trace_state": "[]"},
        "start_time": "2025-03-01T09:30:00.123456Z",
        "status": {"status_code": "ERROR"},
        "attributes": {"gen_ai.system": "openai", "gen_ai.prompt": QUESTION},
        "events": [],
        "resource": {"attributes": {"service.name": "drafts"}},
    }
    path = tmp_path / "log.json"
    path.write_text("".join(f"{json.dumps(flat | {'kind': k}, indent=4)}\n" for k in "ab"))
    records, reading = read(path)
    assert [(r.call_id, r.status, r.error, r.caller) for r in records] == [
        ("0x7bba/0xaa", "error", "ERROR", "drafts")
    ]
    assert reading.summary.lines == {"record": 1, "bad": 1}


def test_a_line_of_many_spans_counts_once_for_each(tmp_path: Path) -> None:
    agent = span({"gen_ai.operation.name": "invoke_agent"}, span_id="bb")
    other = span({"http.request.method": "POST"}, span_id="cc")
    nameless = span({"gen_ai.system": "openai"}) | {"spanId": None}
    odd: Any = span({"gen_ai.system": "openai"}) | {"events": "none"}
    lines = [otlp(span(NEW), agent, other, nameless, odd), otlp(), {"resourceLogs": []}]
    records, reading = read(write(tmp_path / "log.jsonl", *lines))
    assert len(records) == 1
    assert reading.summary.lines == {"record": 1, "not_a_call": 4, "bad": 2}
    assert reading.summary.bad == {BadReason.NO_ID: 1, BadReason.UNKNOWN_SHAPE: 1}


def gateway(sequence: int | None, call_id: str = "c-1", **fields: Any) -> dict[str, Any]:
    row = {"TimeGenerated": "2025-03-01T09:30:00.1234567Z", "CorrelationId": call_id}
    return row | {"SequenceNumber": sequence, "Region": "West Europe"} | fields


HEADER = gateway(0, DeploymentName="drafts", ModelName="gpt-4o", PromptTokens=9, CompletionTokens=8)
SAID = [{"role": "assistant", "content": ANSWER}]


def test_gateway_rows_in_any_order_over_two_files(tmp_path: Path) -> None:
    half = len(ANSWER) // 2
    start, end = ([{"role": "assistant", "content": t}] for t in (ANSWER[:half], ANSWER[half:]))
    one = write(tmp_path / "one.jsonl", gateway(3, ResponseMessages=end), HEADER)
    two = write(
        tmp_path / "two.jsonl",
        gateway(2, ResponseMessages=start),
        gateway(1, RequestMessages=ASK),
        HEADER,
    )
    records, reading = read(one, two)
    assert records == [
        CallRecord(
            "c-1",
            "azure-gateway",
            str(one),
            1,
            timestamp="2025-03-01T09:30:00.123456Z",
            provider="azure",
            model_requested="drafts",
            model_served="gpt-4o",
            market="West Europe",
            status="ok",
            prompt_tokens=9,
            completion_tokens=8,
            prompt=(Message("user", QUESTION),),
            completions=(ANSWER,),
        )
    ]
    assert reading.summary.lines == {"part": 4, "bad": 1}
    assert (reading.summary.duplicates, reading.summary.rows_not_reassembled) == (1, 0)


@pytest.mark.parametrize(
    ("chunks", "left_over", "completions"),
    [
        ([(2, json.dumps(SAID)[:30]), (3, json.dumps(SAID)[30:])], 0, (ANSWER,)),
        ([(2, json.dumps(SAID)[:30])], 1, ()),
        ([(3, json.dumps(SAID))], 1, ()),
        ([(2, SAID), (4, SAID)], 1, (ANSWER,)),
    ],
    ids=["cut within the JSON", "end is missing", "start is missing", "gap after the first"],
)
def test_gateway_chunks(
    tmp_path: Path, chunks: list[tuple[int, Any]], left_over: int, completions: tuple[str, ...]
) -> None:
    rows = [gateway(number, ResponseMessages=chunk) for number, chunk in chunks]
    path = write(tmp_path / "log.jsonl", HEADER, gateway(1, RequestMessages=ASK), *rows)
    ((record,), reading) = read(path)
    assert (record.completions, record.prompt_tokens) == (completions, 9)
    assert reading.summary.rows_not_reassembled == left_over


def test_gateway_rows_from_the_portal_and_from_a_storage_account(tmp_path: Path) -> None:
    cell = json.dumps(SAID).replace('"', '""')
    table = tmp_path / "query.csv"
    table.write_text(
        '"TimeGenerated [UTC]",CorrelationId,SequenceNumber,ResponseMessages\n'
        f'"3/1/2025, 9:30:00.123 AM",c-2,0,"{cell}"\n'
    )
    stored = {
        "time": "2025-03-01T09:30:00Z",
        "category": "GatewayLlmLogs",
        "properties": {"correlationId": "c-3", "sequenceNumber": 0, "responseMessages": SAID},
    }
    records, _ = read(table, write(tmp_path / "PT1H.json", stored))
    assert [(r.call_id, r.completions) for r in records] == [("c-2", (ANSWER,)), ("c-3", (ANSWER,))]
    assert records[0].timestamp == "2025-03-01T09:30:00.123000Z"


@pytest.mark.parametrize(
    ("metadata", "region", "market"),
    [
        ({"market": "de"}, None, "de"),
        ({"market": "de"}, "West Europe", "de"),
        ({}, "West Europe", "West Europe"),
        ({}, None, None),
    ],
)
def test_the_market_of_the_caller_comes_before_the_region(
    tmp_path: Path, metadata: dict[str, str], region: str | None, market: str | None
) -> None:
    body = json.dumps({"messages": ASK, "metadata": metadata})
    row = {"CorrelationId": "r-1", "ResponseCode": 200, "RequestBody": body, "Region": region}
    assert one(tmp_path, row).market == market


def test_azure_request_logs_with_and_without_bodies(tmp_path: Path) -> None:
    request = {
        "category": "RequestResponse",
        "time": "2025-03-01T09:30:00Z",
        "operationName": "ChatCompletions_Create",
        "resultSignature": "429",
        "correlationId": "r-1",
        "callerIpAddress": "10.0.0.***",
        "location": "westeurope",
        "properties": '{"modelDeploymentName": "drafts", "modelName": "gpt-4o"}',
    }
    logged = {
        "CorrelationId": "r-2",
        "ResponseCode": 200,
        "ApimSubscriptionId": "labels",
        "RequestBody": json.dumps({"model": "gpt-4o", "messages": ASK}),
        "ResponseBody": json.dumps(chat(ANSWER)),
    }
    cut = logged | {"CorrelationId": "r-3", "ResponseBody": json.dumps(chat(ANSWER))[:80]}
    audit = {"category": "Audit", "correlationId": "r-4"}
    records, reading = read(write(tmp_path / "log.jsonl", request, logged, cut, audit))
    assert [(r.model_requested, r.status, r.caller) for r in records] == [
        ("drafts", "error", "10.0.0.***"),
        ("gpt-4o", "ok", "labels"),
        ("gpt-4o", "ok", "labels"),
    ]
    assert [r.completions for r in records] == [(), (ANSWER,), ()]
    assert reading.summary.not_calls == {"azure_audit": 1}
