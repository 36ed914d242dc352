"""A screening in lines, as a table and as JSON; nothing of labelers that were not compared."""

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from scrubtrace.labelers.model import Entry, Innocent, LabelerScreening, Referral, TaskScreening
from scrubtrace.labelers.periods import Settings, TaskType
from scrubtrace.labelers.work import Medians, Work
from scrubtrace.review.cells import plain_cell
from scrubtrace.stats.screening import LEAST_LABELERS, LEAST_ROWS, CleanNull, GroupRate, Reason

FORMAT = 1

REFER = "refer to review"

CAUTION = (
    "A referral is a reason to look at rows, not a finding about a person. Look for an innocent "
    "explanation first."
)

EXPLANATIONS = {
    Innocent.TOPIC: "the labeler wrote on topics where flagged phrases are usual",
    Innocent.TEMPLATES: "a template or a house style brings the phrases in",
    Innocent.LANGUAGE: "the labeler writes in a language learnt later, in set phrases",
    Innocent.TOOLS: "a tool that is allowed was used: translation, spelling, dictation, drafting",
    Innocent.INSTRUCTIONS: "words of the task or of the guidelines were copied, or were asked for",
    Innocent.FEW_TEXTS: "there are few texts, or a few flagged ones that belong together",
    Innocent.CHANCE: "chance: of those referred, a share up to the level is expected to be usual",
}
"""What many flags may come from, in words."""

REFUSALS = {
    Reason.FEW_LABELERS: "no null of this task type: {have:,} labelers with enough clean texts, of "
    "{needed:,} needed",
    Reason.FEW_CLEAN_ROWS: "no null of this task type: {have:,} clean texts, of {needed:,} needed",
    Reason.FEW_ROWS: "{have:,} texts, of {needed:,} needed",
}

COLUMNS = (
    "labeler", "task_type", "texts", "flagged", "rate", "shrunken_rate", "low", "high",
    "own_clean_texts", "own_clean_flagged", "p_value", "adjusted_p_value", "result",
)  # fmt: skip
"""Columns of the table: one row a labeler and task type that were compared."""


def task_name(task: TaskType) -> str:
    """A task type in words."""
    return ", ".join(f"{name} {_value(value)}" for name, value in task)


def _value(value: str | None) -> str:
    if value is None:
        return "(none)"
    return value if value.strip() else f'"{value}"'


def lines(screening: LabelerScreening, work: Work | None = None) -> Iterator[str]:
    """The screening in lines of text; persons only where they are referred."""
    is_idle = not (screening.tested or screening.few or screening.unmatched)
    yield _idle(screening.settings) if is_idle else _compared(screening)
    for count, words in (
        (screening.without_labeler, "have no labeler"),
        (screening.without_month, "have no month"),
        (screening.neither, "are neither clean nor screened"),
    ):
        if count:
            yield f"left out: {count:,} texts that {words}"
    for task in screening.tasks:
        yield from _task_lines(task)
    if not is_idle:
        yield from _referral_lines(screening, work)


def _compared(screening: LabelerScreening) -> str:
    first, last = screening.months
    period = f", {first} to {last}" if first else ""
    return (
        f"labelers compared with clean ones of the same task type: {screening.tested:,}{period}; "
        f"with too few texts ({LEAST_ROWS} needed): {screening.few:,}; "
        f"without a null of their task types: {screening.unmatched:,}"
    )


def _idle(settings: Settings) -> str:
    """Why there is nobody to compare: no text of a labeler is to be screened."""
    since = f" from {settings.since} on" if settings.since else ""
    if settings.clean_sources:
        names = ", ".join(map(plain_cell, settings.clean_sources))
        return f"nothing to screen: labelers have texts of the clean sources ({names}) only{since}"
    return f"nothing to screen: labelers have no text{since or f' after {settings.clean_until}'}"


def _task_lines(task: TaskScreening) -> Iterator[str]:
    name = task_name(task.task)
    if task.null is None:
        yield f"{name}: {task.labelers:,} labelers with {task.texts:,} texts not compared: " + (
            refusal(task)
        )
        return
    yield (
        f"{name}: {len(task.entries):,} labelers compared, {task.few:,} with too few texts; clean "
        f"rate {task.null.rate:.2%} (over-dispersion at most {task.null.dispersion_limit:.3f}, "
        f"{task.null.labelers:,} labelers, {task.null.rows:,} texts)"
    )
    for value, rate in task.groups.items():
        yield f"  false positives in {plain_cell(value)}: {_group_words(rate)}"


def refusal(task: TaskScreening) -> str:
    """Why a task type has no null, in words."""
    refused = task.refused
    if refused is None:
        return ""
    return REFUSALS[refused.reason].format(have=refused.have, needed=refused.needed)


