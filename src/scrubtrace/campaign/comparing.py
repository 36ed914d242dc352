"""This check beside an earlier record: what is comparable, and what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from scrubtrace.campaign.record import Previous, flagged_of
from scrubtrace.campaign.reviewing import OPEN, Places, Since, event_of
from scrubtrace.schemas.campaign import (
    ActionUse,
    Campaign,
    Comparison,
    DataScope,
    ExceptionState,
    ExceptionUse,
    KindChange,
    ScopeChange,
)

OTHER_TABLE = (
    "the head of the record before is not in this log: new and solved places are not known"
)


def since_of(connection: Connection, previous: Previous, dataset: str) -> Since | None:
    """The point in the past that a record is of; None if the review table is another one."""
    event = event_of(connection, previous.content["review_head"])
    scope = previous.scope(dataset)
    return None if event is None else Since((scope or {}).get("newest_run") or "", event)


def compare(
    previous: Previous,
    campaign: Campaign,
    scopes: Sequence[DataScope],
    places: Mapping[str, Places],
    exceptions: Sequence[ExceptionUse],
    actions: Sequence[ActionUse],
    same_table: bool,
) -> Comparison:
    """What is different from an earlier record."""
    content = previous.content
    had = {entry["id"]: entry for entry in content["exceptions"]}
    have = {one.id for one in exceptions}
    expired = {one.id for one in exceptions if one.state == ExceptionState.EXPIRED}
    acted = {entry["id"]: entry for entry in content["actions"]}
    was_expired = {name for name, entry in had.items() if entry["state"] == ExceptionState.EXPIRED}
    return Comparison(
        previous_sha256=previous.sha256,
        previous_as_of=content["as_of"],
        previous_name=content["campaign"]["name"],
        differs=tuple(_differs(previous, campaign, scopes)),
        kinds=tuple(_kinds(previous, places, same_table)),
        scope=tuple(_scopes(previous, scopes)),
        exceptions_added=tuple(sorted(have - had.keys())),
        exceptions_removed=tuple(sorted(had.keys() - have)),
        exceptions_expired=tuple(sorted(expired - was_expired)),
        actions_added=tuple(one.id for one in actions if one.id not in acted),
        actions_closed=tuple(
            one.id for one in actions
            if not one.is_open and acted.get(one.id, {"is_open": True})["is_open"]
        ),
        actions_overdue=tuple(one.id for one in actions if one.is_overdue),
        note="" if same_table else OTHER_TABLE,
    )  # fmt: skip


def _differs(previous: Previous, campaign: Campaign, scopes: Sequence[DataScope]) -> Iterator[str]:
    """Why numbers of flags before and now are not of the same thing."""
    named = previous.content["campaign"]["policy"]
    if named != campaign.policy:
        yield f"the policy of the campaign is another one: {named} -> {campaign.policy}"
    for scope in scopes:
        earlier = previous.scope(scope.dataset)
        if earlier is None:
            yield f"{scope.dataset} was not in the record before"
            continue
        if earlier["policy"] != scope.policy:
            yield f"{scope.dataset}: committed with policy {earlier['policy']} -> {scope.policy}"
        before = _versions(earlier["detectors"])
        now = _versions([vars(detector) for detector in scope.detectors])
        for name in sorted(before.keys() | now.keys()):
            old, new = before.get(name, "none"), now.get(name, "none")
            if old != new:
                yield f"{scope.dataset}: detector {name} {old} -> {new}"


def _versions(detectors: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Versions and fingerprints of detectors in words, by name."""
    found: dict[str, list[str]] = {}
    for one in detectors:
        found.setdefault(one["name"], []).append(f"{one['version']} ({one['fingerprint'][:8]})")
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _kinds(
    previous: Previous, places: Mapping[str, Places], same_table: bool
) -> Iterator[KindChange]:
    for dataset, found in sorted(places.items()):
        kinds = {kind for kind, _ in found.states} | previous.content["flagged"].get(
            dataset, {}
        ).keys()
        for kind in sorted(kinds):
            before = previous.states(dataset, kind)
            now = {state: n for (own, state), n in found.states.items() if own == kind}
            counts = (found.new[kind], found.solved[kind]) if same_table else (None, None)
            yield KindChange(
                dataset, kind, (flagged_of(before), flagged_of(now)),
                (_open(before), _open(now)), *counts,
            )  # fmt: skip


def _open(states: Mapping[str, int]) -> int:
    return sum(states.get(state, 0) for state in OPEN)


def _scopes(previous: Previous, scopes: Sequence[DataScope]) -> Iterator[ScopeChange]:
    now = {scope.dataset: vars(scope) for scope in scopes}
    before = {entry["dataset"]: entry for entry in previous.content["scope"]}
    for name in sorted(before.keys() | now.keys()):
        old, new = before.get(name, {}), now.get(name, {})
        pairs = [(old.get(key, 0), new.get(key, 0)) for key in ("shards", "rows", "bytes")]
        yield ScopeChange(name, *pairs)
