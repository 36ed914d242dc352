"""Rules about the terms of the model's vendor or reseller, as they were at the call's time."""

from scrubtrace.calls.rules.base import Call, RowRule, approved
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

NONE = RuleInfo(
    "terms.none",
    Severity.CRITICAL,
    "the register has no terms for the model and provider",
    "find the contract, enter it with its digest, or stop the calls",
)
NOT_IN_EFFECT = RuleInfo(
    "terms.not_in_effect",
    Severity.CRITICAL,
    "the terms for the model were not in effect yet, or no longer",
    "renew the terms or stop the calls, and ask counsel about those that were made",
)
UNAPPROVED = RuleInfo(
    "terms.approval",
    Severity.HIGH,
    "the terms were not approved at the time, or no longer",
    "get or renew the approval before the next call",
)
USE = RuleInfo(
    "terms.use",
    Severity.HIGH,
    "the terms in effect do not permit the use",
    "stop the use, or agree on terms for it",
)


def _none(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.model is None:
        return NotJudged.NO_MODEL
    if call.terms:
        return ()
    if call.other_providers:
        return NotJudged.NO_PROVIDER
    provider = f" at {call.record.provider}" if call.record.provider else ""
    return (Violation(NONE.id, NONE.severity, f"{call.model.id}{provider}"),)


def _not_in_effect(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.model is None:
        return NotJudged.NO_MODEL
    if not call.terms:
        return call.no_terms
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    if call.in_effect:
        return ()
    if call.other_providers:
        return NotJudged.NO_PROVIDER
    ended = [terms for terms in call.terms if terms.effective_from <= call.at]
    nearest = max(ended, key=lambda t: t.effective_to or "", default=None) or min(
        call.terms, key=lambda t: t.effective_from
    )
    return (Violation(NOT_IN_EFFECT.id, NOT_IN_EFFECT.severity, call.model.id, nearest.id),)


def _unapproved(call: Call) -> tuple[Violation, ...] | NotJudged:
    if (reason := _unknown(call)) is not None:
        return reason
    if call.chosen is None or call.at is None or approved(call.chosen, call.at):
        return ()
    value = call.chosen.approval
    return (Violation(UNAPPROVED.id, UNAPPROVED.severity, value, call.chosen.id),)


def _use(call: Call) -> tuple[Violation, ...] | NotJudged:
    """Uses that are forbidden unless permitted have a rule of their own."""
    if call.purpose is None:
        return NotJudged.NO_PURPOSE
    if (reason := _unknown(call)) is not None:
        return reason
    use = call.purpose.use
    if call.chosen is None or use in (*call.chosen.permitted_uses, *call.register.forbidden_uses):
        return ()
    return (Violation(USE.id, USE.severity, use, call.chosen.id),)


def _unknown(call: Call) -> NotJudged | None:
    if call.model is None:
        return NotJudged.NO_MODEL
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    return None if call.in_effect else call.no_terms


RULES = (
    RowRule(NONE, _none),
    RowRule(NOT_IN_EFFECT, _not_in_effect),
    RowRule(UNAPPROVED, _unapproved),
    RowRule(USE, _use),
)
