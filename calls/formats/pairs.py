"""Request and response pairs: {"request": {...}, "response": {...}} on each line.

Source: no standard; it is what proxies of one's own make write. The bodies are those of the OpenAI
and Anthropic APIs, bare, under ``body``, or as JSON text. Next to them may stand an id (``id``,
``call_id``, ``request_id``), a time, a user and metadata. That id names the call; the one in the
response does only without it, since a cache gives one response to many calls.

Gaps: whatever the proxy left out. A pair without any id gets ``file:line`` as its id, so that it is
not seen as a duplicate in another file. A response logged as a list of stream chunks, or as the
text of an event stream, is an unknown shape: log the joined response. A time without zone or offset
is taken for UTC and marked, because no standard says that it is.
"""

from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.bodies import operation, prompt_of, reply_of
from scrubtrace.calls.formats.base import LogFormat, Outcome, Place, replied
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.shapes import contained, is_body
from scrubtrace.calls.values import (
    Object,
    UnknownShape,
    count,
    decoded,
    first_name,
    lacks_zone,
    number,
    timestamp,
)
from scrubtrace.schemas.calls import CallRecord

IDS = ("call_id", "request_id", "id", "uuid")
TIMES = ("timestamp", "created_at", "created", "time", "ts", "start_time")
KEYS = ("api_key_hash", "key_id", "api_key_id")
CALLERS = ("user", "user_id", "caller", "labeler", "account", "api_key_hash")

FIELDS = ("data:", "event:", "id:", "retry:", ":")
"""What the lines of an event stream begin with."""


class Pairs(LogFormat):
    """One line is one call."""

    name = "pairs"
    title = 'request/response pairs: {"request": {...}, "response": {...}}'

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        return {"request", "response"} <= set(entry)

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        request = decoded(entry.get("request"))
        response = contained(entry.get("response"), is_body, _is_response)
        if not isinstance(request, dict) or not isinstance(response, dict | str | None):
            raise UnknownShape
        if isinstance(response, str) and _is_event_stream(response):
            raise UnknownShape
        body = _body(request)
        code = _code(entry, response)
        reply = reply_of(_body(response) if isinstance(response, dict) else response)
        error = str(code) if code is not None and code >= 400 else None
        time = _time(entry)
        call_id = first_name(*(entry.get(key) for key in IDS), reply.call_id)
        yield CallRecord(
            call_id or f"{place.file}:{place.line}",
            self.name,
            place.file,
            place.line,
            timestamp=timestamp(time) or timestamp(reply.created),
            zone_assumed=lacks_zone(time),
            provider=first_name(entry.get("provider")),
            model_requested=first_name(body.get("model"), entry.get("model")),
            operation=operation(request.get("url"), entry.get("url"), entry.get("operation"))
            or reply.operation,
            caller=first_name(*(entry.get(key) for key in CALLERS), body.get("user")),
            key=first_name(*(entry.get(key) for key in KEYS)),
            temperature=number(body.get("temperature")),
            n=count(body.get("n")),
            prompt=prompt_of(body),
            **labels_of(entry.get("metadata"), body.get("metadata"), entry, tags=entry.get("tags")),
            **replied(reply, reply.error or error, done=code is not None),
        )


def _is_response(value: Any) -> bool:
    return isinstance(value, dict) and {"status_code", "body"} <= set(value)


def _is_event_stream(response: str) -> bool:
    """Whether a text is what a server sends piece by piece: lines of fields, JSON in their data."""
    if not response.lstrip().startswith(FIELDS):
        return False
    lines = [line for line in response.splitlines() if line.strip()]
    data = [line[5:].strip() for line in lines if line.startswith("data:")]
    pieces = any(piece == "[DONE]" or isinstance(decoded(piece), dict) for piece in data)
    return pieces and all(line.startswith(FIELDS) for line in lines)


def _body(side: Object) -> Object:
    body = decoded(side.get("body", side))
    if not isinstance(body, dict):
        raise UnknownShape
    return body


def _code(entry: Object, response: object) -> int | None:
    inner = response if isinstance(response, dict) else {}
    return count(inner.get("status_code"), entry.get("status_code"), entry.get("status"))


def _time(entry: Object) -> object:
    """The first time that can be read, as it is written."""
    return next((entry[key] for key in TIMES if timestamp(entry.get(key)) is not None), None)
