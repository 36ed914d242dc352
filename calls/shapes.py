"""What JSON within a text is to a log: messages, parts, a response body, or an answer in JSON.

Logs write lists and objects as JSON text. So do models: an answer in JSON mode, a list of labels,
a judgement. Only what has the shape that the log puts there is taken apart; an answer stays as the
model wrote it. An empty list or object is no answer.
"""

from collections.abc import Callable
from typing import Any

from scrubtrace.calls.values import decoded

ROLES = ("assistant", "user", "system", "developer", "tool", "function", "model", "human", "ai")
SAID = {"content", "parts", "tool_calls", "function_call"}
"""Keys of which a message has one."""

MESSAGE_KEYS = {
    *SAID,
    *("role", "type", "id", "name", "status", "text", "refusal", "index", "finish_reason"),
    *("tool_call_id", "annotations", "audio", "reasoning", "reasoning_content", "phase"),
    *("thinking_blocks", "provider_specific_fields"),
}
"""What a message has; an object with another key and without a role is an answer."""

PART_TYPES = (
    *("text", "input_text", "output_text", "refusal"),
    *("reasoning", "reasoning_text", "summary_text", "thinking", "redacted_thinking"),
    *("image", "image_url", "input_image", "audio", "input_audio", "video", "media"),
    *("file", "input_file", "document", "blob", "uri"),
    *("tool_use", "tool_result", "tool_call", "tool_call_response"),
    *("server_tool_use", "web_search_tool_result"),
)
BODY_OBJECTS = (
    *("chat.completion", "chat.completion.chunk", "text_completion", "response"),
    *("embedding", "list", "error"),
)
"""``object`` of a response body."""


def contained(value: object, *shapes: Callable[[Any], bool]) -> Any:
    """What a JSON text holds if that has one of the shapes or is empty; else the value as it is."""
    if not isinstance(value, str):
        return value
    found = decoded(value)
    return found if not found or any(has_shape(found) for has_shape in shapes) else value


def are_messages(value: Any) -> bool:
    """Whether it is one message, a list of messages, or an object that holds such a list."""
    if isinstance(value, dict):
        return _is_message(value) or _are_listed(value.get("messages"))
    return _are_listed(value)


def are_parts(value: Any) -> bool:
    """Whether it is one part of a message or a list of them."""
    return any(map(_is_part, value)) if _are_objects(value) else _is_part(value)


def is_body(value: Any) -> bool:
    """Whether it is a response body, also one without a text."""
    if not isinstance(value, dict):
        return False
    return (
        _hold(value.get("choices"), {"message", "text", "delta", "finish_reason"})
        or _hold(value.get("output"), {"type", "role"})
        or isinstance(value.get("output_text"), str)
        or isinstance(value.get("usage"), dict)
        or isinstance(value.get("error"), dict)
        or value.get("object") in BODY_OBJECTS
        or {"id", "model"} <= set(value)
        or _is_message(value)
    )


def _are_listed(value: Any) -> bool:
    return _are_objects(value) and any(_is_message(item) for item in value)


def _are_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _hold(items: Any, keys: set[str]) -> bool:
    """Whether it is a list of objects with one of the keys."""
    return bool(items) and _are_objects(items) and all(keys & set(item) for item in items)


def _is_message(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    if str(value.get("type")).endswith("_call"):
        return True
    only_known = set(value) <= MESSAGE_KEYS
    if "role" in value:
        return value["role"] in ROLES and (only_known or bool(SAID & set(value)))
    return only_known and bool(SAID & set(value))


def _is_part(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return value.get("type") in PART_TYPES if "type" in value else set(value) == {"text"}
