"""The test after a corrective action: the same rules, at least as strict, on later calls."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow.parquet as pq

from scrubtrace.bundle.case import Case
from scrubtrace.bundle.contents import Row, check_summary, same_labels, table_rows
from scrubtrace.call_check.output import CALLS, REGISTER
from scrubtrace.calls.flow import FLOW
from scrubtrace.calls.register_file import instant
from scrubtrace.calls.rules import LIMITS
from scrubtrace.calls.rules.purposes import FORBIDDEN
from scrubtrace.calls.use import RATE, SHARED, USE_RULES
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.call_rules import NotJudged

_TOKENS = ("prompt_tokens", "completion_tokens")
_ENTRIES = ("stages", "purposes", "markets", "models", "projects", "terms", "keys")


def retested(case: Case, findings: Sequence[Row], checked: str, retest: str, zone: ZoneInfo) -> Row:
    """Whether the findings are gone since the corrective action, by the folder of a later check.

    A finding of that check with the same rule and labels and a call at or after the day of the
    action, in the zone of the register, is not gone. ``covered`` says whether the log goes on that
    far at all, ``not_tested`` names findings about training data, which a check does not see,
    ``rules`` how many of the later calls each rule judged, ``findings`` how many of them are of the
    project and the caller of each finding, ``register_changes`` what is different in the register.

    Raises `UsageStop` if the case has no corrective action, or if a rule of its findings did not
    run in that check or was looser.
    """
    acted: date | None = case.acted_on
    if acted is None:
        raise UsageStop(
            f"case {case.id} has no step corrective_action, and calls are tested again from its "
            'day on: add a [[step]] with state = "corrective_action", or leave --retest out'
        )
    before, after = _register(checked), _register(retest)
    tested = [found for found in findings if found["rule"] != FLOW.id]
    rules = sorted({found["rule"] for found in tested})
    _check_rules(rules, before, after, retest)
    since = instant(acted, zone)
    again = [
        {"finding": found["finding"], "again": row["finding"], "calls": row["calls"],
         "last": row["last"]}
        for row in table_rows(retest, "findings.parquet")
        for found in tested
        if (row["last"] or since) >= since
        and row["rule"] == found["rule"] and same_labels(found, row)
    ]  # fmt: skip
    later = _Later(retest, since, after["limits"])
    judged = [later.judged(rule) for rule in rules]
    not_tested = [found["finding"] for found in findings if found["rule"] == FLOW.id]
    covered = later.last >= since
    passed = covered and not again and not not_tested and all(rule["judged"] for rule in judged)
    return {
        "since": since,
        "last_call": later.last,
        "covered": covered,
        "calls": later.calls,
        "register": check_summary(retest)["register"],
        "register_changes": list(_changes(before, after)),
        "rules": judged,
        "findings": [later.scope(found) for found in tested],
        "found_again": again,
        "not_tested": not_tested,
        "passed": passed,
    }


def _register(checked: str) -> Row:
    check_summary(checked)
    try:
        found: Row = json.loads((Path(checked) / REGISTER).read_bytes())
    except (OSError, ValueError):
        raise UsageStop(
            f"{checked} has no {REGISTER}, which tells by which rules it was checked: check again"
        ) from None
    return found


def _check_rules(rules: Sequence[str], before: Row, after: Row, retest: str) -> None:
    """Raises `UsageStop` unless each rule ran again, and was at least as strict."""
    if idle := [rule for rule in rules if rule not in after["rules"]]:
        raise UsageStop(
            f"in {retest} the rule {idle[0]} did not run: it is off, or its limit is missing; "
            "check again with it"
        )
    for rule in rules:
        for name in LIMITS.get(rule, ()):
            old, new = before["limits"][name], after["limits"][name]
            if old is not None and (new is None or new > old):
                raise UsageStop(
                    f"in {retest} the rule {rule} was looser: {name} is "
                    f"{'missing' if new is None else new}, and was {old}; check again with {old}"
                )
    lost = sorted(set(before["forbidden_uses"]) - set(after["forbidden_uses"]))
    if lost and FORBIDDEN.id in rules:
        raise UsageStop(
            f"in {retest} the rule {FORBIDDEN.id} was looser: {lost[0]} is not among "
            "forbidden_uses; check again with it"
        )


def _changes(before: Row, after: Row) -> Iterator[Row]:
    """Every value that is another one in the later register: table, entry, key, before, after."""
    for table in sorted(set(before) | set(after)):
        old, new = before.get(table), after.get(table)
        if table in _ENTRIES:
            old, new = _by_name(old), _by_name(new)
            for name in sorted(set(old) | set(new)):
                yield from _differing(table, name, old.get(name), new.get(name))
        elif isinstance(old, dict) and isinstance(new, dict):
            yield from _differing(table, None, old, new)
        elif old != new:
            yield _change(table, None, None, old, new)


def _by_name(entries: Any) -> dict[str, Row]:
    return {entry.get("id") or entry["caller"]: entry for entry in entries or []}


def _differing(table: str, name: str | None, old: Row | None, new: Row | None) -> Iterator[Row]:
    if old is None or new is None:
        yield _change(table, name, None, old, new)
        return
    for key in sorted(set(old) | set(new)):
        if old.get(key) != new.get(key):
            yield _change(table, name, key, old.get(key), new.get(key))


def _change(table: str, entry: str | None, key: str | None, before: Any, after: Any) -> Row:
    return {"table": table, "entry": entry, "key": key, "before": before, "after": after}


class _Later:
    """Calls of a check at or after an instant, counted; one without a time counts as later."""

    def __init__(self, checked: str, since: str, limits: Row) -> None:
        self.calls, self.last = 0, ""
        self._by_tokens = limits["calls_per_minute"] is None
        self._not_judged: Counter[tuple[str, str]] = Counter()  # by rule and reason
        self._projects: Counter[str | None] = Counter()
        self._callers: Counter[str | None] = Counter()
        names = ["at", "project", "caller", "key", *_TOKENS, "not_judged"]
        for path in sorted((Path(checked) / CALLS).glob("*.parquet")):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(columns=names):
                    for row in batch.to_pylist():
                        if row["at"] is None or row["at"] >= since:
                            self._add(row)

    def _add(self, row: Row) -> None:
        self.calls += 1
        self.last = max(self.last, row["at"] or "")
        self._not_judged.update((entry["rule"], entry["reason"]) for entry in row["not_judged"])
        self._not_judged.update(_not_judged_over_time(row, self._by_tokens))
        self._projects[row["project"]] += 1
        self._callers.update({row["caller"], row["key"]})

    def judged(self, rule: str) -> Row:
        """How many calls a rule judged, and why it did not judge others."""
        reasons = {why: count for (name, why), count in self._not_judged.items() if name == rule}
        left = self.calls - sum(reasons.values())
        return {"rule": rule, "judged": left, "not_judged": dict(sorted(reasons.items()))}

    def scope(self, found: Row) -> Row:
        """How many calls are of the project and of the caller of a finding; None if it has none."""
        project, caller = found["project"], found["caller"]
        return {
            "finding": found["finding"],
            "calls_of_project": None if project is None else self._projects[project],
            "calls_of_caller": None if caller is None else self._callers[caller],
        }


def _not_judged_over_time(call: Row, by_tokens: bool) -> Iterator[tuple[str, str]]:
    """Rules over time that have nothing of a call, with the reason.

    ``by_tokens`` says whether the only ceiling of rates is one of tokens.
    """
    for rule in USE_RULES:
        if call["key"] is None:
            yield rule.id, str(NotJudged.NO_CALLER)
        elif rule is SHARED:
            if call["project"] is None:
                yield rule.id, str(NotJudged.NO_PROJECT)
        elif call["at"] is None:
            yield rule.id, str(NotJudged.NO_TIME)
        elif rule is RATE and by_tokens and all(call[name] is None for name in _TOKENS):
            yield rule.id, str(NotJudged.NO_TOKENS)
