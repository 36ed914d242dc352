"""The rules that calls are checked by: for single calls here, over time in `scrubtrace.calls.use`.

Each rule is a row of data and, for single calls, a pure function of one `Call`.
"""

from scrubtrace.calls.flow import FLOW
from scrubtrace.calls.rules import markets, models, projects, prompts, purposes, terms
from scrubtrace.calls.rules.base import RowRule
from scrubtrace.calls.use import USE_RULES
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
