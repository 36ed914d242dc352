"""How fast call logs are read: records a CPU second and peak memory, for each format.

    python benchmarks/call_logs.py [--calls 100000] [--format NAME] [--chars 800]

Logs are made for it in a temporary folder: calls with prompts and completions of --chars letters.
Each format is read in a process of its own, so that its peak memory is its own.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scrubtrace.calls.reading import read_calls

Entry = dict[str, Any]
WORDS = (
    "kettle",
    "water",
    "minute",
    "boil",
    "litre",
    "lid",
    "steam",
    "pour",
    "cup",
    "leaf",
    "wait",
)


def texts(chars: int) -> Callable[[], str]:
    """A maker of texts of about so many characters."""
    chance = random.Random(7)
    return lambda: " ".join(chance.choices(WORDS, k=max(1, chars // 5)))


def chat(n: int, text: str) -> Entry:
    """A response body."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 160, "completion_tokens": 160}
    body = {"id": f"chatcmpl-{n}", "object": "chat.completion", "created": 1740821400 + n}
    return body | {"model": "gpt-4o", "choices": [choice], "usage": usage}


def ask(text: str) -> list[Entry]:
    """Messages of a request."""
    return [{"role": "user", "content": text}]


def batch(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Input and output line."""
    body = {"model": "gpt-4o", "messages": ask(text())}
    yield (
        "in",
        {"custom_id": f"r-{n}", "method": "POST", "url": "/v1/chat/completions"} | {"body": body},
    )
    response = {"status_code": 200, "body": chat(n, text())}
    yield "out", {"id": f"b-{n}", "custom_id": f"r-{n}", "response": response, "error": None}


def spend(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Row of the spend log."""
    row = {"request_id": f"r-{n}", "call_type": "acompletion", "spend": 0.1, "model": "gpt-4o"}
    row |= {"startTime": "2025-03-01T09:30:00Z", "metadata": {"purpose": "drafting"}}
    yield "log", row | {"messages": ask(text()), "response": chat(n, text())}


def observation(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Langfuse row with texts as JSON text."""
    row = {"id": f"o-{n}", "trace_id": "t", "type": "GENERATION", "metadata": {"task": n}}
    row |= {"start_time": "2025-03-01 09:30:00.123456", "provided_model_name": "gpt-4o"}
    yield "log", row | {"input": json.dumps(ask(text())), "output": text()}


def otlp(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """OTLP line with one span."""
    given = [{"role": "user", "parts": [{"type": "text", "content": text()}]}]
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text()}]}]
    values = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.response.id": f"r-{n}",
        "gen_ai.input.messages": json.dumps(given),
        "gen_ai.output.messages": json.dumps(said),
    }
    attributes = [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]
    span = {"traceId": "t", "spanId": f"{n}", "startTimeUnixNano": "1740821400123456789"}
    scope = {"spans": [span | {"attributes": attributes}]}
    yield "log", {"resourceSpans": [{"resource": {}, "scopeSpans": [scope]}]}


def gateway(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Three rows of a gateway call."""
    said = [{"role": "assistant", "content": text()}]
    rows: list[Entry] = [
        {"ModelName": "gpt-4o", "PromptTokens": 160, "CompletionTokens": 160},
        {"RequestMessages": ask(text())},
        {"ResponseMessages": said},
    ]
    for sequence, row in enumerate(rows):
        yield "log", {"CorrelationId": f"c-{n}", "SequenceNumber": sequence} | row


def api_management(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Row of ApiManagementGatewayLogs with both bodies as JSON text."""
    body = {"model": "gpt-4o", "messages": ask(text()), "metadata": {"purpose": "drafting"}}
    row = {"Category": "GatewayLogs", "CorrelationId": f"c-{n}", "ResponseCode": 200}
    row |= {"TimeGenerated": "2025-03-01T09:30:00Z", "Region": "eastus2"}
    row |= {"Url": "https://gateway.test/openai/deployments/gpt-4o/chat/completions"}
    row |= {"ApimSubscriptionId": f"s-{n % 200}", "RequestBody": json.dumps(body)}
    yield "log", row | {"ResponseBody": json.dumps(chat(n, text()))}


def pair(n: int, text: Callable[[], str]) -> Iterator[tuple[str, Entry]]:
    """Request and response on one line."""
    yield "log", {"request": {"messages": ask(text())}, "response": chat(n, text())}


MAKERS = {
    "openai-batch": batch,
    "litellm": spend,
    "langfuse": observation,
    "otel": otlp,
    "azure-gateway": gateway,
    "azure-requests": api_management,
    "pairs": pair,
}


def measure(log_format: str, calls: int, chars: int) -> None:
    """Write the log of a format, read it and print what that cost."""
    text = texts(chars)
    with tempfile.TemporaryDirectory() as folder:
        names = ("out", "in") if log_format == "openai-batch" else ("log",)
        paths = {name: Path(folder) / f"{name}.jsonl" for name in names}
        files = {name: path.open("w") for name, path in paths.items()}
        for n in range(calls):
            for name, entry in MAKERS[log_format](n, text):
                files[name].write(f"{json.dumps(entry)}\n")
        for file in files.values():
            file.close()
        size = sum(path.stat().st_size for path in paths.values()) / 2**20
        started = time.process_time()
        records = sum(1 for _ in read_calls(list(paths.values())))
        spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{log_format:14} {records:9,} records  {size:7,.0f} MiB  {spent:6.1f} s"
        f"  {records / spent:9,.0f} records/CPU s  {size / spent:5.0f} MiB/CPU s  {peak:5.0f} MiB"
    )


def main() -> None:
    """Measure each format, or the one that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--calls", type=int, default=100_000)
    parser.add_argument("--chars", type=int, default=800)
    parser.add_argument("--format", choices=MAKERS, default=None)
    given = parser.parse_args()
    for log_format in [given.format] if given.format else MAKERS:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=measure, args=(log_format, given.calls, given.chars))
        process.start()
        process.join()


if __name__ == "__main__":
    main()
