"""Totals over calls that add up to the same in any order: what rules over time are made of."""

import hashlib
import re
from collections.abc import Iterable, Iterator
from functools import reduce
from typing import NamedTuple

from scrubtrace.calls.register import Register
from scrubtrace.calls.repeated import judged_digest
from scrubtrace.schemas.call_rules import Judgement
from scrubtrace.schemas.calls import CallRecord

EXAMPLES = 8
"""Calls, or names, that a total remembers: the first of them in order."""

OPENING = 32
"""Code points of a prompt that are compared for the shape of bulk generation, numbers as one."""

DAY_MINUTES = 24 * 60

_NUMBER = re.compile(r"\d+")

TotalKey = tuple[str | int | None, ...]
Group = tuple[str | None, ...]


class Brief(NamedTuple):
    """What is needed of one judged call, without any text.

    ``order`` is the number of its unit and its number in it. ``caller`` and ``key`` are
    pseudonymous; ``key`` is the caller where the log has no key. ``minute`` counts from 1970 in
    UTC, None without a time. ``opening`` is a digest of the beginning of the
    first message of a user. ``groups`` has rule, severity, value and terms of each violation.
    ``labels`` are project, purpose, market and model: ids of the register, else what the log says.
    ``judged`` tells whether another record with the id is the same call (see `repeated`).
    """

    order: tuple[int, int]
    call_id: str
    file: str
    line: int
    at: str | None
    minute: int | None
    caller: str | None
    key: str | None
    labels: Group
    prompt_tokens: int
    completion_tokens: int
    opening: str | None
    groups: tuple[Group, ...]
    abstained: tuple[tuple[str, str], ...]
    judged: int = 0


class Total(NamedTuple):
    """Sums, bounds and sets over calls or over other totals.

    ``parts`` counts the totals that went in, ``most`` the calls of the largest. ``bits`` is a set
    of small numbers: days since 1970, hours or minutes of a day. ``examples`` are the least
    `EXAMPLES` of all. ``first`` and ``last`` are None where no call has a time.
    """

    calls: int = 0
    tokens: int = 0
    parts: int = 0
    most: int = 0
    first: str | None = None
    last: str | None = None
    bits: int = 0
    examples: tuple[tuple[str | int, ...], ...] = ()


def brief(
    record: CallRecord,
    judgement: Judgement,
    order: tuple[int, int],
    caller: str | None,
    key: str | None = None,
) -> Brief:
    """What is needed of a call once it is judged."""
    labels = (
        judgement.project or record.project,
        judgement.purpose or record.purpose,
        judgement.market or record.market,
        judgement.model or record.model_served or record.model_requested,
    )
    groups = {(v.rule, str(v.severity), v.value, v.terms): None for v in judgement.violations}
    return Brief(
        order,
        record.call_id,
        record.source_file,
        record.source_line,
        judgement.at,
        None if judgement.at is None else minute_of(judgement.at),
        caller,
        key or caller,
        labels,
        record.prompt_tokens or 0,
        record.completion_tokens or 0,
        _opening(record),
        tuple(groups),
        tuple((rule, str(reason)) for rule, reason in judgement.abstained),
        judged_digest(record),
    )


def minute_of(at: str) -> int:
    """Minutes since 1970 of a timestamp as call records have it."""
    return day_of(at) * DAY_MINUTES + int(at[11:13]) * 60 + int(at[14:16])


def day_of(at: str) -> int:
    """Days since 1970 of a timestamp as call records have it (proleptic Gregorian calendar)."""
    year, month, day = int(at[:4]), int(at[5:7]), int(at[8:10])
    if month < 3:
        year, month = year - 1, month + 12
    leap_days = year // 4 - year // 100 + year // 400
    return 365 * year + leap_days + (153 * (month - 3) + 2) // 5 + day - 719_469


def _opening(record: CallRecord) -> str | None:
    for message in record.prompt:
        if message.role in ("user", "human") and message.text:
            start = _NUMBER.sub("0", message.text[: 2 * OPENING].casefold())[:OPENING]
            return hashlib.blake2b(start.encode(), digest_size=8).hexdigest()
    return None


def merged(totals: Iterable[Total]) -> Total:
    """One total of many, in any order."""
    return reduce(added, totals, Total())


def added(one: Total, other: Total) -> Total:
    """The total of two, the same in either order."""
    examples = one.examples or other.examples
    if one.examples and other.examples and one.examples != other.examples:
        examples = tuple(sorted({*one.examples, *other.examples})[:EXAMPLES])
    first, last = one.first, one.last
    if first is None or (other.first is not None and other.first < first):
        first = other.first
    if last is None or (other.last is not None and other.last > last):
        last = other.last
    return Total(
        one.calls + other.calls,
        one.tokens + other.tokens,
        one.parts + other.parts,
        one.most if one.most >= other.most else other.most,
        first,
        last,
        one.bits | other.bits,
        examples,
    )


def totals_of(call: Brief, register: Register) -> Iterator[tuple[TotalKey, Total]]:
    """What one call adds to which totals; the first part of a key says of what kind it is."""
    tokens = call.prompt_tokens + call.completion_tokens
    yield ("count", "calls"), Total(1, tokens, first=call.at, last=call.at)
    for rule, reason in call.abstained:
        yield ("count", "not_judged", rule, reason), Total(1)
    if call.groups:
        yield ("count", "calls_with_violations"), Total(1, tokens)
        for broken in {group[0] for group in call.groups}:
            yield ("count", "rule", broken), Total(1)
        example = (*call.order, call.call_id, call.file, call.line)
        for group in call.groups:
            key = ("finding", *group, *call.labels, call.caller)
            yield key, Total(1, tokens, 0, 0, call.at, call.at, 0, (example,))
    yield from _over_time(call, register, tokens)


def _over_time(call: Brief, register: Register, tokens: int) -> Iterator[tuple[TotalKey, Total]]:
    if call.key is None:
        yield ("count", "not_judged", "over time", "no_caller"), Total(1)
        return
    project = call.labels[0]
    if project is not None:
        yield ("project", call.key, project), Total(1, tokens, 0, 0, call.at, call.at)
    if call.minute is None or call.at is None:
        yield ("count", "not_judged", "over time", "no_time"), Total(1)
        return
    limits = register.limits
    day, minute = divmod(call.minute, DAY_MINUTES)
    yield ("days", call.key), Total(1, tokens, 0, 0, call.at, call.at, 1 << max(day, 0))
    if limits.calls_per_minute or limits.tokens_per_minute:
        yield ("minute", call.key, call.minute), Total(1, tokens, 0, 0, call.at, call.at)
    if limits.bulk_calls_per_day:
        key = ("opening", call.caller or call.key, project, day, call.opening)
        hours = 1 << (minute // 60)
        yield key, Total(1, call.completion_tokens, 0, 0, call.at, call.at, hours)
