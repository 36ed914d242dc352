"""Findings from totals: one for calls that break a rule in the same way, by the same caller."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from scrubtrace.beam_pipelines import storage
from scrubtrace.calls.register import Key, Register
from scrubtrace.calls.rules import RULES
from scrubtrace.calls.totals import Total, TotalKey, day_of
from scrubtrace.calls.use import RATE, UseFinding, use_findings
from scrubtrace.schemas.call_findings import LABELS
from scrubtrace.schemas.call_rules import RuleInfo, Severity

Finding = dict[str, Any]
"""The columns of `CALL_FINDINGS`."""


@dataclass
class Counts:
    """Numbers of calls: by name, by the rule that they break, not judged by rule and reason.

    A call that breaks a rule in several ways is in several findings, and one call of the rule.
    """

    by_name: dict[str, int] = field(default_factory=dict)
    by_rule: Counter[str] = field(default_factory=Counter)
    not_judged: dict[tuple[str, str], int] = field(default_factory=dict)


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
) -> tuple[list[Finding], Counts]:
    """Findings in order, and how many calls there are."""
    use = list(use_findings(totals, register, keys))
    counts = Counts(by_rule=_calls_of_use(use, totals))
    findings = [_of_use(found, register) for found in use]
    for key, total in totals:
        if key[:2] == ("count", "not_judged"):
            counts.not_judged[str(key[2]), str(key[3])] = total.calls
        elif key[:2] == ("count", "rule"):
            counts.by_rule[str(key[2])] = total.calls
        elif key[0] == "count":
            counts.by_name[str(key[1])] = total.calls
        elif key[0] == "finding":
            findings.append(_of_calls(key, total))
    return in_order(findings), counts


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


def _calls_of_use(findings: list[UseFinding], totals: list[tuple[TotalKey, Total]]) -> Counter[str]:
    """Different calls by rule: several findings of the rate may be about calls of one day."""
    calls: Counter[str] = Counter()
    hot = {(key[1], key[2]): total.calls for key, total in totals if key[0] == "hot"}
    days: set[tuple[str | int | None, str | int | None]] = set()
    for found in findings:
        if found.rule is RATE and found.first and found.last:
            of_days = range(day_of(found.first), day_of(found.last) + 1)
            days |= {(found.caller, day) for day in of_days}
        else:
            calls[found.rule.id] += found.calls
    if days:
        calls[RATE.id] = sum(hot[day] for day in days)
    return calls


def _place(entry: Finding) -> tuple[Any, ...]:
    names = ("value", "terms", *LABELS, "caller", "first", "finding")
    return Severity(entry["severity"]).rank, entry["rule"], *(entry[n] or "" for n in names)


def at_least(findings: list[Finding], severity: Severity) -> Iterator[Finding]:
    """Findings of a severity or a heavier one."""
    return (f for f in findings if Severity(f["severity"]).rank <= severity.rank)
