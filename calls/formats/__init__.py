"""The formats, one file each. The first one that recognises an entry takes the file."""

from scrubtrace.calls.formats.azure_gateway import AzureGateway
from scrubtrace.calls.formats.azure_requests import AzureRequests
from scrubtrace.calls.formats.base import LogFormat
from scrubtrace.calls.formats.langfuse import Langfuse
from scrubtrace.calls.formats.litellm import LiteLLM
from scrubtrace.calls.formats.openai_batch import OpenAIBatch
from scrubtrace.calls.formats.otel import OpenTelemetry
from scrubtrace.calls.formats.pairs import Pairs

FORMATS: dict[str, type[LogFormat]] = {
    kind.name: kind
    for kind in (
        OpenAIBatch,
        OpenTelemetry,
        LiteLLM,
        AzureGateway,
        AzureRequests,
        Langfuse,
        Pairs,
    )
}
"""Log formats by the name that ``read_calls`` takes."""
