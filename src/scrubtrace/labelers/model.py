"""What a screening of labelers found: for a page, a table, or a program."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from scrubtrace.labelers.periods import Settings, TaskType
from scrubtrace.stats.screening import CleanNull, GroupRate, Refused


class Innocent(StrEnum):
    """Explanations of many flags that are nobody's fault; each is to be looked at first."""

    TOPIC = "topic"
    TEMPLATES = "templates"
    LANGUAGE = "language"
    TOOLS = "tools"
    INSTRUCTIONS = "instructions"
    FEW_TEXTS = "few_texts"
    CHANCE = "chance"


@dataclass(frozen=True)
class Entry:
    """A labeler's texts of one task type, with enough of them and a null of the same type.

    ``shrunken``, ``low`` and ``high`` are the rate drawn towards those of the other screened
    labelers, and its 95% interval (where fewer than 50 have enough texts, towards clean ones).
    ``adjusted`` is the p-value times the number of task types that the labeler was screened in.
    ``referred`` if the labeler is, and this task type is a reason.
    """

    labeler: str
    texts: int
    flagged: int
    past_texts: int
    past_flagged: int
    shrunken: float
    low: float
    high: float
    p_value: float
    adjusted: float
    referred: bool = False


@dataclass(frozen=True)
class TaskScreening:
    """One task type; without a null there are no entries, and ``refused`` says why.

    Parameters
    ----------
    labelers, texts, flagged : of the screened period.
    limits : (n, lower, upper) shares that clean labelers stay within at the cut, by n.
    few : labelers with too few texts to be looked at.
    groups : false-positive rates of clean texts by value of the group.
    """

    task: TaskType
    labelers: int
    texts: int
    flagged: int
    null: CleanNull | None = None
    refused: Refused | None = None
    limits: tuple[tuple[int, float, float], ...] = ()
    entries: tuple[Entry, ...] = ()
    few: int = 0
    groups: Mapping[str, GroupRate] = field(default_factory=dict)


@dataclass(frozen=True)
class Referral:
    """A labeler whose rows are referred to review, for which task types, and the texts of these.

    ``again`` if an earlier screening of the year referred the labeler as well. ``adjusted`` is the
    smallest adjusted p-value of the task types.
    """

    labeler: str
    adjusted: float
    tasks: tuple[TaskType, ...]
    texts: int
    flagged: int
    again: bool


@dataclass(frozen=True)
class LabelerScreening:
    """A screening of labelers.

    Parameters
    ----------
    months : first and last screened month.
    tested, few, unmatched : labelers that were compared; with too few texts in every task type that
        has a null; with texts only in task types without one.
    cut : the greatest adjusted p-value that is unusual, 0 if none is.
    unusual : labelers at or below it; those beyond the ``budget`` are not referred.
    without_labeler, without_month, neither : texts that were left out.
    """

    settings: Settings
    months: tuple[str | None, str | None]
    tasks: tuple[TaskScreening, ...]
    referrals: tuple[Referral, ...]
    tested: int
    few: int
    unmatched: int
    cut: float
    unusual: int
    budget: int | None
    without_labeler: int
    without_month: int
    neither: int
