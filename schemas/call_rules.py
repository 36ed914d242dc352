"""What the check of API calls says: violations, abstentions and the rules that they are of."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a broken rule weighs, the heaviest first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """0 for the heaviest."""
        return list(Severity).index(self)


class NotJudged(StrEnum):
    """Why a rule says nothing about a call; such calls are counted, never passed."""

    NO_TIME = "no_time"
    NO_ZONE = "no_zone"
    NO_CALLER = "no_caller"
    NO_PROJECT = "no_project"
    NO_PURPOSE = "no_purpose"
    NO_MARKET = "no_market"
    NO_MODEL = "no_model"
    NO_PROVIDER = "no_provider"
    NO_TERMS = "no_terms"
    NO_PROMPT = "no_prompt"
    NO_TOKENS = "no_tokens"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule: its id, what it says, and what to do about a call that breaks it."""

    id: str
    severity: Severity
    title: str
    action: str


@dataclass(frozen=True, slots=True)
class Violation:
    """One rule that one call breaks.

    ``value`` is the label, entry of the register or signature that it is about, never text of a
    prompt. ``terms`` names the entry of the terms register that was judged by. Of prompts,
    ``message`` counts the messages from 0; ``start`` and ``end`` are code points of that message,
    half open.
    """

    rule: str
    severity: Severity
    value: str | None = None
    terms: str | None = None
    message: int | None = None
    start: int | None = None
    end: int | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """All that the rules for single calls say of one call.

    ``abstained`` has rule and reason of each rule that could not judge. ``at`` is the time that was
    judged by, ISO 8601 in UTC; None if the call has none. The other fields are the ids of the
    register's entries that the call's labels stand for; None where there is none.
    """

    violations: tuple[Violation, ...] = ()
    abstained: tuple[tuple[str, NotJudged], ...] = ()
    at: str | None = None
    project: str | None = None
    purpose: str | None = None
    market: str | None = None
    model: str | None = None
    terms: str | None = None
