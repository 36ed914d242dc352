"""Rules about use over time: rates, the shape of bulk generation, shared keys, gaps in the log.

Totals of calls become totals of days and callers, and these become findings. All of it is pure and
does not depend on the order of calls.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from scrubtrace.calls.register import Key, Limits, Register
from scrubtrace.calls.totals import DAY_MINUTES, Total, TotalKey, day_of, merged
from scrubtrace.schemas.call_rules import RuleInfo, Severity

RATE = RuleInfo(
    "rate.ceiling",
    Severity.MEDIUM,
    "a caller used up its rate for a long time without a pause",
    "ask what the caller does; people pause, generation of data sets does not",
)
BULK = RuleInfo(
    "bulk.shape",
    Severity.HIGH,
    "a day of a caller has the shape of bulk generation",
    "ask where the answers went, and look for them in training data",
)
SHARED = RuleInfo(
    "key.shared",
    Severity.MEDIUM,
    "one key, account or user called for several projects",
    "give each project a key of its own, so that its calls can be told apart",
)
GAP = RuleInfo(
    "key.gap",
    Severity.MEDIUM,
    "the log has no calls of a key for longer than it may",
    "look for the missing part of the log; calls that are not in it are not checked",
)

USE_RULES = (RATE, BULK, SHARED, GAP)

SHOWN_PROJECTS = 8

_MIDNIGHT = "T00:00:00.000000Z"


@dataclass(frozen=True, slots=True)
class UseFinding:
    """A rule that the calls of one caller break together. ``caller`` is pseudonymous."""

    rule: RuleInfo
    caller: str
    value: str
    project: str | None = None
    calls: int = 0
    tokens: int = 0
    first: str | None = None
    last: str | None = None


def regrouped(key: TotalKey, total: Total, register: Register) -> tuple[TotalKey, Total] | None:
    """What the total of a key adds to the total of a caller or day; None if nothing.

    Totals of other kinds stay as they are.
    """
    limits = register.limits
    kind, *rest = key
    if kind == "minute":
        caller, minute = rest
        if not _is_hot(total, limits):
            return None
        hot_day, of_day = divmod(int(minute or 0), DAY_MINUTES)
        return ("hot", caller, hot_day), total._replace(bits=1 << of_day)
    if kind == "opening":
        caller, project, day, opening = rest
        most = 0 if opening is None else total.calls
        return ("shape", caller, project, day), total._replace(parts=1, most=most)
    if kind == "project":
        caller, project = rest
        return ("shared", caller), total._replace(parts=1, examples=((str(project),),))
    return key, total


def is_notable(key: TotalKey, total: Total, register: Register, keys: Mapping[str, Key]) -> bool:
    """Whether a total goes into a finding or a count; ``keys`` has those of the register."""
    kind = key[0]
    if kind == "shape":
        bulk = {project.id for project in register.projects if project.bulk}
        return key[2] not in bulk and bool(_shape(total, register.limits))
    if kind == "shared":
        own = keys.get(str(key[1]))
        return total.parts > 1 and not (own and own.shared)
    if kind == "days":
        caller = str(key[1])
        return caller in keys or any(_gaps(total, register.limits, None))
    return True


def use_findings(
    totals: Iterable[tuple[TotalKey, Total]], register: Register, keys: Mapping[str, Key]
) -> Iterator[UseFinding]:
    """Findings of the notable totals, ordered by rule, caller and time."""
    hot: defaultdict[str, dict[int, Total]] = defaultdict(dict)
    seen: dict[str, Total] = {}
    found: list[UseFinding] = []
    for key, total in totals:
        caller = str(key[1])
        if key[0] == "hot":
            hot[caller][int(key[2] or 0)] = total
        elif key[0] == "shape":
            project = None if key[2] is None else str(key[2])
            found.append(_of(BULK, caller, _shape(total, register.limits), total, project))
        elif key[0] == "shared":
            found.append(_of(SHARED, caller, _projects(total), total))
        elif key[0] == "days":
            seen[caller] = total
    for caller, days in hot.items():
        found += _sustained(caller, days, register.limits)
    for caller in {*seen, *keys}:
        total = seen.get(caller, Total())
        gaps = _gaps(total, register.limits, keys.get(caller))
        found += (_gap(caller, start, stop) for start, stop in gaps)
    found = [finding for finding in found if finding.rule.id not in register.off]
    yield from sorted(found, key=lambda f: (f.rule.id, f.caller, f.first or "", f.project or ""))


def _is_hot(total: Total, limits: Limits) -> bool:
    reached = (
        (limits.calls_per_minute, total.calls),
        (limits.tokens_per_minute, total.tokens),
    )
    return any(
        ceiling is not None and used >= math.ceil(limits.sustained_share * ceiling - 1e-9)
        for ceiling, used in reached
    )


def _sustained(caller: str, days: Mapping[int, Total], limits: Limits) -> Iterator[UseFinding]:
    """Runs of minutes at the ceiling, over midnight too; the sums are of the days they lie in."""
    start = stop = None
    for day in sorted(days):
        for minute in _numbers(days[day].bits):
            now = day * DAY_MINUTES + minute
            if now != stop:
                yield from _run(caller, start, stop, days, limits)
                start = now
            stop = now + 1
    yield from _run(caller, start, stop, days, limits)


def _run(
    caller: str, start: int | None, stop: int | None, days: Mapping[int, Total], limits: Limits
) -> Iterator[UseFinding]:
    if start is None or stop is None or stop - start < limits.sustained_minutes:
        return
    of_days = range(start // DAY_MINUTES, (stop - 1) // DAY_MINUTES + 1)
    total = merged(days[day] for day in of_days)
    value = f"{stop - start} minutes without a pause"
    first, last = _minute_text(start), _minute_text(stop - 1)
    yield UseFinding(RATE, caller, value, None, total.calls, total.tokens, first, last)


def _shape(total: Total, limits: Limits) -> str:
    """What makes a day look like bulk generation; empty if it does not."""
    if not limits.bulk_calls_per_day or total.calls < limits.bulk_calls_per_day:
        return ""
    hours, same = total.bits.bit_count(), total.most / total.calls
    mean = total.tokens / total.calls
    signs = []
    if same >= limits.bulk_same_opening:
        signs.append(f"{same:.0%} of prompts begin alike")
    if hours >= limits.bulk_hours:
        signs.append(f"calls in {hours} hours of the day")
    if mean >= limits.bulk_completion_tokens:
        signs.append(f"{mean:,.0f} tokens an answer")
    return "; ".join(signs) if len(signs) > 1 else ""


def _projects(total: Total) -> str:
    shown = ", ".join(str(example[0]) for example in total.examples[:SHOWN_PROJECTS])
    left_out = total.parts - min(len(total.examples), SHOWN_PROJECTS)
    return f"{shown} and {left_out:,} more" if left_out > 0 else shown


def _gaps(total: Total, limits: Limits, key: Key | None) -> Iterator[tuple[int, int]]:
    """Days without calls, half open: between calls, and to the ends of a key's own period.

    A period that begins or ends within a UTC day is judged by whole days inside it.
    """
    if limits.max_gap_days is None:
        return
    days = list(_numbers(total.bits))
    if key is not None and key.log_from is not None:
        starts = day_of(key.log_from) + (key.log_from[10:] != _MIDNIGHT) - 1
        days = [starts, *(day for day in days if day > starts)]
    if key is not None and key.log_to is not None:
        stops = day_of(key.log_to)
        days = [*(day for day in days if day < stops), stops]
    for day, following in pairwise(days):
        if following - day - 1 > limits.max_gap_days:
            yield day + 1, following


def _gap(caller: str, start: int, stop: int) -> UseFinding:
    value = f"{stop - start} days without a call"
    first, last = _minute_text(start * DAY_MINUTES), _minute_text(stop * DAY_MINUTES - 1)
    return UseFinding(GAP, caller, value, first=first, last=last)


def _of(
    rule: RuleInfo, caller: str, value: str, total: Total, project: str | None = None
) -> UseFinding:
    return UseFinding(
        rule, caller, value, project, total.calls, total.tokens, total.first, total.last
    )


def _numbers(bits: int) -> Iterator[int]:
    """Numbers in a set of bits, rising."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


def _minute_text(minute: int) -> str:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
