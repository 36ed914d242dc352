"""Rules about what a call was made for."""

from scrubtrace.calls.rules.base import Call, RowRule
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

MISSING = RuleInfo(
    "purpose.missing",
    Severity.HIGH,
    "the call names no purpose",
    "let the caller send its purpose in the metadata of the call",
)
UNREGISTERED = RuleInfo(
    "purpose.unregistered",
    Severity.HIGH,
    "the purpose is not in the register",
    "register the purpose with the use that it is under the terms, or stop it",
)
OTHER_PROJECT = RuleInfo(
    "purpose.project",
    Severity.MEDIUM,
    "the purpose is not one of the project's",
    "add the purpose to the project if it was approved, or correct the label",
)
STAGE = RuleInfo(
    "purpose.stage",
    Severity.CRITICAL,
    "the answer goes to a stage that takes no model output",
    "keep the answers out of that stage; look for them there (scrubtrace calls join)",
)
FORBIDDEN = RuleInfo(
    "purpose.forbidden",
    Severity.CRITICAL,
    "the use is training data, labeling, distillation or evaluation of a competing model, and no "
    "terms in effect permit it",
    "stop the calls, keep the answers apart, and ask counsel",
)


def _missing(call: Call) -> tuple[Violation, ...]:
    if call.record.purpose is not None:
        return ()
    return (Violation(MISSING.id, MISSING.severity),)


def _unregistered(call: Call) -> tuple[Violation, ...]:
    if call.record.purpose is None or call.purpose is not None:
        return ()
    return (Violation(UNREGISTERED.id, UNREGISTERED.severity, call.record.purpose),)


def _other_project(call: Call) -> tuple[Violation, ...]:
    if call.project is None or call.purpose is None or not call.project.purposes:
        return ()
    if call.purpose.id in call.project.purposes:
        return ()
    return (Violation(OTHER_PROJECT.id, OTHER_PROJECT.severity, call.purpose.id),)


def _stage(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.purpose is None:
        return NotJudged.NO_PURPOSE
    stage = call.register.stage_of.get(call.purpose.stage or "")
    if stage is None or stage.model_output:
        return ()
    return (Violation(STAGE.id, STAGE.severity, stage.id),)


def _forbidden(call: Call) -> tuple[Violation, ...] | NotJudged:
    """What the terms permit depends on the date: without one, a permission cannot be looked up."""
    if call.purpose is None:
        return NotJudged.NO_PURPOSE
    use = call.purpose.use
    if use not in call.register.forbidden_uses:
        return ()
    if call.model is None and any(use in terms.permitted_uses for terms in call.register.terms):
        return NotJudged.NO_MODEL
    if call.at is None and any(use in terms.permitted_uses for terms in call.terms):
        return call.no_time or NotJudged.NO_TIME
    if call.chosen is not None and use in call.chosen.permitted_uses:
        return ()
    if any(use in terms.permitted_uses for terms in call.other_providers):
        return NotJudged.NO_PROVIDER
    terms = call.chosen.id if call.chosen else None
    return (Violation(FORBIDDEN.id, FORBIDDEN.severity, use, terms),)


RULES = (
    RowRule(MISSING, _missing),
    RowRule(UNREGISTERED, _unregistered),
    RowRule(OTHER_PROJECT, _other_project),
    RowRule(STAGE, _stage),
    RowRule(FORBIDDEN, _forbidden),
)
