"""OpenTelemetry spans of generative-AI calls: OTLP/JSON lines, and spans written as flat JSON.

Source: the semantic conventions for generative AI in their three generations: messages as JSON text
in ``gen_ai.input.messages`` / ``gen_ai.output.messages`` (since 1.37); events named
``gen_ai.user.message`` and ``gen_ai.choice`` (1.28 to 1.36), ``gen_ai.content.prompt`` and
``.completion`` (1.27); attributes ``gen_ai.prompt`` and ``gen_ai.completion``, or one for each
message (``gen_ai.prompt.0.content``).
OTLP/JSON is what the collector's file exporter writes ({resourceSpans: [{scopeSpans: [{spans}]}]});
flat spans are what SDKs print.

Gaps: content is recorded only if the application asked for it. Spans of agents and tools are no
calls. Events that are exported as log records, apart from their spans, are counted but not joined.
Servers and clients may both record a span of one call; they share ``gen_ai.response.id``, by which
the second one of a trace is a duplicate.
"""

import re
from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.bodies import operation
from scrubtrace.calls.formats.base import LogFormat, NotACall, Outcome, Place
from scrubtrace.calls.formats.otel_content import attributes_of, completions_of, prompt_of_span
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.values import Object, UnknownShape, count, first_name, number, timestamp
from scrubtrace.schemas.calls import BadReason, CallRecord

OTHER_SIGNALS = {
    "resourceLogs": "otel_logs",
    "resourceMetrics": "otel_metrics",
    "resourceProfiles": "otel_profiles",
}
NOT_CALLS = ("execute_tool", "invoke_agent", "create_agent", "invoke_workflow", "retrieval")
"""Operations of the conventions that are not one request to a model."""


PREFIX = re.compile(r"^(gen_ai\.|metadata\.|traceloop\.association\.properties\.)+")
"""Stand before the names of labels in attributes."""


class OpenTelemetry(LogFormat):
    """One span with attributes of ``gen_ai`` is one call; an OTLP line may hold many."""

    name = "otel"
    title = "OpenTelemetry gen_ai spans (OTLP/JSON lines or flat spans)"

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        if {"resourceSpans", "resource_spans", *OTHER_SIGNALS} & set(entry):
            return True
        if any(key.startswith("gen_ai.") for key in entry):
            return True
        spanned = {"context", "spanId", "span_id", "traceId", "trace_id"} & set(entry)
        return "attributes" in entry and bool(spanned)

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        for key, kind in OTHER_SIGNALS.items():
            if key in entry:
                yield NotACall(kind)
                return
        if not {"resourceSpans", "resource_spans"} & set(entry):
            yield self._span(entry, attributes_of(entry.get("resource")), place)
            return
        found = False
        for resource, span in _spans(entry):
            found = True
            yield self._span(span, resource, place)
        if not found:
            yield NotACall("otel_no_spans")

    def _span(self, span: object, resource: Object, place: Place) -> Outcome:
        if not isinstance(span, dict):
            return BadReason.UNKNOWN_SHAPE
        try:
            attributes = attributes_of(span)
            if not any(key.startswith("gen_ai.") for key in attributes):
                return NotACall("otel_other_span")
            asked = first_name(attributes.get("gen_ai.operation.name"))
            if asked in NOT_CALLS:
                return NotACall(f"otel_{asked}")
            call_id = first_name(attributes.get("gen_ai.response.id")) or _span_id(span)
            if call_id is None:
                return BadReason.NO_ID
            return self._record(call_id, span, attributes, resource, place)
        except UnknownShape:
            return BadReason.UNKNOWN_SHAPE

    def _record(
        self, call_id: str, span: Object, attributes: Object, resource: Object, place: Place
    ) -> CallRecord:
        said = attributes.get
        completions, empty = completions_of(span, attributes)
        error = first_name(said("error.type")) or ("ERROR" if _failed(span) else None)
        own = {PREFIX.sub("", key): value for key, value in attributes.items()}
        return CallRecord(
            call_id,
            self.name,
            place.file,
            place.line,
            timestamp=_time(span),
            provider=first_name(said("gen_ai.provider.name"), said("gen_ai.system")),
            model_requested=first_name(said("gen_ai.request.model")),
            model_served=first_name(said("gen_ai.response.model")),
            operation=operation(said("gen_ai.operation.name"), said("llm.request.type")),
            caller=first_name(said("enduser.id"), said("user.id"), resource.get("service.name")),
            status="error" if error else "ok",
            error=error,
            prompt_tokens=count(
                said("gen_ai.usage.input_tokens"), said("gen_ai.usage.prompt_tokens")
            ),
            completion_tokens=count(
                said("gen_ai.usage.output_tokens"), said("gen_ai.usage.completion_tokens")
            ),
            temperature=number(said("gen_ai.request.temperature")),
            n=count(said("gen_ai.request.choice.count")),
            prompt=prompt_of_span(span, attributes),
            completions=completions,
            empty_completions=empty,
            trace=_trace(span) if said("gen_ai.response.id") else None,
            **labels_of(own, resource),
        )


def _spans(entry: Object) -> Iterator[tuple[Object, Any]]:
    for group in _each(entry, "resourceSpans", "resource_spans"):
        resource = attributes_of(group.get("resource"))
        keys = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
        for scope in _each(group, *keys):
            spans = scope.get("spans") or []
            if not isinstance(spans, list):
                raise UnknownShape
            yield from ((resource, span) for span in spans)


def _each(entry: Object, *keys: str) -> list[Any]:
    found: Any = next((entry[key] for key in keys if entry.get(key)), [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UnknownShape
    return found


def _span_id(span: Object) -> str | None:
    trace = _trace(span)
    own = first_name(span.get("spanId"), span.get("span_id"), _context(span).get("span_id"))
    return f"{trace}/{own}" if trace and own else None


def _trace(span: Object) -> str | None:
    inner = _context(span).get("trace_id")
    return first_name(span.get("traceId"), span.get("trace_id"), inner)


def _context(span: Object) -> Object:
    context = span.get("context")
    return context if isinstance(context, dict) else {}


def _time(span: Object) -> str | None:
    keys = ("startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "timestamp")
    return next((found for key in keys if (found := timestamp(span.get(key)))), None)


def _failed(span: Object) -> bool:
    status = span.get("status")
    inner = status if isinstance(status, dict) else {}
    code = inner.get("code", inner.get("status_code"))
    return str(code).upper() in ("2", "ERROR", "STATUS_CODE_ERROR")
