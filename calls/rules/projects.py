"""Rules about the project that called."""

from scrubtrace.calls.rules.base import Call, RowRule, approved
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

MISSING = RuleInfo(
    "project.missing",
    Severity.MEDIUM,
    "the call names no project",
    "let the caller send its project in the metadata of the call",
)
UNREGISTERED = RuleInfo(
    "project.unregistered",
    Severity.HIGH,
    "the project is not in the register",
    "register the project with its purposes and approval, or stop its calls",
)
STOPPED = RuleInfo(
    "project.stopped",
    Severity.HIGH,
    "the project called after its stop date",
    "stop the calls, and find out where the answers went",
)
UNAPPROVED = RuleInfo(
    "project.approval",
    Severity.HIGH,
    "the project called before, after or without its approval",
    "get or renew the approval before the next call",
)


def _missing(call: Call) -> tuple[Violation, ...]:
    if call.record.project is not None:
        return ()
    return (Violation(MISSING.id, MISSING.severity),)


def _unregistered(call: Call) -> tuple[Violation, ...]:
    if call.record.project is None or call.project is not None:
        return ()
    return (Violation(UNREGISTERED.id, UNREGISTERED.severity, call.record.project),)


def _stopped(call: Call) -> tuple[Violation, ...] | NotJudged:
    project = call.project
    if project is None or project.stop is None:
        return ()
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    if call.at < project.stop:
        return ()
    return (Violation(STOPPED.id, STOPPED.severity, project.id),)


def _unapproved(call: Call) -> tuple[Violation, ...] | NotJudged:
    """A project whose entry says nothing of an approval needs none."""
    project = call.project
    if project is None or not (
        project.approval or project.approved_from or project.approval_expires
    ):
        return ()
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    if approved(project, call.at):
        return ()
    return (Violation(UNAPPROVED.id, UNAPPROVED.severity, project.approval or project.id),)


RULES = (
    RowRule(MISSING, _missing),
    RowRule(UNREGISTERED, _unregistered),
    RowRule(STOPPED, _stopped),
    RowRule(UNAPPROVED, _unapproved),
)
