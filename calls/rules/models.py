"""Rules about the model that was called."""

from scrubtrace.calls.rules.base import Call, RowRule
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

MISSING = RuleInfo(
    "model.missing",
    Severity.MEDIUM,
    "the log does not say which model was called",
    "let the gateway log the model",
)
UNREGISTERED = RuleInfo(
    "model.unregistered",
    Severity.HIGH,
    "a model that was asked for or that answered is not in the register",
    "register the model with its vendor, or block it at the gateway",
)
OTHER_PROJECT = RuleInfo(
    "model.project",
    Severity.MEDIUM,
    "the model is not one of the project's",
    "let the project use its own models, or have it approved for this one",
)
STOPPED = RuleInfo(
    "model.stopped",
    Severity.HIGH,
    "the model was called after its stop date",
    "block the model at the gateway",
)


def _missing(call: Call) -> tuple[Violation, ...]:
    if call.record.model_requested is not None or call.record.model_served is not None:
        return ()
    return (Violation(MISSING.id, MISSING.severity),)


def _unregistered(call: Call) -> tuple[Violation, ...]:
    """Gateways rename models: the name asked for need not be known if the one that answered is."""
    if call.record.model_served is not None:
        name = call.record.model_served
        if call.register.model_names.find(name) is not None:
            return ()
    elif call.record.model_requested is not None and call.model is None:
        name = call.record.model_requested
    else:
        return ()
    return (Violation(UNREGISTERED.id, UNREGISTERED.severity, name),)


def _other_project(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.project is None or not call.project.models:
        return ()
    if call.model is None:
        return NotJudged.NO_MODEL
    if call.model.id in call.project.models:
        return ()
    return (Violation(OTHER_PROJECT.id, OTHER_PROJECT.severity, call.model.id),)


def _stopped(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.model is None:
        return NotJudged.NO_MODEL
    if call.model.stop is None:
        return ()
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    if call.at < call.model.stop:
        return ()
    return (Violation(STOPPED.id, STOPPED.severity, call.model.id),)


RULES = (
    RowRule(MISSING, _missing),
    RowRule(UNREGISTERED, _unregistered),
    RowRule(OTHER_PROJECT, _other_project),
    RowRule(STOPPED, _stopped),
)
