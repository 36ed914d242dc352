"""Checking a campaign: scope, completeness, exceptions, actions, and the record before."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import Engine

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.campaign.comparing import compare, since_of
from scrubtrace.campaign.excepting import Exceptions
from scrubtrace.campaign.purging import purge_steps
from scrubtrace.campaign.record import Previous
from scrubtrace.campaign.reviewing import (
    Places,
    audit_steps,
    controls_step,
    count_places,
    event_of,
    log_step,
    review_step,
)
from scrubtrace.campaign.scope import Found, find_scope
from scrubtrace.exits import IncompleteStop
from scrubtrace.resolver import spec_or_none
from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.trail.events import head as newest_head
from scrubtrace.schemas.campaign import (
    Action,
    ActionUse,
    Campaign,
    Checked,
    Comparison,
    DataScope,
    ExceptionState,
    ExceptionUse,
    StepName,
    StepResult,
)


@dataclass(frozen=True)
class CampaignJob:
    """A check as it is asked for: the folder of the runs, and the day that it is about."""

    campaign: Campaign
    runs: str
    as_of: date
    previous: Previous | None = None


@dataclass(frozen=True)
class _Reviewed:
    """What the review table says."""

    places: dict[str, Places]
    steps: list[StepResult]
    same_table: bool


def check_campaign(job: CampaignJob, engine: Engine) -> Checked:
    """Everything that a campaign says of itself, from results, review table and records.

    Writes nothing. Raises `UsageStop` for inputs that cannot be looked up, `IncompleteStop` and
    `SumsDifferStop` as reading results does, `IncompleteStop` also if somebody writes to the review
    table meanwhile, and ReviewError.
    """
    campaign = job.campaign
    exceptions = Exceptions(campaign.exceptions, job.as_of)
    required = campaign.steps.scan or ()
    found = [find_scope(job.runs, data, required, exceptions) for data in campaign.datasets]
    scopes = [one.scope for one in found]
    log, head = log_step(engine, _heads(found))
    reviewed = _reviewed(job, engine, found, exceptions)
    if newest_head(engine) != head:
        raise IncompleteStop("the review table changed during the check: call it again")
    scans = [_scan_step(scope, campaign) for scope in scopes]
    steps = [*scans, *reviewed.steps, log]
    uses = exceptions.used()
    actions = tuple(_use(action, job.as_of) for action in campaign.actions)
    return Checked(
        campaign=campaign,
        as_of=job.as_of,
        scope=tuple(scopes),
        steps=tuple(steps),
        exceptions=uses,
        actions=actions,
        flagged={name: _by_kind(places) for name, places in reviewed.places.items()},
        review_head=head,
        comparison=_compared(job, scopes, reviewed, uses, actions),
        required=tuple(_required(campaign, job.as_of, scopes, steps, uses, actions)),
        notes=tuple(_notes(job, scopes, reviewed.places, uses)),
    )


def _heads(found: Sequence[Found]) -> list[str]:
    """Heads of the log that manifests name: each must still be in it."""
    return sorted({head for one in found for head in one.heads})


def _reviewed(
    job: CampaignJob, engine: Engine, found: Sequence[Found], exceptions: Exceptions
) -> _Reviewed:
    campaign, steps = job.campaign, job.campaign.steps
    scopes = [one.scope for one in found]
    places, results = {}, []
    with reading_as_one(engine) as connection:
        previous = job.previous
        same = previous is not None and (
            event_of(connection, previous.content["review_head"]) is not None
        )
        for scope in scopes:
            since = since_of(connection, previous, scope.dataset) if previous else None
            name, policy = scope.dataset, campaign.policy
            places[name] = count_places(connection, name, policy, exceptions, since)
            results.append(review_step(connection, scope, places[name], steps.review))
        shards = {one.scope.dataset: one.shards for one in found}
        results += audit_steps(engine, connection, campaign, shards)
        if steps.controls is not None:
            results.append(controls_step(connection, campaign.begins, steps.controls))
        if steps.purge is not None:
            results += purge_steps(connection, steps.purge, scopes, places)
    return _Reviewed(places, results, same)


def _scan_step(scope: DataScope, campaign: Campaign) -> StepResult:
    is_required = campaign.steps.scan is not None
    gaps: dict[str, int] = {}
    for gap in scope.open_gaps():
        gaps[gap.gap] = gaps.get(gap.gap, 0) + 1
    counts = gaps | {"excepted": sum(gap.exception is not None for gap in scope.gaps)}
    left = [f"{GAP_WORDS[name]}: {count:,}" for name, count in sorted(gaps.items())]
    return StepResult(
        StepName.SCAN, scope.dataset, scope.shards, scope.expected_shards, "shards", is_required,
        counts, tuple(left) if is_required else (),
    )  # fmt: skip


GAP_WORDS = {
    "missing": "expected shards in no run",
    "changed": "shards changed since the scan",
    "dead_shard": "dead shards",
    "dead_rows": "shards with dead rows",
    "detector_errors": "shards on which a detector failed",
    "no_detector": "shards without a required detector",
}
"""What the gaps are, in words."""


def _use(action: Action, as_of: date) -> ActionUse:
    overdue = action.is_open and action.due < as_of
    return ActionUse(**vars(action), is_open=action.is_open, is_overdue=overdue)


def _by_kind(places: Places) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (kind, state), count in sorted(places.states.items()):
        found.setdefault(kind, {})[state] = count
    return found


def _compared(
    job: CampaignJob,
    scopes: Sequence[DataScope],
    reviewed: _Reviewed,
    exceptions: Sequence[ExceptionUse],
    actions: Sequence[ActionUse],
) -> Comparison | None:
    if job.previous is None:
        return None
    about = (job.campaign, scopes, reviewed.places, exceptions, actions)
    return compare(job.previous, *about, reviewed.same_table)


def _required(
    campaign: Campaign,
    as_of: date,
    scopes: Sequence[DataScope],
    steps: Sequence[StepResult],
    exceptions: Sequence[ExceptionUse],
    actions: Sequence[ActionUse],
) -> Iterator[str]:
    """What is open and required, in words."""
    found = list(_open(campaign, scopes, steps, exceptions, actions))
    if found and campaign.ends < as_of:
        yield f"dates: the campaign was to end on {campaign.ends}"
    yield from found


def _open(
    campaign: Campaign,
    scopes: Sequence[DataScope],
    steps: Sequence[StepResult],
    exceptions: Sequence[ExceptionUse],
    actions: Sequence[ActionUse],
) -> Iterator[str]:
    for scope in scopes:
        if scope.policy not in (None, campaign.policy):
            yield (
                f"policy, {scope.dataset}: the newest run was committed with {scope.policy}, the "
                f"campaign names {campaign.policy}: call scrubtrace commit with that policy"
            )
    for step in steps:
        if step.required:
            yield from (f"{step.step}, {step.about}: {words}" for words in step.open)
    for one in exceptions:
        if one.problem:
            yield f"exception {one.id}: {one.problem}, so that it does not count"
    for action in actions:
        if action.is_overdue:
            yield f"action {action.id}: was due on {action.due} ({action.owner})"


def _notes(
    job: CampaignJob,
    scopes: Sequence[DataScope],
    places: Mapping[str, Places],
    exceptions: Sequence[ExceptionUse],
) -> Iterator[str]:
    """What is worth knowing, but not required."""
    for scope in scopes:
        if scope.newest_run is None:
            known = ", ".join(_scanned(job.runs)) or "none"
            yield f"{scope.dataset}: no full scan is committed; scanned data sets: {known}"
        if scope.not_expected:
            yield f"{scope.dataset}: {scope.not_expected:,} shards with results are not expected"
        names = [detector.name for detector in scope.detectors]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"{scope.dataset}: shards were scanned by different versions of {name}"
        if other := places[scope.dataset].other_policy:
            yield f"{scope.dataset}: {other:,} flagged places are from another policy"
    for one in exceptions:
        if one.state == ExceptionState.IDLE:
            yield f"exception {one.id} matches nothing: remove it, or correct what it names"


def _scanned(out: str) -> list[str]:
    """Names of the data sets with a committed full scan."""
    specs = (spec_or_none(folder) for folder in runs_of(out) if folder.is_committed())
    return sorted({spec.dataset for spec in specs if spec is not None and spec.sample is None})
