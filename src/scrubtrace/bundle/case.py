"""A case: findings about calls that belong together, and what became of them, step by step."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from scrubtrace.config import text_of
from scrubtrace.exits import UsageStop

FORMAT = 1
KEYS = ("format", "id", "title", "findings", "step")
STEP_KEYS = ("state", "on", "by", "note")

_FINDING = re.compile("f[0-9a-f]{16}")


class CaseState(StrEnum):
    """How far a case is."""

    FINDING = "finding"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    CORRECTIVE_ACTION = "corrective_action"
    RETEST = "retest"
    CLOSED = "closed"


FOLLOWING = {
    None: (CaseState.FINDING,),
    CaseState.FINDING: (CaseState.CONFIRMED, CaseState.DISMISSED),
    CaseState.CONFIRMED: (CaseState.CORRECTIVE_ACTION, CaseState.DISMISSED),
    CaseState.CORRECTIVE_ACTION: (CaseState.RETEST,),
    CaseState.RETEST: (CaseState.CLOSED, CaseState.CORRECTIVE_ACTION),
    CaseState.DISMISSED: (CaseState.FINDING,),
    CaseState.CLOSED: (CaseState.FINDING,),
}
"""States that may come next; a case that ended may be taken up again."""


@dataclass(frozen=True)
class Step:
    """A state that the case came to, on which day, by whom."""

    state: CaseState
    on: date
    by: str
    note: str = ""


@dataclass(frozen=True)
class Case:
    """One case as its file has it."""

    id: str
    title: str
    findings: tuple[str, ...]
    steps: tuple[Step, ...]

    @property
    def state(self) -> CaseState:
        """The state that the case is in."""
        return self.steps[-1].state

    @property
    def acted_on(self) -> date | None:
        """The day of the last corrective action; None if there is none."""
        acted = [step.on for step in self.steps if step.state == CaseState.CORRECTIVE_ACTION]
        return acted[-1] if acted else None


def read_case(file: str) -> Case:
    """The case in a TOML file; raises `UsageStop` that says where and what to write."""
    try:
        data = tomllib.loads(text_of(Path(file)))
    except tomllib.TOMLDecodeError as error:
        raise UsageStop(f"{file}: {error}") from None
    if data.get("format") != FORMAT:
        raise UsageStop(f"{file}: key 'format' must be {FORMAT}")
    _known(file, "", data, KEYS)
    findings = data.get("findings")
    if not isinstance(findings, list) or not findings or not all(map(_is_finding, findings)):
        raise UsageStop(
            f"{file}: key 'findings' must be a list of ids of findings.csv, such as "
            '["f0123456789abcdef"]'
        )
    steps = data.get("step", [])
    if not isinstance(steps, list) or not steps or not all(isinstance(s, dict) for s in steps):
        raise UsageStop(f"{file}: write what became of the case as [[step]], at least the finding")
    made = tuple(_step(file, number, step) for number, step in enumerate(steps, 1))
    _check_order(file, made)
    return Case(_text(file, "", data, "id"), _text(file, "", data, "title"), (*findings,), made)


def _is_finding(value: Any) -> bool:
    return isinstance(value, str) and _FINDING.fullmatch(value) is not None


def _step(file: str, number: int, step: dict[str, Any]) -> Step:
    where = f"[[step]] {number}, "
    _known(file, where, step, STEP_KEYS)
    state = step.get("state")
    if state not in set(CaseState):
        raise UsageStop(f"{file}: {where}key 'state' must be one of {', '.join(CaseState)}")
    on = step.get("on")
    if not isinstance(on, date) or isinstance(on, datetime):
        raise UsageStop(f"{file}: {where}key 'on' must be a date such as 2025-01-31")
    note = "" if "note" not in step else _text(file, where, step, "note")
    return Step(CaseState(state), on, _text(file, where, step, "by"), note)


def _check_order(file: str, steps: tuple[Step, ...]) -> None:
    before: Step | None = None
    for number, step in enumerate(steps, 1):
        following = FOLLOWING[before.state if before else None]
        if step.state not in following:
            after = f" after {before.state}" if before else ""
            raise UsageStop(
                f"{file}: [[step]] {number}, key 'state' must be one of "
                f"{', '.join(following)}{after}, but is {step.state}"
            )
        if before is not None and step.on < before.on:
            raise UsageStop(
                f"{file}: [[step]] {number}, key 'on' is before that of step {number - 1}"
            )
        before = step


def _known(file: str, where: str, entry: dict[str, Any], known: tuple[str, ...]) -> None:
    if unknown := sorted(set(entry) - set(known)):
        keys = ", ".join(known)
        raise UsageStop(f"{file}: {where}key {unknown[0]!r} is no key; keys: {keys}")


def _text(file: str, where: str, entry: dict[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise UsageStop(f"{file}: {where}key {key!r} must be a text")
    return value.strip()
