"""Each log format: lines as the systems write them, and the record that each one gives."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from call_logs import ANSWER, ASK, QUESTION, chat, one, read, write

from scrubtrace.schemas.calls import BadReason, CallRecord, Message


def batch_input(custom_id: str, **body: Any) -> dict[str, Any]:
    body = {"model": "gpt-4o", "messages": ASK, **body}
    return {"custom_id": custom_id, "method": "POST", "url": "/v1/chat/completions", "body": body}


def batch_output(custom_id: str, body: Any, code: int = 200, line_id: str = "") -> dict[str, Any]:
    response = {"status_code": code, "request_id": "req-1", "body": body}
    line_id = line_id or f"batch_req_{custom_id}"
    return {"id": line_id, "custom_id": custom_id, "response": response, "error": None}


def test_batch_output_is_joined_with_its_input_whatever_the_order(tmp_path: Path) -> None:
    metadata = {"purpose": "drafting", "project": "kettles", "task_id": 71}
    sent = batch_input("a", n=2, temperature=0.7, metadata=metadata, user="u-17")
    inputs = write(tmp_path / "in.jsonl", sent, batch_input("unanswered"))
    outputs = write(
        tmp_path / "out.jsonl",
        batch_output("a", chat(ANSWER, None)),
        batch_output("lost", chat(ANSWER, call_id="chatcmpl-2")),
    )
    records, reading = read(outputs, inputs)
    assert [record.call_id for record in records] == ["batch_req_a", "batch_req_lost"]
    assert records[0] == CallRecord(
        "batch_req_a",
        "openai-batch",
        str(outputs),
        1,
        timestamp="2025-03-01T09:30:00.000000Z",
        model_requested="gpt-4o",
        model_served="gpt-4o-2024-08-06",
        operation="chat",
        project="kettles",
        purpose="drafting",
        task="71",
        caller="u-17",
        status="ok",
        prompt_tokens=9,
        completion_tokens=8,
        temperature=0.7,
        n=2,
        prompt=(Message("user", QUESTION),),
        completions=(ANSWER,),
        empty_completions=1,
    )
    assert records[1].prompt == ()
    summary = reading.summary
    assert (summary.unmatched_outputs, summary.unmatched_inputs) == (1, 1)
    assert summary.lines == {"part": 2, "record": 2}
    assert (summary.prompt_coverage, summary.completion_coverage) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("url", "sent", "answered", "operation", "prompt"),
    [
        (
            "/v1/completions",
            {"prompt": ["Boil", "Freeze"], "messages": None},
            {"id": "cmpl-1", "object": "text_completion", "choices": [{"text": ANSWER}]},
            "text_completion",
            (Message("user", "Boil"), Message("user", "Freeze")),
        ),
        (
            "/v1/responses",
            {"instructions": "Be brief.", "input": QUESTION, "messages": None},
            {
                "id": "resp_1",
                "object": "response",
                "created_at": 1740821400.5,
                "output": [
                    {"type": "reasoning", "summary": []},
                    {
                        "type": "message",
                        "role": "assistant",
                        "content": [{"type": "output_text", "text": ANSWER}],
                    },
                ],
                "usage": {"input_tokens": 3, "output_tokens": 4},
            },
            "responses",
            (Message("system", "Be brief."), Message("user", QUESTION)),
        ),
    ],
)
def test_batch_of_other_endpoints(
    tmp_path: Path,
    url: str,
    sent: dict[str, Any],
    answered: dict[str, Any],
    operation: str,
    prompt: tuple[Message, ...],
) -> None:
    inputs = write(tmp_path / "in.jsonl", batch_input("a", **sent) | {"url": url})
    outputs = write(tmp_path / "out.jsonl", batch_output("a", answered))
    ((record,), _) = read(inputs, outputs)
    assert (record.operation, record.prompt, record.completions) == (operation, prompt, (ANSWER,))


def test_batch_errors_in_the_line_and_in_their_own_file(tmp_path: Path) -> None:
    refused = {"error": {"code": "rate_limit_exceeded", "message": "You said: " + QUESTION}}
    expired = {"code": "batch_expired", "message": "not executed"}
    outputs = write(
        tmp_path / "errors.jsonl",
        batch_output("a", refused, code=429),
        batch_output("b", None, code=503),
        {"id": "batch_req_c", "custom_id": "c", "response": None, "error": expired},
    )
    records, reading = read(outputs, write(tmp_path / "in.jsonl", batch_input("a")))
    errors = [(record.status, record.error) for record in records]
    assert errors == [
        ("error", "rate_limit_exceeded"),
        ("error", "503"),
        ("error", "batch_expired"),
    ]
    assert records[0].prompt == (Message("user", QUESTION),)
    assert reading.summary.completion_coverage == 0


def test_batch_ids_that_come_twice_join_no_prompt(tmp_path: Path) -> None:
    one = write(tmp_path / "one.jsonl", batch_input("a"), batch_input("b"))
    two = write(tmp_path / "two.jsonl", batch_input("a", messages=[]), batch_input("b"))
    outputs = write(
        tmp_path / "out.jsonl",
        batch_output("a", chat(ANSWER)),
        batch_output("b", chat(ANSWER), line_id="batch_req_2"),
        batch_output("b", chat(ANSWER), line_id="batch_req_3"),
    )
    records, reading = read(one, two, outputs)
    assert [bool(record.prompt) for record in records] == [False, True, False]
    assert reading.summary.ambiguous_outputs == 2
    assert reading.summary.bad == {BadReason.DUPLICATE_ID: 2}


SPEND = {
    "request_id": "chatcmpl-9",
    "call_type": "acompletion",
    "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
    "spend": 0.0003,
    "total_tokens": 17,
    "prompt_tokens": 9,
    "completion_tokens": 8,
    "startTime": "2025-03-01T10:30:00.123+01:00",
    "endTime": "2025-03-01T10:30:02+01:00",
    "model": "azure/gpt-4o",
    "model_group": "drafts",
    "custom_llm_provider": "azure",
    "user": "u-17",
    "team_id": "team-4",
    "end_user": "",
    "metadata": {"status": "success", "user_api_key_alias": "drafts-key"},
    "request_tags": ["purpose:drafting", "market=de", "plain"],
    "messages": {},
    "response": {},
    "session_id": "s-1",
    "status": "success",
    "proxy_server_request": {},
}


def test_litellm_row_without_content_is_still_a_call(tmp_path: Path) -> None:
    records, reading = read(write(tmp_path / "log.jsonl", SPEND))
    assert records == [
        CallRecord(
            "chatcmpl-9",
            "litellm",
            str(tmp_path / "log.jsonl"),
            1,
            timestamp="2025-03-01T09:30:00.123000Z",
            provider="azure",
            model_requested="drafts",
            model_served="azure/gpt-4o",
            operation="chat",
            project="team-4",
            purpose="drafting",
            market="de",
            caller="u-17",
            status="ok",
            prompt_tokens=9,
            completion_tokens=8,
            key=SPEND["api_key"],
        )
    ]
    assert (reading.summary.prompt_coverage, reading.summary.completion_coverage) == (0, 0)


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_litellm_rows_in_each_container(tmp_path: Path, suffix: str) -> None:
    body = {"model": "drafts", "messages": ASK, "temperature": 1, "n": 1}
    row = SPEND | {"response": chat(ANSWER), "proxy_server_request": body}
    texts = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()}
    path = tmp_path / f"log.{suffix}"
    if suffix == "jsonl":
        write(path, row, row)
    elif suffix == "json":
        path.write_text(json.dumps([row, row], indent=2))
    elif suffix == "csv":
        lines = [",".join('"' + str(v).replace('"', '""') + '"' for v in texts.values())] * 2
        path.write_text("\r\n".join([",".join(texts), *lines, ""]), newline="")
    else:
        pq.write_table(pa.Table.from_pylist([texts, texts]), path)
    records, reading = read(path)
    assert [(r.prompt, r.completions, r.temperature, r.market) for r in records] == [
        ((Message("user", QUESTION),), (ANSWER,), 1.0, "de")
    ]
    assert reading.summary.lines == {"record": 1, "bad": 1}
    assert reading.summary.duplicates == 1


PAYLOAD = {
    "id": "chatcmpl-10",
    "trace_id": "t-1",
    "call_type": "acompletion",
    "response_cost": 0.0003,
    "status": "failure",
    "startTime": 1740821400.25,
    "model": "gpt-4o",
    "model_group": "drafts",
    "metadata": {"user_api_key_hash": "88dc", "spend_logs_metadata": {"purpose": "drafting"}},
    "messages": [{"role": "user", "content": "redacted-by-litellm"}],
    "response": {"text": "redacted-by-litellm"},
    "model_parameters": {"temperature": 0.2, "n": 3},
    "error_information": {"error_code": "429", "error_message": QUESTION},
}


def test_litellm_payload_with_an_error_and_redacted_texts(tmp_path: Path) -> None:
    record = one(tmp_path, {"standard_logging_object": PAYLOAD})
    assert (record.call_id, record.status, record.error) == ("chatcmpl-10", "error", "429")
    assert (record.prompt, record.completions, record.caller) == ((), (), "88dc")
    assert (record.temperature, record.n, record.purpose) == (0.2, 3, "drafting")
    assert record.timestamp == "2025-03-01T09:30:00.250000Z"


OBSERVATION = {
    "id": "obs-1",
    "trace_id": "t-1",
    "project_id": "p-1",
    "type": "GENERATION",
    "start_time": "2025-03-01 09:30:00.123456",
    "name": "draft",
    "metadata": {"purpose": "drafting"},
    "level": "DEFAULT",
    "input": json.dumps(ASK),
    "output": ANSWER,
    "provided_model_name": "gpt-4o",
    "model_parameters": '{"temperature": 0.7}',
    "usage_details": {"input": 9, "output": 8, "total": 17},
    "user_id": "u-17",
    "tags": ["task:71"],
}


def test_langfuse_generation(tmp_path: Path) -> None:
    assert one(tmp_path, OBSERVATION) == CallRecord(
        "obs-1",
        "langfuse",
        str(tmp_path / "log.jsonl"),
        1,
        timestamp="2025-03-01T09:30:00.123456Z",
        model_requested="gpt-4o",
        project="p-1",
        purpose="drafting",
        task="71",
        caller="u-17",
        status="ok",
        prompt_tokens=9,
        completion_tokens=8,
        temperature=0.7,
        prompt=(Message("user", QUESTION),),
        completions=(ANSWER,),
    )


@pytest.mark.parametrize(
    ("given", "output", "prompt", "completions"),
    [
        (QUESTION, {"role": "assistant", "content": ANSWER}, QUESTION, (ANSWER,)),
        ({"messages": ASK}, chat(ANSWER, "Four."), QUESTION, (ANSWER, "Four.")),
        (
            QUESTION,
            {"sum": "vier — 4", "sure": True},
            QUESTION,
            ('{"sum": "vier — 4", "sure": true}',),
        ),
        (QUESTION, {"role": "assistant", "tool_calls": [{"id": "c"}]}, QUESTION, ()),
        (QUESTION, {"error": {"message": "overloaded"}}, QUESTION, ()),
        (QUESTION, {"type": "tool_use", "name": "boil"}, QUESTION, ()),
        (QUESTION, {"type": "sum", "of": [2, 2]}, QUESTION, ('{"type": "sum", "of": [2, 2]}',)),
        ({"prompt": QUESTION}, [{"role": "assistant", "content": ANSWER}], QUESTION, (ANSWER,)),
        ("", "", None, ()),
        (QUESTION, {"tool_calls": [{"function": {"name": "boil"}}]}, QUESTION, ()),
    ],
)
def test_langfuse_inputs_and_outputs_in_camel_case(
    tmp_path: Path, given: Any, output: Any, prompt: str | None, completions: tuple[str, ...]
) -> None:
    row = {
        "id": "obs-1",
        "traceId": "t-1",
        "type": "GENERATION",
        "startTime": "2025-03-01T09:30:00.123Z",
        "model": "gpt-4o",
        "usage": {"input": 9, "output": 8, "unit": "TOKENS"},
        "input": given,
        "output": output,
    }
    record = one(tmp_path, {"data": [row], "meta": {"page": 1}})
    assert [message.text for message in record.prompt] == ([prompt] if prompt else [])
    assert (record.completions, record.prompt_tokens) == (completions, 9)


def test_langfuse_observations_that_are_no_calls_are_counted(tmp_path: Path) -> None:
    kinds = ("SPAN", "EMBEDDING", "SPAN", "GENERATION", "NOVELTY")
    rows = [OBSERVATION | {"type": kind, "id": f"obs-{i}"} for i, kind in enumerate(kinds)]
    records, reading = read(write(tmp_path / "log.jsonl", *rows))
    assert len(records) == 1
    assert reading.summary.not_calls == {"langfuse_span": 2, "langfuse_embedding": 1}
    assert reading.summary.bad == {BadReason.UNKNOWN_SHAPE: 1}


@pytest.mark.parametrize(
    "entry",
    [
        {"request": {"model": "gpt-4o", "messages": ASK}, "response": chat(ANSWER)},
        {
            "request": {
                "url": "https://x/v1/chat/completions",
                "body": json.dumps({"messages": ASK}),
            },
            "response": {"status_code": 200, "body": json.dumps(chat(ANSWER))},
        },
        {
            "id": "chatcmpl-1",
            "time": 1740821400000,
            "request": {
                "messages": [{"role": "user", "content": [{"type": "text", "text": QUESTION}]}]
            },
            "response": {
                "type": "message",
                "content": [
                    {"type": "thinking", "thinking": "hm"},
                    {"type": "text", "text": ANSWER},
                ],
                "usage": {"input_tokens": 9, "output_tokens": 8},
            },
        },
    ],
)
def test_pairs(tmp_path: Path, entry: dict[str, Any]) -> None:
    record = one(tmp_path, entry)
    assert (record.call_id, record.prompt) == ("chatcmpl-1", (Message("user", QUESTION),))
    assert (record.completions, record.operation) == ((ANSWER,), "chat")
    assert (record.prompt_tokens, record.timestamp) == (9, "2025-03-01T09:30:00.000000Z")


def test_pair_without_an_id_is_named_by_its_line(tmp_path: Path) -> None:
    entry = {"request": {"messages": ASK}, "response": ANSWER, "metadata": {"purpose": "drafting"}}
    records, _ = read(write(tmp_path / "log.jsonl", entry, entry))
    assert [record.call_id for record in records] == [f"{tmp_path}/log.jsonl:{n}" for n in (1, 2)]
    assert records[0].purpose == "drafting"


def test_files_of_several_formats_share_their_ids(tmp_path: Path) -> None:
    spend = write(tmp_path / "spend.jsonl", SPEND)
    answered = {"request": {"messages": ASK}, "response": chat(ANSWER, call_id="chatcmpl-9")}
    records, reading = read(spend, write(tmp_path / "pairs.jsonl", answered))
    assert [record.log_format for record in records] == ["litellm"]
    assert reading.summary.bad == {BadReason.ID_TAKEN: 1}
    assert list(reading.summary.formats.values()) == ["litellm", "pairs"]
