"""Request and response bodies of chat, completion and responses APIs: their texts and counts.

The shapes are OpenAI's (``/v1/chat/completions``, ``/v1/completions``, ``/v1/responses``), which
most gateways and servers share, and Anthropic's messages. Reasoning, tool calls, images and audio
are no text here; a message that has them is marked. Functions raise UnknownShape where a list,
object or text has another type than these APIs give it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from scrubtrace.calls.shapes import are_messages, contained, is_body
from scrubtrace.calls.values import Object, UnknownShape, as_object, count, decoded, name, text
from scrubtrace.schemas.calls import Message

REASONING = ("reasoning", "reasoning_text", "summary_text", "thinking", "redacted_thinking")
"""Types of parts that hold what the model said to itself."""

OPERATIONS = {
    "chat": "chat",
    "chat.completion": "chat",
    "chat.completions": "chat",
    "chat_completion": "chat",
    "completion": "chat",  # LiteLLM's call type of chat completions
    "message": "chat",
    "messages": "chat",
    "anthropic_messages": "chat",
    "generate_content": "chat",
    "text_completion": "text_completion",
    "completions": "text_completion",
    "response": "responses",
    "responses": "responses",
    "embedding": "embeddings",
    "embeddings": "embeddings",
    "image_generation": "image_generation",
    "moderation": "moderation",
    "moderations": "moderation",
    "transcription": "transcription",
    "speech": "speech",
    "rerank": "rerank",
}
TEXTLESS = ("embeddings", "image_generation", "moderation", "transcription", "speech", "rerank")
"""Operations that return no text of a model; coverage leaves them out."""


@dataclass(frozen=True)
class Reply:
    """What a response body says."""

    completions: tuple[str, ...] = ()
    empty: int = 0
    call_id: str | None = None
    model: str | None = None
    operation: str | None = None
    created: Any = None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


def operation(*words: object) -> str | None:
    """The operation that the first usable word or URL path names, in one vocabulary."""
    for word in words:
        if found := name(word):
            last = found.rstrip("/").split("?")[0].lower()
            if last.startswith("http") or "/" in last:
                last = "chat" if last.endswith("chat/completions") else last.rsplit("/", 1)[-1]
            plain = last.removeprefix("a")  # LiteLLM's names of asynchronous calls
            return OPERATIONS.get(last) or OPERATIONS.get(plain, last)
    return None


def prompt_of(body: Object) -> tuple[Message, ...]:
    """Messages of a request body in order, the system prompt first."""
    found = [
        Message("system", *content)
        for key in ("system", "instructions")
        if (content := content_of(body.get(key))) != ("", False)
    ]
    for key in ("messages", "input", "prompt"):
        if body.get(key):
            return (*found, *messages_of(body[key]))
    return tuple(found)


def messages_of(value: object, role: str = "user") -> tuple[Message, ...]:
    """Messages of a list of messages, one message, or a plain text, also written as JSON text."""
    value = contained(value, are_messages)
    if value is None or value == {} or value == "":
        return ()
    if isinstance(value, dict):
        inner = value.get("messages")
        return messages_of(inner, role) if inner else (_message(value, role),)
    if isinstance(value, str):
        return (Message(role, text(value)),)
    if not isinstance(value, list | tuple):
        raise UnknownShape
    if value and all(isinstance(token, int) for token in value):
        return (Message(role, "", has_other=True),)  # a prompt given as token numbers
    return tuple(_message(item, role) for item in value)


def _message(item: object, role: str) -> Message:
    if isinstance(item, str):
        return Message(role, text(item))
    if isinstance(item, list) and all(isinstance(token, int) for token in item):
        return Message(role, "", has_other=True)
    if not isinstance(item, dict):
        raise UnknownShape
    content = item.get("content", item.get("parts", item.get("text")))
    said, other = content_of(content)
    calls = bool(item.get("tool_calls") or item.get("function_call"))
    typed = "content" not in item and str(item.get("type") or "message") != "message"
    return Message(name(item.get("role")) or role, said, other or calls or typed)


def content_of(content: object) -> tuple[str, bool]:
    """Text of a message's content, parts joined by line feeds, and whether it holds other parts."""
    if content is None:
        return "", False
    if isinstance(content, str):
        return text(content), False
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list | tuple):
        raise UnknownShape
    parts = [_part(part) for part in content]
    said = [part for part in parts if part is not None]
    return "\n".join(said), len(said) < len(parts)


def _part(part: object) -> str | None:
    if isinstance(part, str):
        return text(part)
    if not isinstance(part, dict):
        raise UnknownShape
    if part.get("type") in REASONING:
        return None
    for key in ("text", "content", "refusal"):
        found = part.get(key)
        if isinstance(found, str):
            return text(found)
    return None


def reply_of(body: object) -> Reply:
    """Completions, ids and counts of a response body, also written as JSON text or plain text."""
    body = contained(body, is_body)
    if isinstance(body, str):
        return Reply(*completed([text(body)])) if body.strip() else Reply()
    if not body:
        return Reply()
    if not isinstance(body, dict):
        raise UnknownShape
    completions, empty = completed(_texts(body))
    usage = as_object(body.get("usage"))
    return Reply(
        completions,
        empty,
        name(body.get("id")),
        name(body.get("model")),
        operation(body.get("object") or body.get("type")),
        body.get("created") or body.get("created_at"),
        error_of(body.get("error")),
        count(usage.get("prompt_tokens"), usage.get("input_tokens")),
        count(usage.get("completion_tokens"), usage.get("output_tokens")),
    )


def completed(texts: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """Texts that say something, and how many are empty or only white space."""
    texts = list(texts)
    said = tuple(said for said in texts if said and not said.isspace())
    return said, len(texts) - len(said)


def _texts(body: Object) -> list[str]:
    if body.get("choices") is not None:
        return [_choice(choice) for choice in _list(body["choices"])]
    if body.get("output") is not None:
        items = [item for item in _list(body["output"]) if _is_answer(_object(item))]
        return ["\n".join(content_of(item.get("content"))[0] for item in items)]
    if isinstance(body.get("output_text"), str):
        return [text(body["output_text"])]
    if "content" in body:
        return [content_of(body["content"])[0]]
    return []


def _is_answer(item: Object) -> bool:
    """Whether an output item is said to the caller; others are reasoning, or calls of tools."""
    kind = item.get("type") or "message"
    if kind == "message":
        return bool(item.get("role")) or "content" in item
    return bool(item.get("role")) and kind not in REASONING


def _choice(choice: object) -> str:
    found = _object(choice)
    if found.get("message") is not None:
        message = _object(found["message"])
        said = content_of(message.get("content"))[0]
        return said or content_of(message.get("refusal"))[0]
    return content_of(found.get("text"))[0]


def _list(value: object) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise UnknownShape
    return list(value)


def _object(value: object) -> Object:
    if not isinstance(value, dict):
        raise UnknownShape
    return value


def error_of(error: object) -> str | None:
    """Code of an error, never its message; ``error`` where it has no code."""
    error = decoded(error)
    if not error:
        return None
    if not isinstance(error, dict):
        return "error"
    keys = ("code", "error_code", "type", "error_class")
    return next((found for key in keys if (found := name(error.get(key)))), "error")
