"""Where an answer may be used: the market that it was asked for beside the market of a row."""

from enum import StrEnum

from scrubtrace.calls.register import Register
from scrubtrace.schemas.call_rules import RuleInfo, Severity

FLOW = RuleInfo(
    "market.flow",
    Severity.HIGH,
    "training rows of one market hold answers that were asked for in another one, and project or "
    "terms do not allow it",
    "take the rows out of that market, or agree on terms for it",
)


class Flow(StrEnum):
    """How the market of a training row and that of its call stand to each other."""

    SAME = "same"
    ALLOWED = "allowed"
    OTHER_MARKET = "other_market"
    UNKNOWN = "unknown"


def market_flow(
    row_market: str | None,
    call_market: str | None,
    project: str | None,
    terms: str | None,
    register: Register,
) -> Flow:
    """What the market of a row is to the answer in it; unknown if either has none registered.

    ``terms`` are those that the call was judged by. Another market is allowed if the project may
    use it and the terms hold for its region; without terms in effect nothing is known of that.
    """
    row = register.market_names.find(row_market)
    call = register.market_names.find(call_market)
    if row is None or call is None:
        return Flow.UNKNOWN
    if row is call:
        return Flow.SAME
    own = register.project_names.find(project)
    if own is not None and own.markets and row.id not in own.markets:
        return Flow.OTHER_MARKET
    document = next((entry for entry in register.terms if entry.id == terms), None)
    if document is None:
        return Flow.UNKNOWN
    if document.regions and row.region not in document.regions:
        return Flow.OTHER_MARKET
    return Flow.ALLOWED
