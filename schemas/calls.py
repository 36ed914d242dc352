"""Calls of language-model APIs as their logs tell them, whichever system wrote the log."""

from dataclasses import dataclass, field
from enum import StrEnum


class BadReason(StrEnum):
    """Why a line of a call log became no record."""

    NOT_JSON = "not_json"
    NOT_CSV = "not_csv"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    TOO_LONG = "too_long"
    TOO_DEEP = "too_deep"
    INVALID_ENCODING = "invalid_encoding"
    NOT_AN_OBJECT = "not_an_object"
    UNKNOWN_SHAPE = "unknown_shape"
    NO_ID = "no_id"
    DUPLICATE_ID = "duplicate_id"
    ID_TAKEN = "id_taken"


@dataclass(frozen=True, slots=True)
class BadLine:
    """One line or row that became no record: where it is and why, never what it says.

    ``line`` counts from 1: lines of JSON lines, else elements of the array or rows of the table.
    """

    file: str
    line: int
    reason: BadReason


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a prompt. ``has_other``: it also held images, audio or tool calls."""

    role: str
    text: str = field(repr=False)
    has_other: bool = False


@dataclass(frozen=True, slots=True)
class CallRecord:
    """One call. A field that the log does not hold is None (texts: empty).

    ``timestamp`` is ISO 8601 in UTC with microseconds (``2025-03-01T09:30:00.000000Z``), so that it
    sorts as text. ``zone_assumed``: the log says neither zone nor offset, and its format sets none,
    so that the time is only taken for UTC. ``status`` is ``ok`` or ``error``, ``error`` the log's
    code (never its message). ``operation`` is ``chat``, ``text_completion``, ``responses``,
    ``embeddings`` or the log's word. ``caller`` is what the log has: a user name, an account or a
    digest of an API key. ``key`` is the name or digest of the key, where the log has it beside the
    caller. ``trace``: the trace that the call is a part of, if the log may tell of one call several
    times in it. The labels ``project``, ``purpose``, ``market`` and ``task`` come from the
    call's metadata.
    ``completions`` leaves empty ones out; ``empty_completions`` counts them. Texts are left out of
    ``repr``.
    """

    call_id: str
    log_format: str
    source_file: str
    source_line: int
    timestamp: str | None = None
    provider: str | None = None
    model_requested: str | None = None
    model_served: str | None = None
    operation: str | None = None
    project: str | None = None
    purpose: str | None = None
    market: str | None = None
    task: str | None = None
    caller: str | None = None
    status: str | None = None
    error: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    temperature: float | None = None
    n: int | None = None
    prompt: tuple[Message, ...] = field(default=(), repr=False)
    completions: tuple[str, ...] = field(default=(), repr=False)
    empty_completions: int = 0
    zone_assumed: bool = False
    key: str | None = None
    trace: str | None = None
