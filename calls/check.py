"""Checking one call by a register: `check_call`, to ask before a call is sent or after."""

from dataclasses import replace

from scrubtrace.calls.register import Register
from scrubtrace.calls.register_file import read_register
from scrubtrace.calls.rules import ROW_RULES, RULES
from scrubtrace.calls.rules.base import Call, resolve
from scrubtrace.schemas.call_rules import Judgement, NotJudged, Violation
from scrubtrace.schemas.calls import CallRecord


def load_register(path: str) -> Register:
    """The register in a TOML file; raises RegisterError, which says where and what to do."""
    return read_register(path, tuple(RULES))


def check_call(record: CallRecord, register: Register) -> list[Violation]:
    """The rules that a call breaks, judged at the record's own time; empty if none.

    Pure: nothing is read or written. Rules about use over time are not among them. To ask before a
    call is sent, give the record the time at which it will be. An empty list does not say that
    every rule could judge: `judge_call` says which could not.
    """
    return list(judge_call(record, register).violations)


def judge_call(record: CallRecord, register: Register) -> Judgement:
    """The violations of a call, the rules that could not judge it, and what its labels stand for.

    An abstention is counted as such and is no pass: a call without a time or its zone, a purpose or
    a prompt.
    """
    call = resolve(record, register)
    violations: list[Violation] = []
    abstained: list[tuple[str, NotJudged]] = []
    for rule in ROW_RULES:
        if rule.info.id in register.off:
            continue
        found = rule.check(call)
        if isinstance(found, NotJudged):
            abstained.append((rule.info.id, found))
        elif found:
            own = register.severities.get(rule.info.id)
            violations += found if own is None else (replace(v, severity=own) for v in found)
    return Judgement(tuple(violations), tuple(abstained), call.at, **_entries(call))


def _entries(call: Call) -> dict[str, str | None]:
    found = {
        "project": call.project,
        "purpose": call.purpose,
        "market": call.market,
        "model": call.model,
        "terms": call.chosen,
    }
    return {name: entry.id if entry else None for name, entry in found.items()}
