"""Azure API Management: the table ApiManagementGatewayLlmLog, with messages split over rows.

Source: the table reference of Azure Monitor and the article on logging of language-model APIs. Rows
of one call share ``CorrelationId``; ``SequenceNumber`` 0 has tokens and model, the next ones
``RequestMessages``, then ``ResponseMessages``. A message above 32 KB is split over several rows.
Exported as JSON, JSON lines, CSV (columns as in the table) or from a storage account (fields under
``properties``).

Gaps: messages are there only if the API logs them, at most 2 MB a side and cut at the size that was
set. The documents do not say whether a chunk is cut within the JSON or holds whole messages; both
are put together. No caller (it is in ApiManagementGatewayLogs) and no temperature. Where a row of a
call is missing, the rows after it are left out and counted.
"""

from collections.abc import Iterator
from typing import Any

from scrubtrace.calls.bodies import completed, messages_of, operation
from scrubtrace.calls.formats.base import LogFormat, Outcome, Part, Place
from scrubtrace.calls.spill import Spill
from scrubtrace.calls.summary import ReadSummary
from scrubtrace.calls.values import (
    Object,
    UnknownShape,
    as_object,
    count,
    decoded,
    first_name,
    timestamp,
)
from scrubtrace.schemas.calls import BadReason, CallRecord, Message

SIDES = ("requestmessages", "responsemessages")
KEPT = (
    *SIDES,
    "timegenerated",
    "time",
    "deploymentname",
    "modelname",
    "operationname",
    "region",
    "location",
    "prompttokens",
    "completiontokens",
)
MARKS = {"sequencenumber", "isstreamcompletion", *SIDES}


class AzureGateway(LogFormat):
    """Rows are kept on disk and put together when all files are read."""

    name = "azure-gateway"
    title = "Azure API Management ApiManagementGatewayLlmLog"
    joins_files = True

    def __init__(self) -> None:
        self._rows = Spill()

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        keys = set(lowered(entry))
        return "correlationid" in keys and bool(MARKS & keys)

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        row = lowered(entry)
        call_id = first_name(row.get("correlationid"))
        sequence = count(row.get("sequencenumber"))
        if call_id is None:
            yield BadReason.NO_ID
        elif sequence is None and row.get("sequencenumber") not in (None, ""):
            yield BadReason.UNKNOWN_SHAPE
        else:
            kept = {key: _storable(row[key]) for key in KEPT if row.get(key) not in (None, "")}
            new = self._rows.put(call_id, sequence or 0, kept, place.file, place.line)
            repeated = BadReason.DUPLICATE_ID if new is None else BadReason.ID_TAKEN
            yield Part() if new else repeated

    def finish(self, summary: ReadSummary) -> Iterator[CallRecord]:
        """What is left when all files are read."""
        for call_id, file, line, rows in self._rows.all():
            usable = _unbroken(rows)
            summary.rows_not_reassembled += len(rows) - len(usable)
            sides = [_joined(usable, side) for side in SIDES]
            for side, messages in zip(SIDES, sides, strict=True):
                if messages is None:
                    summary.rows_not_reassembled += sum(side in row for row in usable)
            prompt, answers = (messages or () for messages in sides)
            yield self._record(
                call_id, Place(file, line), [row for _, row in rows], prompt, answers
            )

    def _record(
        self,
        call_id: str,
        place: Place,
        rows: list[Object],
        prompt: tuple[Message, ...],
        answers: tuple[Message, ...],
    ) -> CallRecord:
        def said(key: str) -> Any:
            return next((row[key] for row in rows if key in row), None)

        completions, empty = completed(message.text for message in answers)
        return CallRecord(
            call_id,
            self.name,
            place.file,
            place.line,
            timestamp=timestamp(said("timegenerated") or said("time")),
            provider="azure",
            model_requested=first_name(said("deploymentname"), said("modelname")),
            model_served=first_name(said("modelname")),
            operation=operation(said("operationname")),
            market=first_name(said("region"), said("location")),
            status="ok" if answers else None,
            prompt_tokens=max((count(r.get("prompttokens")) or 0 for r in rows), default=0) or None,
            completion_tokens=max((count(r.get("completiontokens")) or 0 for r in rows), default=0)
            or None,
            prompt=prompt,
            completions=completions,
            empty_completions=empty,
        )

    def close(self) -> None:
        """Remove the temporary file."""
        self._rows.close()


def lowered(entry: Object) -> dict[str, Any]:
    """Fields of an Azure log entry by their names in small letters, those of ``properties`` too.

    The portal's CSV adds the zone to the names of times (``TimeGenerated [UTC]``).
    """
    inner = as_object(entry.get("properties") or entry.get("properties_s"))
    fields = {**entry, **inner}
    return {key.lower().removesuffix(" [utc]"): value for key, value in fields.items()}


def _storable(value: Any) -> Any:
    return value if isinstance(value, str | int | float | list | dict) else str(value)


def _unbroken(rows: list[tuple[int, Any]]) -> list[Object]:
    """Rows in order up to the first gap in their numbers, which begin with 0 or 1."""
    start = rows[0][0]
    if start > 1:
        return []
    return [row for expected, (number, row) in enumerate(rows, start) if number == expected]


def _joined(rows: list[Object], side: str) -> tuple[Message, ...] | None:
    """Messages of one side, its chunks put together; None if they do not fit together."""
    chunks = [decoded(row[side]) for row in rows if side in row]
    role = "user" if side == SIDES[0] else "assistant"
    try:
        if all(not isinstance(chunk, str) for chunk in chunks):
            return _continued([messages_of(chunk, role) for chunk in chunks])
        texts = [row[side] for row in rows if side in row]
        if not all(isinstance(text, str) for text in texts):
            return None
        whole = decoded("".join(texts))
        return None if isinstance(whole, str) else messages_of(whole, role)
    except UnknownShape:
        return None


def _continued(chunks: list[tuple[Message, ...]]) -> tuple[Message, ...]:
    """Messages of all chunks; one that begins a chunk continues the last one of the same role."""
    found: list[Message] = []
    for chunk in chunks:
        for index, message in enumerate(chunk):
            if index == 0 and found and found[-1].role == message.role:
                last = found.pop()
                other = last.has_other or message.has_other
                message = Message(last.role, last.text + message.text, other)
            found.append(message)
    return tuple(found)
