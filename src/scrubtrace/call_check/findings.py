"""Findings from totals: one for calls that break a rule in the same way, by the same caller."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.calls.register import Key, Register
from scrubtrace.calls.rules import RULES
from scrubtrace.calls.totals import Total, TotalKey
from scrubtrace.calls.use import UseFinding, use_findings
from scrubtrace.schemas.call_findings import LABELS
from scrubtrace.schemas.call_rules import RuleInfo, Severity

Finding = dict[str, Any]
"""The columns of `CALL_FINDINGS`."""


def read_totals(folder: str) -> list[tuple[TotalKey, Total]]:
    """The notable totals that the workers wrote, in the order of their keys."""
    found = []
    for name in storage.names_in(folder):
        for line in storage.read_bytes(storage.join(folder, name)).decode().splitlines():
            key, total, bits = json.loads(line)
            examples = tuple(tuple(example) for example in total[-1])
            whole = Total(*total)._replace(bits=int(bits, 16), examples=examples)
            found.append((tuple(key), whole))
    return sorted(found, key=lambda pair: json.dumps(pair[0]))


def findings_of(
    totals: list[tuple[TotalKey, Total]], register: Register, keys: Mapping[str, Key]
) -> tuple[list[Finding], dict[str, int], dict[tuple[str, str], int]]:
    """Findings in order, counts of calls by name, and of calls not judged by rule and reason."""
    counts: dict[str, int] = {}
    not_judged: dict[tuple[str, str], int] = {}
    findings = [_of_use(found, register) for found in use_findings(totals, register, keys)]
    for key, total in totals:
        if key[:2] == ("count", "not_judged"):
            not_judged[str(key[2]), str(key[3])] = total.calls
        elif key[0] == "count":
            counts[str(key[1])] = total.calls
        elif key[0] == "finding":
            findings.append(_of_calls(key, total))
    return in_order(findings), counts, not_judged


def in_order(findings: list[Finding]) -> list[Finding]:
    """Findings by severity, then by all that tells them apart."""
    return sorted(findings, key=_place)


def finding(
    info: RuleInfo, severity: str, identity: list[Any], total: Total, **columns: str | None
) -> Finding:
    """A finding; ``identity`` is what makes it the same one in the next check."""
    content = json.dumps([info.id, *identity]).encode()
    return {
        "finding": "f" + hashlib.blake2b(content, digest_size=8).hexdigest(),
        "rule": info.id,
        "severity": severity,
        "title": info.title,
        "action": info.action,
        **{name: columns.get(name) for name in ("value", "terms", *LABELS, "caller")},
        "calls": total.calls,
        "tokens": total.tokens,
        "first": total.first,
        "last": total.last,
        "examples": [_example(example) for example in total.examples],
    }


def _example(example: tuple[str | int, ...]) -> dict[str, Any]:
    return dict(zip(("call_id", "file", "line"), example[-3:], strict=True))


def _of_calls(key: TotalKey, total: Total) -> Finding:
    _, rule, severity, *rest = key
    names = ("value", "terms", *LABELS, "caller")
    columns = {n: None if v is None else str(v) for n, v in zip(names, rest, strict=True)}
    return finding(RULES[str(rule)], str(severity), list(rest), total, **columns)


def _of_use(found: UseFinding, register: Register) -> Finding:
    severity = register.severities.get(found.rule.id, found.rule.severity)
    total = Total(found.calls, found.tokens, first=found.first, last=found.last)
    identity = [found.caller, found.project, found.first]
    columns = {"value": found.value, "project": found.project, "caller": found.caller}
    return finding(found.rule, str(severity), identity, total, **columns)


def _place(entry: Finding) -> tuple[Any, ...]:
    names = ("value", "terms", *LABELS, "caller", "first", "finding")
    return Severity(entry["severity"]).rank, entry["rule"], *(entry[n] or "" for n in names)


def at_least(findings: list[Finding], severity: Severity) -> Iterator[Finding]:
    """Findings of a severity or a heavier one."""
    return (f for f in findings if Severity(f["severity"]).rank <= severity.rank)
