"""Whose rows to refer to review: each labeler against a null of the same task type.

A labeler with several task types has a p-value in each. They are joined by Bonferroni's rule within
the labeler, which holds however they depend on each other: the smallest times their number. The
false discovery rate (Benjamini and Hochberg, 1995) is then one of labelers, not of labelers and
tasks. A referral is a reason to look at rows, not a finding about a person.
"""

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from scrubtrace.cells import Cell
from scrubtrace.labelers.model import Entry, LabelerScreening, Referral, TaskScreening
from scrubtrace.labelers.periods import Count, Settings, TaskCounts, TaskType, divide
from scrubtrace.stats.fdr import benjamini_hochberg
from scrubtrace.stats.screening import (
    LEAST_ROWS,
    CleanNull,
    GroupRate,
    Refused,
    fit_null,
    rates_by_group,
    screen,
    shrunken_rates,
)

Numbers = npt.NDArray[np.int64]

LIMITS = 12
"""Sizes at which the limits of a funnel are computed."""

EXACT = 1e-9
"""Smaller p-values are not told apart: tails are computed as differences from 1."""


def screen_labelers(
    texts: Mapping[Cell, int],
    flagged: Mapping[Cell, int],
    settings: Settings,
    budget: int | None = None,
    earlier: Set[str] = frozenset(),
) -> LabelerScreening:
    """Screens the labelers of cells, as `scrubtrace.labelers.cells.read_cells` counts them.

    ``budget`` is how many labelers may be referred in the year, ``earlier`` who was in it already:
    they are referred again where they are unusual, and take nothing more of it. Flags of style
    have no place in ``flagged`` unless clean and screened texts are of the same strata.
    """
    divided = divide(texts, flagged, settings)
    tasks = [
        _compared(task, counts, settings)
        for task, counts in divided.tasks.items()
        if counts.screened
    ]
    tasks = _with_adjusted(tasks)
    adjusted = _smallest(tasks)
    p_values = np.array([*adjusted.values()], np.float64)
    cut = benjamini_hochberg(p_values, len(adjusted), settings.level)
    rates = _rates(tasks)
    unusual = [name for name, p in adjusted.items() if 0 < cut >= p]
    unusual.sort(key=lambda name: (max(adjusted[name], EXACT), -rates[name], name))
    chosen = _within_budget(unusual, budget, earlier)
    # Without anybody unusual, the p-value that would have been enough for one.
    enough = max(cut, settings.level / max(1, len(adjusted)))
    told = tuple(_told(task, divided.tasks[task.task], set(chosen), cut, enough) for task in tasks)
    few = {name for task in tasks if task.null for name in divided.tasks[task.task].screened}
    screened = {name for task in tasks for name in divided.tasks[task.task].screened}
    return LabelerScreening(
        settings,
        divided.months,
        told,
        tuple(_referral(name, adjusted[name], told, name in earlier) for name in chosen),
        len(adjusted),
        len(few - adjusted.keys()),
        len(screened - few),
        cut,
        len(unusual),
        budget,
        divided.without_labeler,
        divided.without_month,
        divided.neither,
    )


def _compared(task: TaskType, counts: TaskCounts, settings: Settings) -> TaskScreening:
    """Entries of one task type; what depends on the other task types is filled in later."""
    names = sorted(counts.screened)
    rows, hits = _arrays([counts.screened[name] for name in names])
    about = (task, len(names), int(rows.sum()), int(hits.sum()))
    null = fit_null(*_arrays(counts.clean_entries()))
    if isinstance(null, Refused):
        return TaskScreening(*about, refused=null)
    past = _arrays([counts.past.get(name, Count()) for name in names])
    found = screen(null, rows, hits, past, settings.same_work)
    shrunken, low, high = shrunken_rates(_shown_by(null, rows, hits), rows, hits)
    entries = tuple(
        Entry(
            names[at],
            int(rows[at]),
            int(hits[at]),
            int(past[0][at]),
            int(past[1][at]),
            float(shrunken[at]),
            float(low[at]),
            float(high[at]),
            p_value=min(1.0, float(found.p_values[at])),
            adjusted=min(1.0, float(found.p_values[at])),
        )
        for at in np.flatnonzero(~found.refused).tolist()
    )
    return TaskScreening(*about, null=null, entries=entries, few=int(found.refused.sum()))


def _shown_by(null: CleanNull, rows: Numbers, hits: Numbers) -> CleanNull:
    """What rates are drawn towards: those of the screened labelers, if there are enough.

    Towards clean rates, which hardly differ as a rule, everybody would be shown with the mean, also
    whoever is referred.
    """
    own = fit_null(rows, hits)
    if isinstance(own, CleanNull):
        return own
    return replace(null, dispersion=null.dispersion_limit)