def _group_words(rate: GroupRate) -> str:
    if rate.rate is None or rate.low is None or rate.high is None:
        return f"not told of {rate.labelers:,} labelers ({LEAST_LABELERS} needed)"
    return (
        f"{rate.rate:.2%} ({rate.low:.2%} to {rate.high:.2%}) of {rate.rows:,} clean texts of "
        f"{rate.labelers:,} labelers; {rate.referred:,} of them unusual"
    )


def _referral_lines(screening: LabelerScreening, work: Work | None) -> Iterator[str]:
    if not screening.referrals:
        beyond = f" ({screening.unusual:,} unusual, no budget left)" if screening.unusual else ""
        yield f"nobody is referred to review{beyond}"
        return
    for referral in screening.referrals:
        again = ", as before in this year" if referral.again else ""
        yield (
            f"{referral.labeler}: {REFER}{again}; adjusted p {referral.adjusted:.2g}; "
            f"{referral.flagged:,} of {referral.texts:,} texts flagged "
            f"({'; '.join(task_name(task) for task in referral.tasks)})"
        )
        yield from (f"  {words}" for words in _work_lines(referral, work))
    if screening.unusual > len(screening.referrals):
        more = screening.unusual - len(screening.referrals)
        yield f"{more:,} more are unusual, and beyond the budget of the year"
    yield CAUTION
    yield from (f"  - {words}" for words in EXPLANATIONS.values())


def _work_lines(referral: Referral, work: Work | None) -> Iterator[str]:
    for task in referral.tasks if work else ():
        for entry in work.medians.get((referral.labeler, task), ()) if work else ():
            yield (
                f"context, not a reason: median {entry.measure} {_number(entry.labeler)}, of the "
                f"task type {_number(entry.task)} ({task_name(task)})"
            )


def _number(value: float | None) -> str:
    return "not told" if value is None else f"{value:g}"


def table_text(screening: LabelerScreening) -> str:
    """The table as CSV: all labelers that were compared, referred ones first."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    rows = [(entry, task) for task in screening.tasks for entry in task.entries]
    for entry, task in sorted(rows, key=lambda row: (not row[0].referred, row[0].adjusted)):
        writer.writerow(_row(entry, task))
    return text.getvalue()


def _row(entry: Entry, task: TaskScreening) -> list[Any]:
    return [
        entry.labeler, plain_cell(task_name(task.task)), entry.texts, entry.flagged,
        *(f"{value:.6f}" for value in (entry.flagged / entry.texts, entry.shrunken)),
        f"{entry.low:.6f}", f"{entry.high:.6f}", entry.past_texts, entry.past_flagged,
        f"{entry.p_value:.6g}", f"{entry.adjusted:.6g}",
        REFER if entry.referred else "not referred",
    ]  # fmt: skip


def as_json(
    screening: LabelerScreening, about: Mapping[str, Any], work: Work | None = None
) -> dict[str, Any]:
    """The screening for programs; ``about`` says what it was made of."""
    return {
        "format": FORMAT,
        **about,
        "settings": asdict(screening.settings),
        "budget": screening.budget,
        "months": screening.months,
        "compared": screening.tested,
        "too_few_texts": screening.few,
        "no_null": screening.unmatched,
        "left_out": {
            "without_labeler": screening.without_labeler,
            "without_month": screening.without_month,
            "neither": screening.neither,
        },
        "cut": screening.cut,
        "unusual": screening.unusual,
        "task_types": [_task_json(task) for task in screening.tasks],
        "referrals": [_referral_json(referral, work) for referral in screening.referrals],
        "work_unread_shards": work.unread if work else [],
        "caution": CAUTION,
        "innocent_explanations": {str(code): words for code, words in EXPLANATIONS.items()},
    }


def _task_json(task: TaskScreening) -> dict[str, Any]:
    return {
        "task_type": dict(task.task),
        "labelers": task.labelers,
        "texts": task.texts,
        "flagged": task.flagged if task.null else None,
        "too_few_texts": task.few,
        "null": _null_json(task.null) if task.null else None,
        "refused": asdict(task.refused) | {"words": refusal(task)} if task.refused else None,
        "limits": task.limits,
        "compared": [asdict(entry) for entry in task.entries],
        "false_positives_by_group": {value: asdict(rate) for value, rate in task.groups.items()},
    }


def _null_json(null: CleanNull) -> dict[str, Any]:
    names = ("rate", "dispersion", "dispersion_limit", "labelers", "rows")
    return {name: getattr(null, name) for name in names}


def _referral_json(referral: Referral, work: Work | None) -> dict[str, Any]:
    medians = work.medians if work else {}
    return {
        "labeler": referral.labeler,
        "result": REFER,
        "adjusted_p_value": referral.adjusted,
        "texts": referral.texts,
        "flagged": referral.flagged,
        "again": referral.again,
        "task_types": [
            {"task_type": dict(task), "context": _context(medians.get((referral.labeler, task)))}
            for task in referral.tasks
        ],
    }


def _context(medians: tuple[Medians, ...] | None) -> dict[str, Any]:
    return {m.measure: {"labeler": m.labeler, "task_type": m.task} for m in medians or ()}
