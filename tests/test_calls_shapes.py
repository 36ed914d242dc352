"""Answers that are JSON themselves stay whole; what a log wrote as JSON is taken apart."""

import json
from pathlib import Path
from typing import Any

import pytest
from call_logs import ANSWER, ASK, QUESTION, chat, one

from scrubtrace.calls.bodies import reply_of
from scrubtrace.calls.shapes import are_messages, are_parts, contained, is_body
from scrubtrace.schemas.calls import Message

JUDGED = [
    '{"label": "toxic", "why": "a slur"}',
    '["kettle", "boiler"]',
    '[{"type": "PERSON", "text": "Ida"}]',
    '{"role": "plumber", "content": "wages"}',
    '{"title": "Kettles", "content": "They boil."}',
    '{"question": "How hot?", "choices": ["90", "100"]}',
    '{"output": "steam"}',
    '{"object": "kettle", "count": 2}',
    "[1, 2, 3]",
]
"""Answers in JSON mode, labels, entities, and answers that look nearly like containers."""

ITEMS = [
    {"type": "reasoning", "content": [{"type": "reasoning_text", "text": "A litre, 2 kW."}]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": ANSWER}]},
]


def span(**attributes: Any) -> dict[str, Any]:
    dotted = {f"gen_ai.{key.replace('__', '.')}": value for key, value in attributes.items()}
    return {"traceId": "t", "spanId": "s", "name": "chat", "attributes": dotted}


def observation(output: Any, given: Any = QUESTION) -> dict[str, Any]:
    about = {"id": "o", "trace_id": "t", "type": "GENERATION", "start_time": "2025-03-01"}
    return about | {"input": given, "output": output}


def logged(answer: str) -> list[dict[str, Any]]:
    """The answer as each log writes a plain text."""
    event = {"name": "gen_ai.choice", "attributes": {"message": answer}}
    return [
        span(completion__0__role="assistant", completion__0__content=answer),
        span(completion=answer),
        span(system="x") | {"events": [event]},
        observation(answer),
        {"request": {"messages": ASK}, "response": answer},
        {"request_id": "r", "spend": 0, "call_type": "completion", "response": answer},
    ]


@pytest.mark.parametrize("answer", JUDGED)
def test_an_answer_that_is_json_stays_as_it_was_written(tmp_path: Path, answer: str) -> None:
    for entry in logged(answer):
        record = one(tmp_path, entry)
        assert (record.completions, record.empty_completions) == ((answer,), 0), entry


@pytest.mark.parametrize("question", JUDGED)
def test_a_question_that_is_json_stays_as_it_was_written(tmp_path: Path, question: str) -> None:
    for entry in (
        span(prompt__0__role="user", prompt__0__content=question),
        span(prompt=question),
        observation(ANSWER, question),
        {"request": {"messages": question}, "response": ANSWER},
    ):
        assert one(tmp_path, entry).prompt == (Message("user", question),), entry


@pytest.mark.parametrize(
    "written",
    [
        [{"type": "text", "text": ANSWER}],
        [{"type": "reasoning", "content": "Hm."}, {"type": "text", "content": ANSWER}],
        [{"text": ANSWER}],
        {"type": "output_text", "text": ANSWER},
    ],
)
def test_parts_that_a_log_wrote_as_json(tmp_path: Path, written: Any) -> None:
    text = json.dumps(written)
    entry = span(completion__0__role="assistant", completion__0__content=text)
    assert one(tmp_path, entry).completions == (ANSWER,)


@pytest.mark.parametrize(
    "written",
    [
        {"role": "assistant", "content": ANSWER},
        {"content": ANSWER},
        [{"role": "assistant", "parts": [{"type": "text", "content": ANSWER}]}],
        [{"role": "assistant", "content": ANSWER, "x_vendor": 1}],
        {"messages": [{"role": "assistant", "content": ANSWER}]},
    ],
)
def test_messages_that_a_log_wrote_as_json(tmp_path: Path, written: Any) -> None:
    assert one(tmp_path, span(completion=json.dumps(written))).completions == (ANSWER,)


@pytest.mark.parametrize(
    "body",
    [chat(ANSWER), {"object": "response", "output": ITEMS}, {"type": "message", "content": ANSWER}],
)
def test_bodies_that_a_log_wrote_as_json(tmp_path: Path, body: Any) -> None:
    for entry in (
        observation(json.dumps(body)),
        {"request": {"messages": ASK}, "response": json.dumps(body)},
    ):
        assert one(tmp_path, entry).completions == (ANSWER,)


@pytest.mark.parametrize(
    "said",
    [
        {"tool_calls": [{"function": {"name": "boil"}}]},
        {"role": "assistant", "content": None},
        [{"type": "function_call", "name": "boil", "arguments": "{}"}],
    ],
)
def test_calls_of_tools_are_empty_answers(tmp_path: Path, said: Any) -> None:
    record = one(tmp_path, observation(json.dumps(said)))
    assert (record.completions, record.empty_completions) == ((), 1)


@pytest.mark.parametrize("empty", ["[]", "{}", "", None])
def test_an_empty_list_or_object_is_no_answer(tmp_path: Path, empty: str | None) -> None:
    assert one(tmp_path, observation(empty)).completions == ()


def item(kind: str, text: str, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "content": [{"type": "output_text", "text": text}], **fields}


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        (ITEMS, ANSWER),
        ([item("reasoning", "Hm.", role="assistant"), item("message", ANSWER)], ANSWER),
        ([item("reasoning", "Hm."), item("file_search_call", "found")], ""),
        ([item("message", ANSWER, role="assistant"), item("agent_message", "Two.", role="a")],
         f"{ANSWER}\nTwo."),
        ([{"role": "assistant", "content": ANSWER}, {"content": "Two."}], f"{ANSWER}\nTwo."),
        ([{"type": "message", "content": [{"type": "summary_text", "text": "Hm."}]}], ""),
    ],
)  # fmt: skip
def test_only_what_is_said_to_the_caller_is_an_answer(items: Any, answer: str) -> None:
    reply = reply_of({"object": "response", "output": items})
    assert reply.completions == ((answer,) if answer else ())
    assert reply.empty == (not answer)


def test_text_without_json_and_other_types_are_left_alone() -> None:
    shapes = (are_messages, are_parts, is_body)
    for value in ("[not json", "plain", 7, None, ["a"], {"label": "b"}):
        assert contained(value, *shapes) is value
