"""Langfuse: exported observations, of which those of type GENERATION are calls.

Source: the field reference of the blob-storage export (enriched ``observations_v2/`` and legacy
``observations/``; names with underscores) and the public API and table export (names in camel
case). JSON lines, JSON, CSV or Parquet. ``input`` and ``output`` are free: plain text, messages, or
a request or response body, often as JSON text.

Gaps: the provider and the model that answered are not logged. Legacy rows have no user and no tags.
An export with the group ``io`` switched off has no texts. An observation that was updated between
two exports is in both; the first one is kept. Calls that were logged as SPAN are not seen.
"""

import json
from collections.abc import Iterator
from typing import Any, TypeGuard

from scrubtrace.calls.bodies import (
    REASONING,
    Reply,
    completed,
    content_of,
    messages_of,
    operation,
    prompt_of,
    reply_of,
)
from scrubtrace.calls.formats.base import LogFormat, NotACall, Outcome, Place, replied
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.shapes import are_messages, are_parts, contained, is_body
from scrubtrace.calls.values import Object, as_object, count, first_name, number, text, timestamp
from scrubtrace.schemas.calls import BadReason, CallRecord, Message

TYPES = (
    "AGENT",
    "CHAIN",
    "EMBEDDING",
    "EVALUATOR",
    "EVENT",
    "GENERATION",
    "GUARDRAIL",
    "RETRIEVER",
    "SPAN",
    "TOOL",
)
"""Types of observations; another one is an unknown shape."""

BODY_KEYS = ("choices", "output", "output_text", "content")
"""Keys that make an output a response body or a message."""

MESSAGE_KEYS = ("role", "tool_calls", "function_call", "error")
PARTS = (*REASONING, "audio", "file", "function_call", "image", "image_url", "tool_use")
"""Keys of a message, and types of a part, without text; another object is itself the answer."""


class Langfuse(LogFormat):
    """One GENERATION row is one call."""

    name = "langfuse"
    title = "Langfuse observations"

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        keys = set(entry)
        traced = bool({"trace_id", "traceId"} & keys) and "type" in keys and "id" in keys
        return traced and bool({"start_time", "startTime"} & keys) and "attributes" not in keys

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        kind = first_name(entry.get("type")) or ""
        call_id = first_name(entry.get("id"))
        if kind.upper() not in TYPES:
            yield BadReason.UNKNOWN_SHAPE
        elif kind.upper() != "GENERATION":
            yield NotACall(f"langfuse_{kind.lower()}")
        else:
            yield self._record(call_id, entry, place) if call_id else BadReason.NO_ID

    def _record(self, call_id: str, entry: Object, place: Place) -> CallRecord:
        parameters = as_object(entry.get("model_parameters") or entry.get("modelParameters"))
        request = contained(entry.get("input"), are_messages, _is_request)
        reply = _reply(contained(entry.get("output"), are_messages, are_parts, is_body))
        metadata = as_object(entry.get("metadata"))
        labels = labels_of(metadata, metadata.get("attributes"), tags=entry.get("tags"))
        labels["project"] = first_name(
            labels["project"], entry.get("project_id"), entry.get("projectId")
        )
        failed = str(entry.get("level")).upper() == "ERROR"
        models = (entry.get("provided_model_name"), entry.get("model"))
        return CallRecord(
            call_id,
            self.name,
            place.file,
            place.line,
            timestamp=timestamp(entry.get("start_time") or entry.get("startTime")),
            model_requested=first_name(*models, entry.get("providedModelName")),
            operation=operation(as_object(request).get("operation")) or reply.operation,
            caller=first_name(entry.get("user_id"), entry.get("userId")),
            temperature=number(parameters.get("temperature")),
            n=count(parameters.get("n")),
            prompt=_prompt(request),
            **labels,
            **(replied(reply, "ERROR" if failed else None) | _tokens(entry, reply)),
        )


def _tokens(entry: Object, reply: Reply) -> dict[str, int | None]:
    usage = as_object(entry.get("usage_details") or entry.get("usageDetails"))
    older = as_object(entry.get("usage"))
    sides = (
        ("prompt", "input", reply.prompt_tokens),
        ("completion", "output", reply.completion_tokens),
    )
    return {
        f"{side}_tokens": count(
            usage.get(word),
            older.get(word),
            older.get(f"{side}Tokens"),
            entry.get(f"{side}Tokens"),
            entry.get(f"{word}Usage"),
            inner,
        )
        for side, word, inner in sides
    }


def _prompt(request: object) -> tuple[Message, ...]:
    if _is_request(request):
        return prompt_of(request)
    return messages_of(request)


def _is_request(value: Any) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict) and bool({"messages", "prompt", "input"} & set(value))


def _reply(output: object) -> Reply:
    """An output that is a body, a message, a list of messages, or any other value."""
    if isinstance(output, list):
        return Reply(*completed(said.text for said in messages_of(output, "assistant")))
    if isinstance(output, dict) and output and not set(BODY_KEYS) & set(output):
        said, has_other = content_of(output)
        is_message = bool(set(MESSAGE_KEYS) & set(output)) or output.get("type") in PARTS
        if has_other and not is_message:
            said = text(json.dumps(output, ensure_ascii=False))
        return Reply(*completed([said]))
    return reply_of(output)
