"""OpenAI Batch API: output and error files (JSON lines), joined by ``custom_id`` with the input.

Source: the Batch API reference. An input line is {custom_id, method, url, body}, an output line
{id, custom_id, response: {status_code, request_id, body}, error}. A batch has at most 50,000
requests; azure.com and other servers of the same API write the same files, some without ``id``. The
``id`` names the call, else ``custom_id`` and the id of the response together.

Gaps: outputs hold no prompt, so without the input file there is none. No caller, and a time only
within the body. ``custom_id`` is the user's and may come again in another batch: where two inputs
share one, or two outputs take the same input, no prompt is joined rather than a wrong one; give the
files of one batch at a time to avoid it.
"""

from collections.abc import Iterator

from scrubtrace.calls.bodies import error_of, operation, prompt_of, reply_of
from scrubtrace.calls.formats.base import LogFormat, Outcome, Part, Place, replied
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.spill import Spill
from scrubtrace.calls.summary import ReadSummary
from scrubtrace.calls.values import (
    Object,
    UnknownShape,
    as_object,
    count,
    first_name,
    number,
    timestamp,
)
from scrubtrace.schemas.calls import BadReason, CallRecord


class OpenAIBatch(LogFormat):
    """Outputs become records; inputs are kept on disk until their output comes."""

    name = "openai-batch"
    title = "OpenAI Batch output, error and input files"
    joins_files = True

    def __init__(self) -> None:
        self._inputs = Spill()
        self._unmatched = self._ambiguous = 0

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        return "custom_id" in entry and bool({"body", "response", "error"} & set(entry))

    def comes_first(self, entry: Object) -> bool:
        """Inputs come before outputs."""
        return _is_input(entry)

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        custom_id = first_name(entry.get("custom_id"))
        if custom_id is None:
            yield BadReason.NO_ID
        elif _is_input(entry):
            yield self._keep(custom_id, entry, place)
        elif "response" in entry or "error" in entry:
            yield self._record(custom_id, entry, place)
        else:
            raise UnknownShape

    def _keep(self, custom_id: str, entry: Object, place: Place) -> Outcome:
        if not isinstance(entry["body"], dict):
            raise UnknownShape
        prompt_of(entry["body"])  # an input that cannot be understood is a bad line here, not later
        kept = self._inputs.put(custom_id, 0, [entry.get("url"), entry["body"]], *_at(place))
        if kept is False:
            self._inputs.spoil(custom_id)
        return Part() if kept else BadReason.DUPLICATE_ID

    def _record(self, custom_id: str, entry: Object, place: Place) -> Outcome:
        response = entry.get("response") or {}
        if not isinstance(response, dict):
            raise UnknownShape
        body = response.get("body")
        reply = reply_of(body)
        call_id = first_name(entry.get("id")) or "/".join(filter(None, (custom_id, reply.call_id)))
        url, request = self._request(custom_id, call_id)
        failed = error_of(entry.get("error")) or reply.error
        code = count(response.get("status_code"))
        if failed is None and code is not None and code >= 400:
            failed = str(code)
        fields = replied(reply, failed)
        return CallRecord(
            call_id,
            self.name,
            *_at(place),
            timestamp=timestamp(reply.created),
            model_requested=first_name(request.get("model")),
            operation=operation(url) or reply.operation,
            caller=first_name(request.get("user")),
            temperature=number(request.get("temperature")),
            n=count(request.get("n")),
            prompt=prompt_of(request),
            **labels_of(request.get("metadata"), as_object(body).get("metadata")),
            **fields,
        )

    def _request(self, custom_id: str, call_id: str) -> tuple[str | None, Object]:
        found, times = self._inputs.take(custom_id, call_id)
        if found is None or times:
            self._unmatched += found is None
            self._ambiguous += bool(times)
            return None, {}
        return first_name(found[0]), found[1]

    def finish(self, summary: ReadSummary) -> Iterator[CallRecord]:
        """What is left when all files are read."""
        summary.unmatched_outputs += self._unmatched
        summary.ambiguous_outputs += self._ambiguous
        summary.unmatched_inputs += self._inputs.untaken
        return iter(())

    def close(self) -> None:
        """Remove the temporary file."""
        self._inputs.close()


def _is_input(entry: Object) -> bool:
    return "body" in entry and "response" not in entry


def _at(place: Place) -> tuple[str, int]:
    return place.file, place.line