def _with_adjusted(tasks: list[TaskScreening]) -> list[TaskScreening]:
    """P-values times the number of task types that the labeler was compared in, at most 1."""
    times = Counter(entry.labeler for task in tasks for entry in task.entries)
    return [
        replace(task, entries=tuple(_times(entry, times[entry.labeler]) for entry in task.entries))
        for task in tasks
    ]


def _times(entry: Entry, number: int) -> Entry:
    return replace(entry, adjusted=min(1.0, number * entry.p_value))


def _smallest(tasks: list[TaskScreening]) -> dict[str, float]:
    """Each labeler's smallest adjusted p-value, labelers in order."""
    found: dict[str, float] = {}
    for task in tasks:
        for entry in task.entries:
            found[entry.labeler] = min(entry.adjusted, found.get(entry.labeler, 1.0))
    return dict(sorted(found.items()))


def _rates(tasks: list[TaskScreening]) -> dict[str, float]:
    """Flag rate of each labeler over the task types that they were compared in."""
    counts: dict[str, Count] = {}
    for task in tasks:
        for entry in task.entries:
            counts.setdefault(entry.labeler, Count()).add(entry.texts, entry.flagged)
    return {name: count.flagged / count.texts for name, count in counts.items()}


def _within_budget(unusual: list[str], budget: int | None, earlier: Set[str]) -> list[str]:
    if budget is None:
        return unusual
    fresh = [name for name in unusual if name not in earlier]
    taken = set(fresh[: max(0, budget - len(earlier))])
    return [name for name in unusual if name in earlier or name in taken]


def _told(
    task: TaskScreening, counts: TaskCounts, chosen: Set[str], cut: float, enough: float
) -> TaskScreening:
    """The task type with what follows from all labelers: referrals, limits, rates by group."""
    if task.null is None:
        return task
    entries = tuple(
        replace(entry, referred=entry.labeler in chosen and entry.adjusted <= cut)
        for entry in task.entries
    )
    limits = _limits(task.null, max((e.texts for e in entries), default=LEAST_ROWS), enough)
    return replace(
        task, entries=entries, limits=limits, groups=_group_rates(task.null, counts, enough)
    )


def _limits(null: CleanNull, most: int, cut: float) -> tuple[tuple[int, float, float], ...]:
    """Shares that clean labelers are outside of with a chance of at most ``cut`` on either side."""
    from scipy.stats import betabinom

    sizes = np.unique(np.geomspace(LEAST_ROWS, max(most, LEAST_ROWS), LIMITS).astype(np.int64))
    shape = null.shape(null.dispersion_limit)
    lower = betabinom.ppf(cut, sizes, *shape) / sizes
    return tuple(
        (n, float(low), _greatest_usual(null, n, cut) / n)
        for n, low in zip(sizes.tolist(), lower, strict=True)
    )


def _greatest_usual(null: CleanNull, n: int, cut: float) -> int:
    """The greatest number of flagged texts of ``n`` whose p-value is above the cut."""
    usual, unusual = 0, n + 1
    while unusual - usual > 1:
        middle = (usual + unusual) // 2
        p = float(null.p_values(np.array([n]), np.array([middle]))[0])
        usual, unusual = (middle, unusual) if p > cut else (usual, middle)
    return usual


def _group_rates(null: CleanNull, counts: TaskCounts, cut: float) -> dict[str, GroupRate]:
    keys = sorted(counts.grouped)
    values = sorted({value for _, value in keys})
    group = np.array([values.index(value) for _, value in keys], np.int64)
    found = rates_by_group(null, *_arrays([counts.grouped[key] for key in keys]), group, cut)
    return {values[number]: rate for number, rate in found.items()}


def _referral(
    name: str, adjusted: float, tasks: tuple[TaskScreening, ...], again: bool
) -> Referral:
    own = [(task.task, e) for task in tasks for e in task.entries if e.labeler == name]
    reasons = [(task, entry) for task, entry in own if entry.referred]
    return Referral(
        name,
        adjusted,
        tuple(task for task, _ in reasons),
        sum(entry.texts for _, entry in reasons),
        sum(entry.flagged for _, entry in reasons),
        again,
    )


def _arrays(counts: list[Count]) -> tuple[Numbers, Numbers]:
    return (
        np.array([count.texts for count in counts], np.int64),
        np.array([count.flagged for count in counts], np.int64),
    )
