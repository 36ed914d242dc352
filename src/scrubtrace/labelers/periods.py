"""Cells to what screening needs: each labeler's clean and screened texts, by task type."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from scrubtrace.cells import Cell
from scrubtrace.schemas.counts import CELL_GROUPS
from scrubtrace.stats.screening import LEAST_ROWS, LEVEL

LAST_CLEAN = "2022-11"
"""The last month before public chat models were in wide use."""

TASK_COLUMNS = ("source", "stage", "vendor")
"""Groups that may be part of a task type; the language always is."""

TaskType = tuple[tuple[str, str | None], ...]
"""What work is compared with: names and values, the language first."""

_PLACES = {name: place for place, name in enumerate(("language", *CELL_GROUPS, "month"))}


@dataclass(frozen=True)
class Settings:
    """What is screened against what.

    Parameters
    ----------
    task_by : groups of `TASK_COLUMNS` whose values, with the language, are a task type.
    clean_from, clean_until : first and last clean month, as ``2022-11``, both inclusive.
    clean_sources : sources that are clean instead, whatever the month.
    since : first screened month; by default the one after ``clean_until``.
    level : false discovery rate among referred labelers.
    same_work : labelers are compared with their own clean texts only.
    by_group : group whose false-positive rates are told.
    """

    task_by: tuple[str, ...] = ()
    clean_from: str | None = None
    clean_until: str = LAST_CLEAN
    clean_sources: tuple[str, ...] = ()
    since: str | None = None
    level: float = LEVEL
    same_work: bool = False
    by_group: str | None = None

    def is_clean(self, source: str | None, month: str | None) -> bool:
        """Whether texts of a source and month are trusted."""
        if self.clean_sources:
            return source in self.clean_sources
        return month is not None and (self.clean_from or "") <= month <= self.clean_until

    def is_screened(self, source: str | None, month: str | None) -> bool:
        """Whether texts of a source and month are looked at."""
        if self.clean_sources:
            if source in self.clean_sources:
                return False
            return self.since is None or (month is not None and month >= self.since)
        return month is not None and month > self.clean_until and month >= (self.since or "")


@dataclass
class Count:
    """Texts, and how many of them are flagged."""

    texts: int = 0
    flagged: int = 0

    def add(self, texts: int, flagged: int) -> None:
        """Adds others."""
        self.texts += texts
        self.flagged += flagged


@dataclass
class TaskCounts:
    """Texts of one task type.

    ``screened`` and ``past`` (all clean texts) are by labeler, ``periods`` by labeler and number of
    the clean period, ``grouped`` by labeler and value of the group.
    """

    screened: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    past: defaultdict[str, Count] = field(default_factory=lambda: defaultdict(Count))
    periods: defaultdict[tuple[str, int], Count] = field(default_factory=lambda: defaultdict(Count))
    grouped: defaultdict[tuple[str, str], Count] = field(default_factory=lambda: defaultdict(Count))

    def clean_entries(self) -> list[Count]:
        """One entry a labeler: the newest clean period with enough texts, if there is one.

        Several of one labeler would depend on each other, and the null would be too sure.
        """
        newest: dict[str, tuple[int, Count]] = {}
        for (labeler, number), count in self.periods.items():
            if count.texts >= LEAST_ROWS and number < newest.get(labeler, (number + 1,))[0]:
                newest[labeler] = (number, count)
        return [newest[labeler][1] for labeler in sorted(newest)]


@dataclass
class Divided:
    """Cells divided into clean and screened texts, by task type, and what was left out."""

    tasks: dict[TaskType, TaskCounts]
    months: tuple[str | None, str | None]
    without_labeler: int
    without_month: int
    neither: int


def usual_task_by(columns: Collection[str], clean_sources: bool = False) -> tuple[str, ...]:
    """What task types are by where it is not said, of the groups that the data have."""
    names = ("stage",) if clean_sources else ("source", "stage")
    return tuple(name for name in names if name in columns)


def divide(texts: Mapping[Cell, int], flagged: Mapping[Cell, int], settings: Settings) -> Divided:
    """Divides cells.

    Clean months are grouped into periods as long as the screened one, counted from the newest:
    rates over a longer time vary less from labeler to labeler than those over a shorter one.
    """
    screened = sorted({m for cell in texts if (m := cell[-1]) and _screened(cell, settings)})
    newest = max((m for cell in texts if (m := cell[-1]) and _clean(cell, settings)), default=None)
    length = _number(screened[-1]) - _number(screened[0]) + 1 if screened else 1
    tasks: defaultdict[TaskType, TaskCounts] = defaultdict(TaskCounts)
    left: Counter[str] = Counter()
    for cell, count in texts.items():
        labeler, month = _value(cell, "labeler"), cell[-1]
        if labeler is None:
            left["labeler"] += count
            continue
        found = tasks[task_type(cell, settings.task_by)]
        if _clean(cell, settings):
            period = (_number(newest) - _number(month)) // length if newest and month else -1
            found.past[labeler].add(count, flagged.get(cell, 0))
            found.periods[labeler, period].add(count, flagged.get(cell, 0))
            group = _value(cell, settings.by_group) if settings.by_group else None
            if group is not None:
                found.grouped[labeler, group].add(count, flagged.get(cell, 0))
        elif _screened(cell, settings):
            found.screened[labeler].add(count, flagged.get(cell, 0))
        else:
            left["month" if month is None else "neither"] += count
    months = (screened[0], screened[-1]) if screened else (None, None)
    ordered = {task: tasks[task] for task in sorted_tasks(tasks)}
    return Divided(ordered, months, left["labeler"], left["month"], left["neither"])


def task_type(cell: Cell, task_by: Iterable[str]) -> TaskType:
    """The task type of a cell."""
    return tuple((name, _value(cell, name)) for name in ("language", *task_by))


def sorted_tasks(tasks: Iterable[TaskType]) -> list[TaskType]:
    """Task types by their values, nulls first."""
    return sorted(tasks, key=lambda task: [(value is not None, value or "") for _, value in task])


def _clean(cell: Cell, settings: Settings) -> bool:
    return settings.is_clean(_value(cell, "source"), cell[-1])


def _screened(cell: Cell, settings: Settings) -> bool:
    return settings.is_screened(_value(cell, "source"), cell[-1])


def _value(cell: Cell, name: str) -> str | None:
    return cell[_PLACES[name]]


def _number(month: str) -> int:
    year, number = month.split("-")
    return 12 * int(year) + int(number)
