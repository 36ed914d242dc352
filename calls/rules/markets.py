"""Rules about where an answer is used."""

from scrubtrace.calls.rules.base import Call, RowRule
from scrubtrace.schemas.call_rules import NotJudged, RuleInfo, Severity, Violation

MISSING = RuleInfo(
    "market.missing",
    Severity.MEDIUM,
    "the call names no market, but its project or terms hold for some only",
    "let the caller send its market in the metadata of the call",
)
UNREGISTERED = RuleInfo(
    "market.unregistered",
    Severity.MEDIUM,
    "the market is not in the register",
    "register the market with its region, or add the name that the log has for it",
)
OTHER_PROJECT = RuleInfo(
    "market.project",
    Severity.HIGH,
    "the market is not one of the project's",
    "keep the answers out of that market, or have the project approved for it",
)
REGION = RuleInfo(
    "market.region",
    Severity.HIGH,
    "the terms in effect do not hold for the region of the market",
    "keep the answers out of that market, or agree on terms for it",
)


def _missing(call: Call) -> tuple[Violation, ...]:
    if call.record.market is not None:
        return ()
    by_project = call.project is not None and bool(call.project.markets)
    by_terms = bool(call.in_effect) and all(terms.regions for terms in call.in_effect)
    if not by_project and not by_terms:
        return ()
    return (Violation(MISSING.id, MISSING.severity),)


def _unregistered(call: Call) -> tuple[Violation, ...]:
    if call.record.market is None or call.market is not None:
        return ()
    return (Violation(UNREGISTERED.id, UNREGISTERED.severity, call.record.market),)


def _other_project(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.project is None or not call.project.markets:
        return ()
    if call.market is None:
        return NotJudged.NO_MARKET
    if call.market.id in call.project.markets:
        return ()
    return (Violation(OTHER_PROJECT.id, OTHER_PROJECT.severity, call.market.id),)


def _region(call: Call) -> tuple[Violation, ...] | NotJudged:
    if call.model is None:
        return NotJudged.NO_MODEL
    if call.at is None:
        return call.no_time or NotJudged.NO_TIME
    if call.chosen is None:
        return call.no_terms
    if not call.chosen.regions:
        return ()
    if call.market is None:
        return NotJudged.NO_MARKET
    if call.market.region in call.chosen.regions:
        return ()
    value = f"{call.market.id} ({call.market.region})"
    return (Violation(REGION.id, REGION.severity, value, call.chosen.id),)


RULES = (
    RowRule(MISSING, _missing),
    RowRule(UNREGISTERED, _unregistered),
    RowRule(OTHER_PROJECT, _other_project),
    RowRule(REGION, _region),
)
