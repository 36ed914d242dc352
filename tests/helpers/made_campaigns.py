"""Records of campaigns, made up so that together they say everything."""

from typing import Any

from scrubtrace.campaign.record import Previous
from scrubtrace.report.campaigns import Campaigns, Noted
from scrubtrace.schemas.campaign import ExceptionState, StepName
from scrubtrace.schemas.vocabulary import Kind


def exception(name: str, state: ExceptionState, expires: str | None) -> dict[str, Any]:
    """An exception as a record has it."""
    about = {"id": name, "state": str(state), "expires": expires, "approver": "0"}
    return about | {"reason": "0", "shards": 1, "places": 2}


def action(name: str, due: str, is_open: bool, is_overdue: bool, what: str) -> dict[str, Any]:
    """An action as a record has it."""
    about = {"id": name, "due": due, "owner": "vendor management", "what": what}
    return about | {"is_open": is_open, "is_overdue": is_overdue}


def comparison(*differs: str) -> dict[str, Any]:
    """A comparison with an earlier record."""
    kind = {"dataset": "0", "kind": str(Kind.LLM_TEXT), "flagged": [4, 6], "open": [2, 3]}
    about = {"previous_name": "0", "previous_as_of": "2029-06-15", "differs": list(differs)}
    return about | {"kinds": [kind | {"new": None, "solved": None}]}


def record(name: str, **own: Any) -> dict[str, Any]:
    """A complete campaign without exceptions, but for what ``own`` says."""
    campaign = {"name": name, "purpose": "0", "owner": "0", "begins": "2030-01-01"}
    gaps = [{"exception": None}, {"exception": "E-1"}]
    scope = {"dataset": "answers", "expected_shards": 5, "shards": 3, "rows": 12, "texts": 12}
    steps = [
        {"step": str(step), "about": "0", "done": 1, "wanted": 2, "required": place > 0,
         "complete": place > 1}
        for place, step in enumerate(StepName)
    ]  # fmt: skip
    return {
        "campaign": campaign | {"ends": "2030-12-31"}, "as_of": "2030-06-15", "complete": True,
        "required": [], "scope": [scope | {"gaps": gaps}], "steps": steps, "actions": [],
        "exceptions": [], "comparison": None,
    } | own  # fmt: skip


def made_campaigns(words: bool = True) -> Campaigns:
    """Two campaigns: one with everything, and one that is complete and not in the log.

    Without ``words`` what people wrote is numbers.
    """
    actions = [
        action("A-1", "2030-06-01", True, True, "ask"),
        action("A-2", "2030-07-01", True, False, "ask again"),
        action("A-3", "2030-07-01", False, False, "asked"),
    ]
    exceptions = [
        exception("E-1", ExceptionState.APPLIED, "2030-06-30"),
        exception("E-2", ExceptionState.EXPIRED, "2030-06-01"),
        exception("E-3", ExceptionState.IDLE, None),
        exception("E-4", ExceptionState.NOT_APPROVED, "2030-06-30"),
    ]
    if not words:
        actions = [one | {"owner": "0", "what": "0"} for one in actions]
    spring = record(
        "spring",
        complete=False,
        required=["scan is open", "review is open"],
        actions=actions,
        exceptions=exceptions,
        comparison=comparison(),
    )
    noted = (Noted("spring", "2030-06-15", 2, "1" * 64), Noted("0", "2029-06-15", 0, "9" * 64))
    others = record(
        "0",
        complete=words,
        required=[] if words else ["0"],
        comparison=None if words else comparison("0"),
    )
    return Campaigns(noted, (Previous(spring, "1" * 64), Previous(others, "2" * 64)))
