"""Rules over time: what is a finding, what is not by one call or minute, and that order is free."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from call_registers import call, register
from hypothesis import given
from hypothesis import strategies as st

from scrubtrace.calls.check import judge_call
from scrubtrace.calls.register import Key, Project
from scrubtrace.calls.totals import (
    EXAMPLES,
    Brief,
    Total,
    TotalKey,
    added,
    brief,
    day_of,
    merged,
    totals_of,
)
from scrubtrace.calls.use import UseFinding, is_notable, regrouped, use_findings
from scrubtrace.schemas.calls import CallRecord, Message

SPEC = register()
START = datetime(2025, 3, 1, 23, 58, tzinfo=UTC)


def at(moment: datetime, **changes: Any) -> CallRecord:
    return call(timestamp=moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), **changes)


def briefs(records: Iterable[CallRecord], spec: Any = SPEC) -> list[Brief]:
    return [
        brief(record, judge_call(record, spec), (0, number), record.caller, record.key)
        for number, record in enumerate(records)
    ]


def summed(calls: Iterable[Brief], spec: Any = SPEC) -> list[tuple[TotalKey, Total]]:
    """The totals as the pipeline makes them, in plain Python."""
    first: dict[TotalKey, Total] = {}
    for one in calls:
        for key, total in totals_of(one, spec):
            first[key] = added(first.get(key, Total()), total)
    second: dict[TotalKey, Total] = {}
    for key, total in first.items():
        if (found := regrouped(key, total, spec)) is not None:
            second[found[0]] = added(second.get(found[0], Total()), found[1])
    keys = spec.key_of
    return [(key, total) for key, total in second.items() if is_notable(key, total, spec, keys)]


def findings(records: Iterable[CallRecord], spec: Any = SPEC) -> list[UseFinding]:
    return list(use_findings(summed(briefs(records, spec), spec), spec, spec.key_of))


def minutes(counts: Iterable[int]) -> Iterator[CallRecord]:
    """So many calls in each minute from START on."""
    for minute, count in enumerate(counts):
        for second in range(count):
            yield at(START + timedelta(minutes=minute, seconds=second))


@pytest.mark.parametrize(
    ("counts", "values"),
    [
        ([8, 8, 8], ["3 minutes without a pause"]),
        ([8, 8, 7], []),
        ([8, 8, 7, 8, 8], []),
        ([8, 8, 0, 8, 8, 9, 30], ["4 minutes without a pause"]),
        ([8, 8, 8, 0, 8, 8, 8], ["3 minutes without a pause"] * 2),
    ],
)
def test_sustained_use_of_the_rate_over_midnight(counts: list[int], values: list[str]) -> None:
    found = [f for f in findings(minutes(counts)) if f.rule.id == "rate.ceiling"]
    assert [f.value for f in found] == values


def test_a_run_says_when_it_began_and_ended() -> None:
    (found,) = findings(minutes([8, 8, 8]))
    assert (found.first, found.last) == (
        "2025-03-01T23:58:00.000000Z",
        "2025-03-02T00:00:00.000000Z",
    )
    assert (found.caller, found.calls) == ("svc-1", 24)


def test_callers_do_not_share_a_rate_and_tokens_count_too() -> None:
    shared = [replace(r, caller=f"svc-{n % 2}") for n, r in enumerate(minutes([8, 8, 8]))]
    assert findings(shared) == []
    spec = replace(SPEC, limits=replace(SPEC.limits, tokens_per_minute=100))
    tokens = [replace(record, completion_tokens=80) for record in minutes([1, 1, 1])]
    assert [f.rule.id for f in findings(tokens, spec)] == ["rate.ceiling"]
    assert findings(tokens) == []


def bulk(calls: int, same: int, hours: int, tokens: int) -> list[CallRecord]:
    """Calls of one day of which ``same`` open alike, the others each in their own way."""
    day = datetime(2025, 3, 3, tzinfo=UTC)
    prompts = [f"Write question {n} about kettles." for n in range(same)]
    prompts += [f"{chr(97 + n)} kettle?" for n in range(calls - same)]
    return [
        at(day + timedelta(hours=n % hours), completion_tokens=tokens,
           prompt=(Message("system", "Be brief."), Message("user", prompt)))
        for n, prompt in enumerate(prompts)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("shape", "hit"),
    [
        ((20, 15, 20, 0), True),
        ((19, 19, 19, 500), False),
        ((20, 14, 20, 0), False),
        ((20, 15, 19, 0), False),
        ((20, 15, 1, 100), True),
        ((20, 15, 1, 99), False),
        ((20, 0, 20, 100), True),
    ],
)
def test_bulk_shape_needs_two_signs(shape: tuple[int, int, int, int], hit: bool) -> None:
    found = [f.rule.id for f in findings(bulk(*shape))]
    assert ("bulk.shape" in found) is hit


def test_projects_that_are_there_for_bulk_are_left_out() -> None:
    spec = replace(SPEC, projects=(Project("helpdesk", bulk=True),))
    assert findings(bulk(20, 20, 20, 100), spec) == []


@pytest.mark.parametrize(
    ("projects", "caller", "value"),
    [
        (["helpdesk", "lab"], "svc-1", "helpdesk, lab"),
        (["helpdesk", "help desk"], "svc-1", None),
        (["helpdesk", None], "svc-1", None),
        (["helpdesk", "lab"], "gateway", None),
        ([f"p{n:02}" for n in range(20)], "svc-1",
         "p00, p01, p02, p03, p04, p05, p06, p07 and 12 more"),
    ],
)  # fmt: skip
def test_keys_shared_between_projects(
    projects: list[str | None], caller: str, value: str | None
) -> None:
    records = [at(START, project=project, caller=caller) for project in projects]
    found = [f.value for f in findings(records) if f.rule.id == "key.shared"]
    assert found == ([] if value is None else [value])


def test_a_key_counts_before_its_users() -> None:
    users = [at(START, caller=f"user-{n}", key="k", project=f"p{n}") for n in range(2)]
    assert [(f.rule.id, f.caller) for f in findings(users)] == [("key.shared", "k")]
    keys = [at(START, key=f"k{n}", project=f"p{n}") for n in range(2)]
    assert findings(keys) == []
    busy = [replace(r, caller=f"u{n}", key="k") for n, r in enumerate(minutes([8, 8, 8]))]
    assert [(f.rule.id, f.caller) for f in findings(busy)] == [("rate.ceiling", "k")]


def days(*numbers: int, caller: str = "svc-1") -> list[CallRecord]:
    noon = datetime(2025, 3, 1, 12, tzinfo=UTC)
    return [at(noon + timedelta(days=number), caller=caller) for number in numbers]


@pytest.mark.parametrize(
    ("numbers", "gaps"),
    [
        ((0, 3), []),
        ((0, 4), [("2025-03-02", "2025-03-04", "3 days without a call")]),
        ((0, 1, 2, 6, 7, 20),
         [("2025-03-04", "2025-03-06", "3 days without a call"),
          ("2025-03-09", "2025-03-20", "12 days without a call")]),
    ],
)  # fmt: skip
def test_gaps_between_calls(numbers: tuple[int, ...], gaps: list[tuple[str, str, str]]) -> None:
    found = [f for f in findings(days(*numbers)) if f.rule.id == "key.gap"]
    assert [(str(f.first)[:10], str(f.last)[:10], f.value) for f in found] == gaps


@pytest.mark.parametrize(
    ("log_from", "log_to", "numbers", "first_days"),
    [
        ("2025-02-26T00:00:00.000000Z", None, (0,), ["2025-02-26"]),
        ("2025-02-27T00:00:00.000000Z", None, (0,), []),
        # The period begins within the 26th: only whole days count.
        ("2025-02-26T00:00:00.000001Z", None, (0,), []),
        (None, "2025-03-05T00:00:00.000000Z", (0,), ["2025-03-02"]),
        (None, "2025-03-04T23:59:59.999999Z", (0,), []),
        ("2025-03-01T00:00:00.000000Z", "2025-03-05T00:00:00.000000Z", (), ["2025-03-01"]),
    ],
)
def test_a_key_of_the_register_has_to_be_in_the_log_over_its_period(
    log_from: str | None, log_to: str | None, numbers: tuple[int, ...], first_days: list[str]
) -> None:
    spec = replace(SPEC, keys=(Key("svc-1", log_from, log_to),))
    found = [f for f in findings(days(*numbers), spec) if f.rule.id == "key.gap"]
    assert [str(f.first)[:10] for f in found] == first_days


def test_calls_without_caller_or_time_are_counted_as_not_judged() -> None:
    totals = dict(summed(briefs([call(caller=None), call(timestamp=None)])))
    assert totals["count", "not_judged", "over time", "no_caller"].calls == 1
    assert totals["count", "not_judged", "over time", "no_time"].calls == 1
    assert totals["count", "calls"].calls == 2


def test_rules_that_are_off_give_no_finding() -> None:
    assert findings(minutes([8, 8, 8]), replace(SPEC, off=("rate.ceiling",))) == []


TOTAL = st.builds(
    Total,
    *(st.integers(0, 9) for _ in range(4)),
    st.none() | st.sampled_from(["a", "b"]),
    st.none() | st.sampled_from(["a", "b"]),
    st.integers(0, 1 << 70),
    st.lists(st.tuples(st.integers(0, 20)), max_size=EXAMPLES, unique=True)
    .map(sorted).map(tuple),
)  # fmt: skip


@given(st.lists(TOTAL, max_size=6), st.randoms(use_true_random=False))
def test_totals_add_up_to_the_same_in_any_order_and_grouping(
    totals: list[Total], chance: random.Random
) -> None:
    shuffled = chance.sample(totals, len(totals))
    cut = len(totals) // 2
    assert merged(totals) == merged(shuffled)
    assert merged(totals) == added(merged(totals[:cut]), merged(totals[cut:]))


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))
def test_days_are_those_of_the_calendar(moment: datetime) -> None:
    expected = (moment - datetime(1970, 1, 1)).days
    assert day_of(f"{moment.isoformat(timespec='microseconds')}Z") == expected
