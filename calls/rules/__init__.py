"""The rules that calls are checked by: for single calls here, over time in `scrubtrace.calls.use`.

Each rule is a row of data and, for single calls, a pure function of one `Call`.
"""

from scrubtrace.calls.flow import FLOW
from scrubtrace.calls.register import Register
from scrubtrace.calls.rules import markets, models, projects, prompts, purposes, terms
from scrubtrace.calls.rules.base import RowRule
from scrubtrace.calls.use import BULK, GAP, RATE, USE_RULES
from scrubtrace.schemas.call_rules import RuleInfo

ROW_RULES: tuple[RowRule, ...] = (
    *projects.RULES,
    *purposes.RULES,
    *markets.RULES,
    *models.RULES,
    *terms.RULES,
    *prompts.RULES,
)
"""Rules for single calls, in the order in which they are told."""

RULES: dict[str, RuleInfo] = {
    info.id: info for info in (*(rule.info for rule in ROW_RULES), *USE_RULES, FLOW)
}
"""Every rule by its id."""

LIMITS = {
    RATE.id: ("calls_per_minute", "tokens_per_minute", "sustained_share", "sustained_minutes"),
    BULK.id: ("bulk_calls_per_day", "bulk_same_opening", "bulk_hours", "bulk_completion_tokens"),
    GAP.id: ("max_gap_days",),
}
"""The limits that belong to a rule over time; of each the smaller number finds more."""


def running(register: Register) -> tuple[str, ...]:
    """Rules that a check by this register applies: not off, and with a limit if they need one."""
    limits = register.limits
    idle = {
        RATE.id: limits.calls_per_minute is None and limits.tokens_per_minute is None,
        BULK.id: limits.bulk_calls_per_day is None,
        GAP.id: limits.max_gap_days is None,
    }
    ids = (*(rule.info.id for rule in ROW_RULES), *(rule.id for rule in USE_RULES))
    return tuple(name for name in ids if name not in register.off and not idle.get(name))
