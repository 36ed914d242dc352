"""Azure: RequestResponse logs of Azure OpenAI, and ApiManagementGatewayLogs with bodies.

Source: the table references of Azure Monitor. RequestResponse rows (AzureDiagnostics, category
``RequestResponse``) hold model, status, duration and masked address but **no text**; they can be
checked, not joined with data. Rows of ApiManagementGatewayLogs hold bodies where the API's
diagnostics record them, at most 8,192 bytes each: longer ones are cut and give no text.

Gaps: as said. A call that is in ApiManagementGatewayLlmLog too has the same id; whichever is read
first is kept, so give the gateway's own log of language models alone if it has the messages.
"""

from collections.abc import Iterator

from scrubtrace.calls.bodies import Reply, operation, prompt_of, reply_of
from scrubtrace.calls.formats.azure_gateway import lowered
from scrubtrace.calls.formats.base import LogFormat, NotACall, Outcome, Place, replied
from scrubtrace.calls.labels import labels_of
from scrubtrace.calls.values import Object, as_object, count, decoded, first_name, number, timestamp
from scrubtrace.schemas.calls import BadReason, CallRecord

OTHER_CATEGORIES = ("audit", "trace", "azureopenairequestusage", "allmetrics")
REQUESTS = ("requestbody", "backendrequestbody", "request")
RESPONSES = ("responsebody", "backendresponsebody", "response")


class AzureRequests(LogFormat):
    """One row is one call, mostly without texts."""

    name = "azure-requests"
    title = "Azure RequestResponse and ApiManagementGatewayLogs"

    @classmethod
    def recognises(cls, entry: Object) -> bool:
        """Whether the entry has the keys of this log."""
        keys = set(lowered(entry))
        logged = bool({"category", "responsecode", "backendresponsecode"} & keys)
        return bool({"correlationid", "correlationid_g"} & keys) and logged

    def read(self, entry: Object, place: Place) -> Iterator[Outcome]:
        """The call or calls of the entry, or why there is none."""
        row = lowered(entry)
        category = (first_name(row.get("category")) or "").lower()
        call_id = first_name(row.get("correlationid"), row.get("correlationid_g"))
        if category in OTHER_CATEGORIES:
            yield NotACall(f"azure_{category}")
        else:
            yield self._record(call_id, row, place) if call_id else BadReason.NO_ID

    def _record(self, call_id: str, row: Object, place: Place) -> CallRecord:
        request = next((b for key in REQUESTS if (b := as_object(row.get(key)))), {})
        body = next((b for key in RESPONSES if (b := decoded(row.get(key)))), None)
        reply = reply_of(body) if isinstance(body, dict) else Reply()  # a cut body is no text
        code = count(row.get("responsecode"), row.get("resultsignature"), row.get("resulttype"))
        error = reply.error or (str(code) if code is not None and code >= 400 else None)
        labels = labels_of(request.get("metadata"))
        labels["market"] = labels["market"] or first_name(row.get("region"), row.get("location"))
        addresses = (row.get("calleripaddress"), row.get("calleripmask"))
        return CallRecord(
            call_id,
            self.name,
            place.file,
            place.line,
            timestamp=timestamp(row.get("timegenerated") or row.get("time")),
            provider="azure",
            operation=operation(row.get("url")) or operation(row.get("operationname")),
            caller=first_name(row.get("apimsubscriptionid"), row.get("objectid"), *addresses),
            key=first_name(row.get("apimsubscriptionid")),
            temperature=number(request.get("temperature")),
            n=count(request.get("n")),
            prompt=prompt_of(request),
            model_requested=first_name(
                row.get("modeldeploymentname"), request.get("model"), row.get("modelname")
            ),
            **labels,
            **(
                replied(reply, error, done=code is not None)
                | {"model_served": first_name(row.get("modelname"), reply.model)}
            ),
        )
