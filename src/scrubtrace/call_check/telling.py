"""The summary of a check for people."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scrubtrace.schemas.call_rules import Severity

if TYPE_CHECKING:
    from scrubtrace.call_check.job import CheckOutcome
    from scrubtrace.call_check.join import JoinOutcome
    from scrubtrace.review.store import UpsertCounts

SHOWN = 20


def summary_lines(
    outcome: "CheckOutcome", out: str, stored: "UpsertCounts | None" = None
) -> Iterator[str]:
    """Calls, what could not be judged, findings by rule, and where they are."""
    counts, reading = outcome.counts, outcome.coverage.counts
    broken = counts.get("calls_with_violations", 0)
    yield f"{counts.get('calls', 0):,} calls, {broken:,} of them break a rule"
    if reading["text_calls"]:
        with_prompt = reading["with_prompt"]
        yield (f"prompts in the log: {with_prompt:,} of {reading['text_calls']:,} calls with text")
    if empty := outcome.coverage.empty_files:
        shown = ", ".join(sorted(empty)[:SHOWN])
        more = f" and {len(empty) - SHOWN:,} more" if len(empty) > SHOWN else ""
        yield f"empty files: {shown}{more}"
    if outcome.bad_lines:
        bad = ", ".join(f"{why} {n:,}" for why, n in sorted(outcome.coverage.bad.items()) if n)
        yield f"bad lines: {bad} ({out}/bad_lines.csv)"
    yield from _not_judged(outcome)
    yield from _findings(outcome)
    yield from _stored(stored)
    yield f"written to {out}: findings.csv, findings.parquet, calls/, summary.json"


def _stored(stored: "UpsertCounts | None") -> Iterator[str]:
    if stored is not None:
        yield (
            f"review table: {stored.inserted:,} new, {stored.updated:,} updated, "
            f"{stored.unchanged:,} unchanged"
        )


def join_lines(
    outcome: "JoinOutcome", out: str, stored: "UpsertCounts | None" = None
) -> Iterator[str]:
    """Matched texts by which side of a call they are, markets, and where the tables are."""
    parts = Counter(entry["part"] for entry in outcome.joined)
    yield (
        f"{len(outcome.joined):,} texts match a call: {parts['completion']:,} hold its answer, "
        f"{parts['prompt']:,} were in its prompt"
    )
    if outcome.unknown_calls:
        yield f"{outcome.unknown_calls:,} texts match calls that this check has not"
    flows = ", ".join(f"{name} {count:,}" for name, count in sorted(outcome.flows.items()))
    if flows:
        yield f"market of row and call: {flows}"
    for entry in outcome.findings:
        yield f"{entry['severity']} {entry['rule']}: {entry['value']}, {entry['calls']:,} calls"
    yield from _stored(stored)
    yield f"written to {out}: joined.parquet, uses.csv ({outcome.uses:,} lines), findings.csv"


def _not_judged(outcome: "CheckOutcome") -> Iterator[str]:
    most = sorted(outcome.not_judged.items(), key=lambda entry: (-entry[1], entry[0]))
    for (rule, reason), number in most[:SHOWN]:
        yield f"not judged: {number:,} calls by {rule} ({reason})"
    if len(most) > SHOWN:
        yield f"... and {len(most) - SHOWN} more, all in summary.json"


def _findings(outcome: "CheckOutcome") -> Iterator[str]:
    numbers = Counter((f["severity"], f["rule"], f["title"]) for f in outcome.findings)
    calls = outcome.by_rule
    ordered = sorted(numbers.items(), key=lambda entry: (Severity(entry[0][0]).rank, entry[0]))
    for (severity, rule, title), number in ordered:
        yield f"{severity} {rule}: {number:,} findings, {calls[rule]:,} calls: {title}"
    if not outcome.findings:
        yield "no findings"
