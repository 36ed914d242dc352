"""Labelers beside clean ones of the same task type: a funnel, and who is referred to review."""

from scrubtrace.cells import LABELER
from scrubtrace.labelers.model import LabelerScreening, TaskScreening
from scrubtrace.labelers.periods import LAST_CLEAN, Settings, TaskType, usual_task_by
from scrubtrace.labelers.screening import screen_labelers
from scrubtrace.report.gathering import Gathered
from scrubtrace.report.shares import p_words, value_words
from scrubtrace.review.report.model import Drawn, Funnel, Section, Share, Table
from scrubtrace.schemas.messages import Messages
from scrubtrace.stats.screening import CleanNull

FUNNELS, REFERRALS = 6, 50


def labeler_sections(found: Gathered, messages: Messages) -> list[Section]:
    """Nothing without labelers and months; nothing of single labelers without a clean reference.

    Only labelers that ``labelers screen`` has referred this year are named, so that the report
    names nobody beyond its budget.
    """
    columns = found.spec.columns.groups.keys()
    if LABELER not in columns or "created_at" not in columns:
        return []
    settings = Settings(usual_task_by(columns))
    counts = (found.texts, found.flagged_without_style)
    screening = screen_labelers(*counts, settings, budget=0, earlier=found.referred)
    if not screening.tasks:
        return []
    compared = [task for task in screening.tasks if task.null is not None]
    figures = tuple(
        _funnel(task, task.null, messages) for task in compared[:FUNNELS] if task.null is not None
    )
    tables = [_refusals(screening, messages), _referrals(screening, messages)]
    return [
        Section(
            "labelers",
            messages.text("By whom"),
            _words(screening, messages),
            _cautions(messages) if compared else (),
            figures,
            tuple(table for table in tables if table.rows),
        )
    ]


def _words(screening: LabelerScreening, messages: Messages) -> tuple[str, ...]:
    tested = messages.plural(
        "{count} labeler was compared with clean labelers of the same task type.",
        "{count} labelers were compared with clean labelers of the same task type.",
        screening.tested,
    )
    level = messages.text(
        "Clean are the texts up to {month}. Flags of style are left out. At a false discovery "
        "rate of {share}, {unusual} are unusual, and scrubtrace labelers screen has referred "
        "{referred} of them to review this year.",
        month=LAST_CLEAN, share=messages.percent(screening.settings.level),
        unusual=messages.number(screening.unusual),
        referred=messages.number(len(screening.referrals)),
    )  # fmt: skip
    return (tested, level) if screening.tested else (_none(messages),)


def _none(messages: Messages) -> str:
    return messages.text(
        "No labeler is compared with others: there are too few clean texts of the same task type. "
        "Nothing is said of single labelers."
    )


def _cautions(messages: Messages) -> tuple[str, ...]:
    return (
        messages.text(
            "To refer means to look at rows. It is no finding about a person: topic, templates, a "
            "second language, tools that are allowed, copied instructions, few texts and chance "
            "all make a rate unusual."
        ),
    )


def _funnel(task: TaskScreening, null: CleanNull, messages: Messages) -> Drawn:
    shares = tuple(
        Share(one.labeler, one.flagged, one.texts, one.flagged / one.texts, one.low, one.high)
        for one in task.entries
    )
    marked = frozenset(one.labeler for one in task.entries if one.referred)
    return Drawn(
        Funnel(shares, task.limits, null.rate, messages.text("flagged"), marked),
        messages.text(
            "{task}: share of texts flagged of each labeler by number of texts. The line is the "
            "rate of clean labelers, the band what they stay within.",
            task=_named(task.task, messages),
        ),
        messages.text(
            "{labelers} labelers; {referred} of them are unusual and referred to review.",
            referred=messages.number(len(marked)), labelers=messages.number(len(shares)),
        ),
    )  # fmt: skip


def _refusals(screening: LabelerScreening, messages: Messages) -> Table:
    columns = (
        messages.text("task type"),
        messages.text("labelers"),
        messages.text("texts"),
        messages.text("why nothing is said of single labelers"),
    )
    rows = []
    for task in screening.tasks:
        if task.refused is not None:
            why = messages.text(
                "{reason}: {have} of {needed}",
                reason=messages.name("refusal", task.refused.reason),
                have=messages.number(task.refused.have),
                needed=messages.number(task.refused.needed),
            )
            counts = (messages.number(task.labelers), messages.number(task.texts))
            rows.append((_named(task.task, messages), *counts, why))
    return Table(columns, tuple(rows[:REFERRALS]), frozenset(columns[1:3]))


def _referrals(screening: LabelerScreening, messages: Messages) -> Table:
    columns = (
        messages.text("refer to review"),
        messages.text("task type"),
        messages.text("flagged"),
        messages.text("texts"),
        messages.text("rate drawn towards the others"),
        messages.text("p (adjusted)"),
    )
    rows = [
        (
            one.labeler,
            _named(task.task, messages),
            messages.number(one.flagged),
            messages.number(one.texts),
            f"{messages.percent(one.shrunken, 1)} "
            f"({messages.percent(one.low, 1)} – {messages.percent(one.high, 1)})",
            p_words(one.adjusted, messages),
        )
        for task in screening.tasks
        for one in task.entries
        if one.referred
    ]
    return Table(columns, tuple(rows[:REFERRALS]), frozenset(columns[2:]))


def _named(task: TaskType, messages: Messages) -> str:
    return ", ".join(value_words(value, messages) for _, value in task)
