"""A plan for people: the strata in a table, and what to do next."""

from collections import Counter
from collections.abc import Iterator

from scrubtrace.audit.mixing import Mixed
from scrubtrace.audit.planning import Planned
from scrubtrace.audit.strata import Cell, kind_words
from scrubtrace.schemas.batches import Purpose
from scrubtrace.schemas.plain import plain
from scrubtrace.stats.prevalence.rates import LEAST_CONTROLS

SHOWN_STRATA = 60
"""Strata that are listed; all of them are in the plan."""


def plan_lines(planned: Planned, review: str = "") -> Iterator[str]:
    """The strata with what is drawn and reached, what is left out, warnings, the next command.

    ``review`` is what the next command needs to find the review table.
    """
    plan, job = planned.plan, planned.job
    made_by = ", ".join(planned.by) or "nothing: one stratum"
    yield f"data set {planned.dataset}, run {plan['run']}; strata by {made_by}"
    reached = "UPPER BOUND" if job.goal.expected is None else "WIDTH"
    yield from _table(planned, reached)
    drawn, population = plan["drawn"], plan["population"]
    yield f"{drawn:,} of {population:,} texts to draw" + _sure(planned)
    yield from _outside(planned)
    for warning in planned.warnings:
        yield f"note: {warning}"
    if planned.batch is None:
        yield "nothing was written"
        return
    name = planned.batch.name
    yield f"batch {name} written: {drawn:,} texts, event {planned.batch.event} of the log"
    if planned.unseen_flagged:
        yield (
            f"note: {planned.unseen_flagged:,} flagged items of the review table are not in the "
            "current shards"
        )
    yield f"next: scrubtrace review export --batch {name} --out {name}.csv{review}"
    if planned.batch.purpose == Purpose.AUDIT:
        yield _controls(drawn)


def _controls(drawn: int) -> str:
    """Which share of controls is enough for an upper bound."""
    add = "mix in texts of known origin: scrubtrace review controls add, then --controls"
    share = Mixed(drawn).share_for(LEAST_CONTROLS)
    if share is None:
        return (
            f"  to measure what reviewers find, {add} 1, and more of them in other exports: audit "
            f"run needs {LEAST_CONTROLS} LLM controls, more than this batch has room for"
        )
    return (
        f"  to measure what reviewers find, {add} {share:g}: half of them are of LLM text, and "
        f"audit run needs {LEAST_CONTROLS} of these"
    )


def _sure(planned: Planned) -> str:
    """What the draw lets one say."""
    goal, reached = planned.job.goal, planned.plan["reached"]
    if reached is None:
        return ""
    who = "" if planned.job.phases.flagged is None else " of the texts that are not flagged"
    found = (
        "" if goal.sensitivity == 1 else f" by reviewers who find {goal.sensitivity:.0%} of them"
    )
    sure = f"at {goal.confidence:.0%} confidence"
    if goal.expected is None:
        return f"; if none{who} is a hit{found}, fewer than {reached:.3%} are, {sure}"
    return f"; a share{who} of {goal.expected:.2%}{found} is found to ± {reached:.3%}, {sure}"


def _table(planned: Planned, reached: str) -> Iterator[str]:
    head = ("STRATUM", "OF", "TEXTS", "DRAWN", "PROBABILITY", reached)
    cells = [cell for stratum in planned.strata for cell in stratum.cells]
    rows = [head, *(tuple(map(plain, _row(planned, cell))) for cell in cells[:SHOWN_STRATA])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:2], widths[:2], strict=True)]
        right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        yield "  ".join([*left, *right]).rstrip()
    if len(cells) > SHOWN_STRATA:
        yield f"... and {len(cells) - SHOWN_STRATA:,} more"


def _row(planned: Planned, cell: Cell) -> tuple[str, ...]:
    numbers = (f"{cell.population:,}", f"{cell.drawn:,}", f"{cell.probability:.4g}")
    share = planned.job.goal.reached([(cell.population, cell.drawn)])
    reached = f"{share:.3%}" if False in cell.flagged else ""
    whole = cell.drawn == cell.population
    name = f"{cell.stratum} (whole)" if whole else cell.stratum
    return name, kind_words(cell.flagged), *numbers, reached


def _outside(planned: Planned) -> Iterator[str]:
    """Rows and texts that no one can draw, so that all are accounted for."""
    plan = planned.plan
    outside: Counter[str] = Counter()
    for stratum in planned.strata:
        outside.update(stratum.outside)
    if plan["rows_unread"]:
        outside["rows_unread"] = plan["rows_unread"]
    if plan["dead_shards"]:
        outside["dead_shards"] = plan["dead_shards"]
    named = sorted(outside.items())
    shown = ", ".join(f"{why.replace('_', ' ')} {count:,}" for why, count in named)
    yield f"in {plan['rows']:,} rows; outside of every stratum: {shown or 'none'}"
    if planned.partial.undated:
        yield (
            f"note: {planned.partial.undated:,} rows have a time that is not understood, "
            "so no month"
        )
