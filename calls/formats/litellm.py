"""LiteLLM proxy: rows of the table LiteLLM_SpendLogs, and StandardLoggingPayload objects.

Source: the proxy's database schema and its logging specification. Rows come as JSON lines, a JSON
array, CSV or Parquet; payloads (what a custom callback or a bucket logger writes) as JSON lines,
bare or under ``standard_logging_object``.

Gaps: spend logs hold no messages and no response unless the proxy runs with
``store_prompts_in_spend_logs``; both columns are ``{}`` then, which is seen in the coverage.
Payloads of a proxy with ``turn_off_message_logging`` hold a fixed text instead of messages, which
is left out. ``api_key`` is a digest; ``user`` is what the caller said.
"""

from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.bodies import messages_of, operation, prompt_of, reply_of
from scrubtrace.calls.formats.base import LogFormat, Outcome, Place, replied
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.shapes import are_parts, contained, is_body
from scrubtrace.calls.values import Object, as_object, count, decoded, first_name, number, timestamp
from scrubtrace.schemas.calls import BadReason, CallRecord, Message

REDACTED = ("redacted-by-litellm", "redacted-by-litellm-proxy")
"""What the proxy writes in place of a text that it must not log."""

FAILED = ("failure", "failed", "error")


class LiteLLM(LogFormat):
    """One row or payload is one call."""

    name = "litellm"
    title = "LiteLLM spend logs and StandardLoggingPayload"

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        keys = set(entry)
        spend = "request_id" in keys and bool({"spend", "call_type", "custom_llm_provider"} & keys)
        payload = "call_type" in keys and bool(
            {"trace_id", "response_cost", "model_parameters"} & keys
        )
        return spend or payload or "standard_logging_object" in keys

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        entry = as_object(entry.get("standard_logging_object")) or entry
        call_id = first_name(entry.get("request_id"), entry.get("id"), entry.get("call_id"))
        yield self._record(call_id, entry, place) if call_id else BadReason.NO_ID

    def _record(self, call_id: str, entry: Object, place: Place) -> CallRecord:
        metadata = as_object(entry.get("metadata"))
        request = as_object(entry.get("proxy_server_request"))
        request = as_object(request.get("body")) or request
        parameters = as_object(entry.get("model_parameters")) or request
        labels = labels_of(
            metadata.get("spend_logs_metadata"),
            metadata.get("requester_metadata"),
            request.get("metadata"),
            metadata,
            tags=entry.get("request_tags"),
        )
        team = first_name(metadata.get("user_api_key_team_alias"), entry.get("team_id"))
        labels["project"] = labels["project"] or team
        reply = reply_of(_shown(contained(entry.get("response"), is_body, are_parts)))
        done = first_name(entry.get("status")) == "success"
        fields = replied(reply, reply.error or _error(entry, metadata), done) | {
            "model_served": first_name(entry.get("model"), reply.model),
            "prompt_tokens": count(entry.get("prompt_tokens"), reply.prompt_tokens),
            "completion_tokens": count(entry.get("completion_tokens"), reply.completion_tokens),
        }
        return CallRecord(
            call_id,
            self.name,
            place.file,
            place.line,
            timestamp=timestamp(entry.get("startTime")),
            provider=first_name(entry.get("custom_llm_provider")),
            model_requested=first_name(entry.get("model_group"), entry.get("model")),
            operation=operation(entry.get("call_type")) or reply.operation,
            caller=_caller(entry, metadata),
            key=first_name(entry.get("api_key"), metadata.get("user_api_key_hash")),
            temperature=number(parameters.get("temperature")),
            n=count(parameters.get("n")),
            prompt=_prompt(entry, request),
            **labels,
            **fields,
        )


def _prompt(entry: Object, request: Object) -> tuple[Message, ...]:
    found = messages_of(_shown(decoded(entry.get("messages"))))
    shown = tuple(message for message in found if message.text not in REDACTED)
    return shown or prompt_of(request)


def _shown(value: Any) -> Any:
    """The value without what the proxy writes in place of a text."""
    if isinstance(value, str) and value in REDACTED:
        return None
    if isinstance(value, dict) and value.get("text") in REDACTED:
        return None
    return value


def _error(entry: Object, metadata: Object) -> str | None:
    if str(first_name(entry.get("status"), metadata.get("status"))).lower() not in FAILED:
        return None
    error = as_object(entry.get("error_information") or metadata.get("error_information"))
    return first_name(error.get("error_code"), error.get("error_class")) or "failure"


def _caller(entry: Object, metadata: Object) -> str | None:
    return first_name(
        entry.get("user"),
        metadata.get("user_api_key_user_id"),
        entry.get("end_user"),
        entry.get("api_key"),
        metadata.get("user_api_key_hash"),
    )
