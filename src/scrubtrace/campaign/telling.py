"""A check in words, for people."""

from collections import Counter
from collections.abc import Iterator

from scrubtrace.campaign.check import GAP_WORDS
from scrubtrace.runs.reading import counted, table
from scrubtrace.schemas.campaign import (
    Checked,
    Comparison,
    DataScope,
    ShardGap,
)

SHOWN = 5
"""Shards that are named for each reason; the record names all."""


def check_lines(checked: Checked) -> Iterator[str]:
    """The whole check."""
    campaign = checked.campaign
    yield f"campaign {campaign.name}: {campaign.purpose}"
    yield (
        f"{campaign.begins} to {campaign.ends}, owner {campaign.owner}, as of {checked.as_of}; "
        f"policy {campaign.policy}"
    )
    for scope in checked.scope:
        yield ""
        yield from _scope(scope)
    yield ""
    yield from _steps(checked)
    yield from _exceptions(checked)
    yield from _actions(checked)
    if checked.comparison is not None:
        yield ""
        yield from _comparison(checked.comparison)
    yield ""
    yield from (f"note: {note}" for note in checked.notes)
    yield from (f"OPEN  {words}" for words in checked.required)
    state = "complete" if not checked.required else f"not complete: {len(checked.required)} open"
    yield f"campaign {campaign.name} is {state}"


def _scope(scope: DataScope) -> Iterator[str]:
    yield (
        f"{scope.dataset}: scanned {scope.shards:,} of {scope.expected_shards:,} expected shards, "
        f"{scope.rows:,} rows, {scope.texts:,} texts, {scope.bytes:,} bytes"
    )
    if scope.null_texts or scope.empty_texts:
        yield f"  nothing to judge: {scope.null_texts:,} null texts, {scope.empty_texts:,} empty"
    if scope.newest_run is None:
        yield "  no full scan is committed"
    else:
        yield f"  newest run {scope.newest_run}, committed with policy {scope.policy}"
        yield f"  languages: {counted(scope.languages, 8)}"
    for one in scope.detectors:
        yield (
            f"  detector {one.name} {one.version} ({one.fingerprint[:8]}): "
            f"{one.shards:,} shards, {one.rows:,} rows"
        )
    yield from _gaps(scope)
    for name, reasons in scope.abstained.items():
        yield f"  not judged by {name}: {counted(reasons)} texts"
    if scope.sampled_out:
        yield f"  left out by a sample: {scope.sampled_out:,} rows"
    if scope.columns:
        others = ", ".join(scope.columns_not_judged) or "none"
        yield f"  columns judged: {', '.join(scope.columns)}; other columns of text: {others}"
    for path, count in scope.turns_not_judged.items():
        yield f"  turns of other roles in {path}: {count:,}"


def _gaps(scope: DataScope) -> Iterator[str]:
    found: dict[tuple[str, str | None], list[ShardGap]] = {}
    for gap in scope.gaps:
        found.setdefault((gap.gap, gap.exception), []).append(gap)
    for (why, exception), its in found.items():
        rows = sum(one.rows or 0 for one in its)
        known = "" if all(one.rows is not None for one in its) else ", of some not known"
        named = ", ".join(_named(one) for one in its[:SHOWN])
        more = f" and {len(its) - SHOWN:,} more" if len(its) > SHOWN else ""
        mark = f"exception {exception}" if exception else "NOT SCANNED"
        yield f"  {mark}: {GAP_WORDS[why]}: {len(its):,} ({rows:,} rows{known}): {named}{more}"


def _named(gap: ShardGap) -> str:
    return f"{gap.shard} ({gap.detail})" if gap.detail else gap.shard


def _steps(checked: Checked) -> Iterator[str]:
    rows = [
        (
            step.step, step.about, f"{step.done:,}", f"{step.wanted:,}", step.unit,
            ("done" if step.is_complete else "OPEN") if step.required else "not required",
            counted(Counter(step.counts)) if any(step.counts.values()) else "",
        )
        for step in checked.steps
    ]  # fmt: skip
    yield from table(("STEP", "OF", "DONE", "WANTED", "UNIT", "STATE", "COUNTS"), rows)


def _exceptions(checked: Checked) -> Iterator[str]:
    if not checked.exceptions:
        return
    yield ""
    rows = [
        (
            one.id, one.state, one.approver or "-", str(one.expires or "-"), f"{one.shards:,}",
            f"{one.rows:,}", f"{one.abstained_texts:,}", f"{one.places:,}", one.reason,
        )
        for one in checked.exceptions
    ]  # fmt: skip
    head = ("EXCEPTION", "STATE", "APPROVER", "EXPIRES", "SHARDS", "ROWS", "ABSTAINED", "PLACES",
            "REASON")  # fmt: skip
    yield from table(head, rows)


def _actions(checked: Checked) -> Iterator[str]:
    if not checked.actions:
        return
    yield ""
    rows = [
        (
            one.id, one.state, str(one.due) + (" OVERDUE" if one.is_overdue else ""), one.owner,
            one.closed_by or "-", one.what,
        )
        for one in sorted(checked.actions, key=lambda one: (not one.is_open, one.due, one.id))
    ]  # fmt: skip
    yield from table(("ACTION", "STATE", "DUE", "OWNER", "CLOSED BY", "WHAT"), rows)


def _comparison(found: Comparison) -> Iterator[str]:
    yield f"since {found.previous_as_of} (campaign {found.previous_name}):"
    if found.differs:
        yield "  flags before and now are NOT comparable:"
        yield from (f"    {words}" for words in found.differs)
    else:
        yield "  flags are comparable: the same policy and detectors"
    for scope in found.scope:
        changes = (("shards", scope.shards), ("rows", scope.rows), ("bytes", scope.bytes))
        told = ", ".join(f"{name} {old:,} -> {new:,}" for name, (old, new) in changes)
        yield f"  {scope.dataset}: {told}"
    rows = [
        (
            one.dataset, one.kind, _pair(one.flagged), _pair(one.open),
            _number(one.new), _number(one.solved),
        )
        for one in found.kinds
    ]  # fmt: skip
    if rows:
        head = ("DATA SET", "KIND", "FLAGGED", "OPEN", "NEW", "SOLVED")
        yield from (f"  {line}" for line in table(head, rows))
    for words, names in (
        ("exceptions added", found.exceptions_added),
        ("exceptions removed", found.exceptions_removed),
        ("exceptions expired", found.exceptions_expired),
        ("actions added", found.actions_added),
        ("actions closed", found.actions_closed),
        ("actions overdue", found.actions_overdue),
    ):
        if names:
            yield f"  {words}: {', '.join(names)}"
    if found.note:
        yield f"  {found.note}"


def _pair(values: tuple[int, int]) -> str:
    return f"{values[0]:,} -> {values[1]:,}"


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
