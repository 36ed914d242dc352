"""Which training rows hold the answer to, or were the input of, which call."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.layout import runs_of, table_bytes
from scrubtrace.call_check.findings import Finding, finding, in_order
from scrubtrace.call_check.output import CALLS, SUMMARY, csv_bytes, write_findings
from scrubtrace.calls.flow import FLOW, Flow, market_flow
from scrubtrace.calls.register import Register
from scrubtrace.calls.totals import Total, merged
from scrubtrace.exits import UsageStop
from scrubtrace.lock import output_lock
from scrubtrace.resolver import current_results, spec_or_none
from scrubtrace.results import FoundText, Results
from scrubtrace.resumable import resumable
from scrubtrace.review.cells import plain_cell
from scrubtrace.schemas.call_findings import JOINED_CALLS, LABELS
from scrubtrace.schemas.references import Part
from scrubtrace.schemas.vocabulary import Strength

USE_COLUMNS = (
    "part", "project", "purpose", "market", "model", "caller", "rows", "calls", "first", "last",
    "prompt_tokens", "completion_tokens", "rules",
)  # fmt: skip
"""Columns of ``uses.csv``: rows of training data by whose calls they come from."""

_CALL_COLUMNS = [
    "call_id", "at", *LABELS, "terms", "caller", "prompt_tokens", "completion_tokens", "violations",
]  # fmt: skip

Joined = dict[str, Any]
"""The columns of `JOINED_CALLS`."""


@dataclass
class JoinOutcome:
    """What a join came to: matched texts, findings about markets, matches of unknown calls.

    ``shards`` are those of the data set, ``digest`` is the SHA-256 of the joined rows as written.
    """

    joined: list[Joined] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    dataset: str = ""
    shards: list[str] = field(default_factory=list)
    digest: str = ""
    uses: int = 0
    unknown_calls: int = 0
    flows: Counter[str] = field(default_factory=Counter)


@resumable(keeps=False)
def join_calls(
    checked: str, detected: str, dataset: str | None, register: Register, out: str
) -> JoinOutcome:
    """Joins a check with the current matches of a data set and writes both to ``out``.

    ``checked`` is the folder of ``calls check``, ``detected`` that of ``detect``. Weak matches are
    left out. Raises `UsageStop` for a folder that is none of these.
    """
    key_id = _key_id(checked)
    outcome = JoinOutcome(dataset=_dataset(detected, dataset))
    results = current_results(detected, outcome.dataset)
    outcome.shards = list(results.shards)
    matches = list(_matches(results, outcome.dataset))
    calls = _calls(checked, {match["call_id"] for match in matches})
    for match in matches:
        call = calls.get(match["call_id"])
        if call is None:
            outcome.unknown_calls += 1
            continue
        entry = match | call
        labels = (entry["market"], entry["project"], entry["terms"])
        entry["market_flow"] = str(market_flow(entry["row_market"], *labels, register))
        outcome.joined.append(entry)
        outcome.flows[entry["market_flow"]] += 1
    if FLOW.id not in register.off:
        outcome.findings = in_order(list(_findings(outcome.joined, register)))
    with output_lock(out):
        table = pa.Table.from_pylist(outcome.joined, JOINED_CALLS)
        about = {"key_id": key_id, "detected": detected, "dataset": outcome.dataset}
        encoded = {name: value.encode(errors="backslashreplace") for name, value in about.items()}
        table = table.replace_schema_metadata(encoded)
        content = table_bytes(table)
        outcome.digest = hashlib.sha256(content).hexdigest()
        storage.write_atomic(storage.join(out, "joined.parquet"), content)
        lines = list(_uses(outcome.joined))
        outcome.uses = len(lines)
        storage.write_atomic(storage.join(out, "uses.csv"), csv_bytes(USE_COLUMNS, lines))
        write_findings(out, outcome.findings, key_id)
    return outcome


def _key_id(checked: str) -> str:
    try:
        return str(json.loads(storage.read_bytes(storage.join(checked, SUMMARY)))["key_id"])
    except (OSError, ValueError, KeyError):
        raise UsageStop(
            f"{checked} is no finished check: give the folder of scrubtrace calls check --out"
        ) from None


def _dataset(detected: str, dataset: str | None) -> str:
    specs = (spec_or_none(folder) for folder in runs_of(detected) if folder.is_committed())
    known = sorted({spec.dataset for spec in specs if spec is not None})
    if dataset in known or (dataset is None and len(known) == 1):
        return dataset or known[0]
    choices = ", ".join(known) or f"{detected} has no committed run of scrubtrace detect"
    raise UsageStop(f"name the data set with --dataset: {choices}")


def _matches(results: Results, dataset: str) -> Iterator[Joined]:
    """Matched texts with the call that the reference index names for them, in order."""
    for shard in results.shards:
        for text in results.texts(shard):
            yield from _of_text(text, dataset)


def _of_text(text: FoundText, dataset: str) -> Iterator[Joined]:
    for entry in text.evidence:
        value = str(entry["value"])
        is_match = entry["signal"].startswith("reference.") and value.startswith("{")
        if not is_match or entry["strength"] == Strength.WEAK:
            continue
        about = json.loads(value)
        names = ("shard", "row_index", "row_id", "field", "turn")
        yield {name: text.row[name] for name in names} | {
            "dataset": dataset,
            "row_market": text.row["market"],
            "match": about["class"],
            "strength": entry["strength"],
            "part": about["part"],
            "call_id": about["source"],
        }


def _calls(checked: str, wanted: set[str]) -> dict[str, Joined]:
    """The calls with these ids, read row group by row group."""
    folder = storage.join(checked, CALLS)
    found: dict[str, Joined] = {}
    ids = pa.array(sorted(wanted), pa.string())
    for name in storage.names_in(folder):
        with pq.ParquetFile(storage.join(folder, name)) as file:
            for batch in file.iter_batches(columns=_CALL_COLUMNS):
                own = batch.filter(pc.is_in(batch["call_id"], value_set=ids))
                for row in own.to_pylist():
                    row["rules"] = sorted({v["rule"] for v in row.pop("violations")})
                    found.setdefault(row["call_id"], row)
    return found


def _uses(joined: list[Joined]) -> Iterator[list[str]]:
    """Rows, calls, dates and tokens by whose calls they are; each call counts once."""
    names = ("part", "project", "purpose", "market", "model", "caller")
    groups: dict[tuple[Any, ...], list[Joined]] = {}
    for entry in joined:
        groups.setdefault(tuple(entry[name] for name in names), []).append(entry)
    ordered = sorted(groups.items(), key=lambda group: [value or "" for value in group[0]])
    for key, entries in ordered:
        calls = {entry["call_id"]: entry for entry in entries}.values()
        times = [call["at"] for call in calls if call["at"] is not None]
        rows = {(e["dataset"], e["shard"], e["row_index"]) for e in entries}
        tokens = [
            str(sum(call[name] or 0 for call in calls))
            for name in ("prompt_tokens", "completion_tokens")
        ]
        rules = sorted({rule for call in calls for rule in call["rules"]})
        dates = [min(times, default=""), max(times, default="")]
        cells = [value or "" for value in key]
        cells += [str(len(rows)), str(len(calls)), *dates, *tokens, "; ".join(rules)]
        yield [plain_cell(cell) for cell in cells]


def _findings(joined: list[Joined], register: Register) -> Iterator[Finding]:
    """One finding for each flow of answers into another market; prompts are no answers."""
    severity = str(register.severities.get(FLOW.id, FLOW.severity))
    names = ("terms", *LABELS, "caller")
    groups: dict[tuple[Any, ...], list[Total]] = {}
    seen: set[tuple[Any, ...]] = set()
    for entry in joined:
        if entry["market_flow"] != Flow.OTHER_MARKET or entry["part"] != Part.COMPLETION:
            continue
        market = register.market_names.find(entry["row_market"])
        flow = f"{entry['market']} to {market.id if market else None}"
        key = (flow, *(entry[name] for name in names))
        place = (entry["call_id"], entry["shard"], entry["row_index"])
        tokens = (entry["prompt_tokens"] or 0) + (entry["completion_tokens"] or 0)
        is_new = (key, entry["call_id"]) not in seen
        seen.add((key, entry["call_id"]))
        one = Total(int(is_new), tokens * is_new, 0, 0, entry["at"], entry["at"], 0, (place,))
        groups.setdefault(key, []).append(one)
    for key, totals in groups.items():
        columns = dict(zip(("value", *names), key, strict=True))
        yield finding(FLOW, severity, list(key), merged(totals), **columns)
