"""Attributes and message texts of OpenTelemetry spans, in each generation of the conventions."""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.bodies import completed, content_of, messages_of
from scrubtrace.calls.shapes import are_messages, are_parts, contained
from scrubtrace.calls.values import Object, UnknownShape, as_object, first_name
from scrubtrace.schemas.calls import Message

MESSAGE_EVENT = re.compile(r"gen_ai\.(system|user|assistant|tool)\.message")
INDEXED = re.compile(r"gen_ai\.(prompt|completion)\.(\d{1,6})\.(role|content)")
UNION = ("stringValue", "intValue", "doubleValue", "boolValue")
DEEPEST = 64
"""Levels of lists and maps in one OTLP value."""


def attributes_of(owner: object) -> dict[str, Any]:
    """Attributes of a span, event or resource as a plain object, from a list of key and value too.

    A span that is flat, with ``gen_ai.*`` beside its name, is its own attributes.
    """
    if not isinstance(owner, dict):
        return {}
    found = owner.get("attributes")
    if isinstance(found, list):
        if not all(isinstance(item, dict) for item in found):
            raise UnknownShape
        return {str(item.get("key")): plain(item.get("value")) for item in found}
    flat = {key: value for key, value in owner.items() if key.startswith("gen_ai.")}
    return {**(found if isinstance(found, dict) else {}), **flat}


def plain(value: Any, depth: int = 0) -> Any:
    """Value of an OTLP union such as {"stringValue": "..."}."""
    if depth > DEEPEST:
        raise UnknownShape
    if not isinstance(value, dict):
        return value
    for key in UNION:
        if key in value:
            return value[key]
    if "arrayValue" in value:
        return [plain(item, depth + 1) for item in _values(value["arrayValue"])]
    if "kvlistValue" in value:
        pairs = _values(value["kvlistValue"])
        return {
            str(as_object(p).get("key")): plain(as_object(p).get("value"), depth + 1) for p in pairs
        }
    return dict(value) or None


def _values(value: object) -> list[Any]:
    found = as_object(value).get("values") or []
    if not isinstance(found, list):
        raise UnknownShape
    return found


def prompt_of_span(span: Object, attributes: Object) -> tuple[Message, ...]:
    """Messages of the prompt, from the first generation of names that the span has."""
    everything = _with_events(span, attributes)
    system = messages_of(_wrapped(everything.get("gen_ai.system_instructions")), "system")
    if found := messages_of(everything.get("gen_ai.input.messages")):
        return system + found
    if found := messages_of(everything.get("gen_ai.prompt")):
        return system + found
    if indexed := _indexed(attributes, "prompt"):
        return system + tuple(messages_of(indexed))
    return system + tuple(
        Message(first_name(said.get("role")) or role, *content_of(said.get("content")))
        for role, said in _message_events(span)
    )


def completions_of(span: Object, attributes: Object) -> tuple[tuple[str, ...], int]:
    """Texts of the completions and how many are empty, from the same generations."""
    everything = _with_events(span, attributes)
    for key in ("gen_ai.output.messages", "gen_ai.completion"):
        if found := messages_of(everything.get(key), "assistant"):
            return completed(message.text for message in found)
    if indexed := _indexed(attributes, "completion"):
        return completed(message.text for message in messages_of(indexed, "assistant"))
    return completed(_chosen(said) for said in _choice_events(span))


def _wrapped(instructions: object) -> Any:
    """System instructions are parts of one message, without the message around them."""
    parts = contained(instructions, are_parts, are_messages)
    return [{"role": "system", "parts": parts}] if isinstance(parts, list) and parts else parts


def _with_events(span: Object, attributes: Object) -> dict[str, Any]:
    """Attributes of the span and, where it lacks them, those of its events."""
    merged: dict[str, Any] = {}
    for event in _events(span):
        merged |= attributes_of(event)
    return merged | dict(attributes)


def _events(span: Object) -> list[Object]:
    events = span.get("events") or []
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise UnknownShape
    return events


def _indexed(attributes: Object, side: str) -> list[dict[str, Any]]:
    found: defaultdict[int, dict[str, Any]] = defaultdict(dict)
    for key, value in attributes.items():
        match = INDEXED.fullmatch(key)
        if match and match[1] == side:
            is_content = match[3] == "content"
            found[int(match[2])][match[3]] = contained(value, are_parts) if is_content else value
    return [{"content": None, **found[index]} for index in sorted(found)]


def _message_events(span: Object) -> Iterator[tuple[str, Object]]:
    for event in _events(span):
        if match := MESSAGE_EVENT.fullmatch(str(event.get("name"))):
            yield match[1], _said(event)


def _choice_events(span: Object) -> Iterator[Object]:
    for event in _events(span):
        if event.get("name") == "gen_ai.choice":
            yield _said(event)


def _chosen(said: Object) -> str:
    """Text of a choice, whose message is an object, JSON text of one, or the text itself."""
    message = contained(said.get("message"), are_messages)
    if isinstance(message, str):
        return content_of(message)[0]
    return content_of((as_object(message) or said).get("content"))[0]


def _said(event: Object) -> Object:
    """What a message event says: its body, its one attribute with JSON text, or its attributes."""
    attributes = attributes_of(event)
    return (
        as_object(event.get("body"))
        or as_object(attributes.get("gen_ai.event.content"))
        or attributes
    )
