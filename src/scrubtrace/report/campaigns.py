"""Campaigns in the report: which the log knows, and what the records of their checks say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from scrubtrace.campaign.record import Previous, read_previous
from scrubtrace.exits import UsageStop
from scrubtrace.messages import ENGLISH
from scrubtrace.review.report.model import Section, Table
from scrubtrace.review.table import review_events
from scrubtrace.review.trail.events import EventKind
from scrubtrace.schemas.campaign import ExceptionState
from scrubtrace.schemas.messages import Messages

SHOWN = 50
SOON_DAYS = 30
"""An exception that expires within so many days of the check is told apart."""

NONE = "–"


@dataclass(frozen=True)
class Noted:
    """A check that the log of the review table knows; ``sha256`` is the digest of its record."""

    campaign: str
    as_of: str
    open: int
    sha256: str


@dataclass(frozen=True)
class Campaigns:
    """Checks that the log knows, the newest first, and the records that were given."""

    noted: tuple[Noted, ...] = ()
    records: tuple[Previous, ...] = ()


def noted_checks(connection: Connection) -> tuple[Noted, ...]:
    """The checks in the log, the newest first."""
    asked = select(review_events.c.payload).where(review_events.c.kind == str(EventKind.CAMPAIGN))
    payloads = connection.execute(asked.order_by(review_events.c.seq.desc())).scalars()
    keys = ("campaign", "as_of", "open", "record_sha256")
    return tuple(Noted(*(json.loads(payload)[key] for key in keys)) for payload in payloads)


def read_records(paths: Sequence[str], dataset: str) -> tuple[Previous, ...]:
    """Records of checks that are about a data set; raises `UsageStop` and `SumsDifferStop`."""
    found = []
    for path in paths:
        record = read_previous(path)
        if record.scope(dataset) is None:
            raise UsageStop(f"{path} is a record of a campaign without data set {dataset}")
        found.append(record)
    return tuple(found)


def campaign_sections(found: Campaigns, messages: Messages) -> list[Section]:
    """What is known of campaigns, then a section for each record; nothing without any."""
    if not found.noted and not found.records:
        return []
    known = {one.sha256 for one in found.noted}
    overview = Section(
        "campaigns",
        messages.text("Campaigns"),
        (
            messages.text(
                "A campaign is a named review: which shards there should be, which steps are "
                "required, and what is left out. The log of the review table knows these checks."
            ),
        ),
        tables=(_noted(found, messages),) if found.noted else (),
    )
    return [
        overview,
        *(
            _record_section(number, record.content, record.sha256 in known, messages)
            for number, record in enumerate(found.records, 1)
        ),
    ]


def _noted(found: Campaigns, messages: Messages) -> Table:
    given = {record.sha256 for record in found.records}
    columns = (
        messages.text("campaign"),
        messages.text("as of"),
        messages.text("required and open"),
        messages.text("record"),
    )
    rows = tuple(
        (
            one.campaign,
            _day(one.as_of, messages),
            messages.number(one.open),
            messages.text("shown below") if one.sha256 in given else one.sha256[:16],
        )
        for one in found.noted
    )
    return _cut(columns, rows, messages, columns[2:3])


def _record_section(
    number: int, content: Mapping[str, Any], is_noted: bool, messages: Messages
) -> Section:
    campaign = content["campaign"]
    about = messages.text(
        "{purpose}: from {begins} to {ends}, owner {owner}, checked as of {day}.",
        purpose=campaign["purpose"], owner=campaign["owner"],
        begins=_day(campaign["begins"], messages), ends=_day(campaign["ends"], messages),
        day=_day(content["as_of"], messages),
    )  # fmt: skip
    tables = (
        _scope(content, messages),
        _steps(content, messages),
        _required(content, messages),
        _actions(content, messages),
        _exceptions(content, messages),
        _changes(content, messages),
    )
    return Section(
        f"campaign-{number}",
        messages.text("Campaign {name}", name=campaign["name"]),
        (about, _state(content, messages), *_compared(content, messages)),
        tuple(_warnings(content, is_noted, messages)),
        tables=tuple(table for table in tables if table.rows),
    )


def _state(content: Mapping[str, Any], messages: Messages) -> str:
    if content["complete"]:
        return messages.text("It is complete: nothing that it requires is open.")
    return messages.plural(
        "It is not complete: {count} thing that it requires is open.",
        "It is not complete: {count} things that it requires are open.",
        len(content["required"]),
    )


def _compared(content: Mapping[str, Any], messages: Messages) -> Iterator[str]:
    found = content["comparison"]
    if found is None:
        return
    previous = {
        "name": found["previous_name"],
        "day": _day(found["previous_as_of"], messages),
    }
    if found["differs"]:
        yield messages.text(
            "Beside {name} as of {day}: flags before and now are not comparable, as the policy or "
            "the detectors are others.",
            **previous,
        )
        return
    yield messages.text(
        "Beside {name} as of {day}: flags are comparable, with the same policy and detectors.",
        **previous,
    )


def _warnings(content: Mapping[str, Any], is_noted: bool, messages: Messages) -> Iterator[str]:
    if not is_noted:
        yield messages.text("The log of this review table does not know this check.")
    day = date.fromisoformat(content["as_of"])
    for one in content["exceptions"]:
        if one["expires"] is None or one["state"] == ExceptionState.NOT_APPROVED:
            continue
        left = (date.fromisoformat(one["expires"]) - day).days
        shown = {"name": one["id"], "day": _day(one["expires"], messages)}
        if one["state"] == ExceptionState.EXPIRED:
            yield messages.text("Exception {name} expired on {day}.", **shown)
        elif left <= SOON_DAYS:
            yield messages.text("Exception {name} expires on {day}.", **shown)


def _scope(content: Mapping[str, Any], messages: Messages) -> Table:
    columns = (
        messages.text("data set"),
        messages.text("expected shards"),
        messages.text("scanned"),
        messages.text("rows"),
        messages.text("texts"),
        messages.text("not scanned"),
        messages.text("of them excepted"),
    )
    rows = []
    for one in content["scope"]:
        excepted = sum(gap["exception"] is not None for gap in one["gaps"])
        names = ("expected_shards", "shards", "rows", "texts")
        numbers = (*(one[name] for name in names), len(one["gaps"]), excepted)
        rows.append((one["dataset"], *map(messages.number, numbers)))
    return _cut(columns, tuple(rows), messages, columns[1:])


def _steps(content: Mapping[str, Any], messages: Messages) -> Table:
    columns = (
        messages.text("step"),
        messages.text("about"),
        messages.text("done"),
        messages.text("wanted"),
        messages.text("state"),
    )
    rows = tuple(
        (
            messages.name("step", one["step"]),
            one["about"],
            messages.number(one["done"]),
            messages.number(one["wanted"]),
            _step_state(one, messages),
        )
        for one in content["steps"]
    )
    return _cut(columns, rows, messages, columns[2:4])


def _step_state(step: Mapping[str, Any], messages: Messages) -> str:
    if not step["required"]:
        return messages.text("not required")
    return messages.text("complete") if step["complete"] else messages.text("open")


def _required(content: Mapping[str, Any], messages: Messages) -> Table:
    """What is open; a record has it in English, and so only English reports do."""
    shown = content["required"] if messages.language == ENGLISH.language else ()
    columns = (messages.text("required and open"),)
    return _cut(columns, tuple((words,) for words in shown), messages)


def _actions(content: Mapping[str, Any], messages: Messages) -> Table:
    columns = (
        messages.text("open action"),
        messages.text("due"),
        messages.text("owner"),
        messages.text("what"),
    )
    rows = tuple(
        (
            one["id"],
            messages.text("{day}, overdue", day=one["due"]) if one["is_overdue"] else one["due"],
            one["owner"],
            one["what"],
        )
        for one in content["actions"]
        if one["is_open"]
    )
    return _cut(columns, rows, messages)


def _exceptions(content: Mapping[str, Any], messages: Messages) -> Table:
    """The last columns are set as numbers, so that no word of theirs is broken by a long reason."""
    columns = (
        messages.text("exception"),
        messages.text("approver"),
        messages.text("reason"),
        messages.text("state"),
        messages.text("expires"),
        messages.text("places"),
    )
    rows = tuple(
        (
            one["id"],
            one["approver"] or NONE,
            one["reason"],
            messages.name("exception", one["state"]),
            one["expires"] or NONE,
            messages.number(one["places"]),
        )
        for one in content["exceptions"]
    )
    return _cut(columns, rows, messages, columns[3:])


def _changes(content: Mapping[str, Any], messages: Messages) -> Table:
    columns = (
        messages.text("data set"),
        messages.text("kind"),
        messages.text("flagged before"),
        messages.text("flagged now"),
        messages.text("open before"),
        messages.text("open now"),
        messages.text("new"),
        messages.text("solved"),
    )
    found = content["comparison"]
    rows = tuple(
        (
            one["dataset"],
            messages.name("kind", one["kind"]),
            *map(messages.number, (*one["flagged"], *one["open"])),
            *(NONE if one[key] is None else messages.number(one[key]) for key in ("new", "solved")),
        )
        for one in (found["kinds"] if found is not None else ())
    )
    return _cut(columns, rows, messages, columns[2:])


def _cut(
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    messages: Messages,
    numbers: Sequence[str] = (),
) -> Table:
    """A table of the first rows, which says how many are left out."""
    more = len(rows) - SHOWN
    note = ""
    if more > 0:
        note = messages.plural(
            "{count} more row is not shown.", "{count} more rows are not shown.", more
        )
    return Table(columns, rows[:SHOWN], frozenset(numbers), note)


def _day(text: str, messages: Messages) -> str:
    return messages.date(date.fromisoformat(text))
