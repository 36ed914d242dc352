"""The result of ``audit run`` for people: tables, then what is missing and what is assumed."""

from collections.abc import Iterator, Sequence

from scrubtrace.audit.clusters import Count, Grouped
from scrubtrace.audit.estimates import Counted, Estimate
from scrubtrace.audit.figures import ASSUMPTIONS, NOTES, REFUSALS, AuditFigure, What, Why
from scrubtrace.audit.parts import SHOWN
from scrubtrace.audit.precision import error_words
from scrubtrace.audit.result import AuditResult, Entry
from scrubtrace.schemas.plain import plain
from scrubtrace.stats.prevalence.quantify import UNLIKE
from scrubtrace.stats.prevalence.result import Reason

DRAWN = ("STRATUM", "OF", "TEXTS", "DRAWN", "DECIDED", "HITS", "SHARE", "INTERVAL", "AT MOST")
FLAGGED = ("STRATUM", "TEXTS", "FLAGGED", "RATE", "AT LEAST", "BY FLAGS", "BY SCORES", "AT MOST")
COUNTS = ("population", "drawn", "decided", "hits")

CLAIMS = {
    What.FLAGGED: "rate of flagged texts",
    What.LOWER_BOUND: "lower bound",
    What.BY_FLAGS: "estimate by flags",
    What.BY_SCORES: "estimate by scores",
    What.REVIEWED: "share of hits",
    What.UPPER_BOUND: "upper bound",
}
SHOWN_STRATA = 60
"""Strata that are listed; all of them are in the file of ``--json``."""


def audit_lines(result: AuditResult, review: str = "") -> Iterator[str]:
    """The result line by line; ``review`` is what a next command needs to find the review table."""
    if result.reviewed is not None:
        yield from _table(DRAWN, 2, [_drawn(*pair) for pair in (*result.cells, *result.wholes)])
        yield from _undecided(*result.wholes[0])
        yield ""
    yield from _table(FLAGGED, 1, [_compared(entry) for entry in result.entries])
    for what in What:
        yield from _missing(what, [(e.name, e.figure(what)) for e in result.entries])
    yield from _to_do(result, review)
    yield from _partial(result.whole)
    yield from _clusters(result.whole)
    yield from _checks(result)
    for note in result.notes:
        yield f"note: {NOTES[note]}"
    for assumption in result.assumptions:
        yield f"assumed: {ASSUMPTIONS[assumption]}"
    hit = (
        "; a hit is a text that reviewers call LLM text, also if it is allowed"
        if result.reviewed
        else ""
    )
    yield f"at {result.confidence:.0%} confidence; AT LEAST and AT MOST are one-sided bounds{hit}"


def _table(head: Sequence[str], names: int, found: list[tuple[str, ...]]) -> Iterator[str]:
    """Rows below their head, the first columns to the left; of many rows the last one stays."""
    left_out = max(0, len(found) - SHOWN_STRATA)
    kept = found[: SHOWN_STRATA - 1] + found[-1:] if left_out else found
    rows = [tuple(head), *(tuple(map(plain, row)) for row in kept)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    for row in rows:
        cells = (
            text.ljust(width) if column < names else text.rjust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  ".join(cells).rstrip()
    if left_out:
        yield f"{left_out:,} more strata are not shown"


def _drawn(cell: Counted, found: Estimate) -> tuple[str, ...]:
    counts = [f"{getattr(cell, name):,}" for name in COUNTS]
    if found.rate is None or found.lower is None or found.upper is None:
        why = REFUSALS[found.refusal] if found.refusal else ""
        return (cell.stratum, cell.of, *counts, "-", why, "-")
    interval = f"{found.lower:.3%} to {found.upper:.3%}"
    most = "-" if found.upper_corrected is None else f"{found.upper_corrected:.3%}"
    return (cell.stratum, cell.of, *counts, f"{found.rate:.3%}", interval, most)


def _undecided(whole: Counted, found: Estimate) -> Iterator[str]:
    if found.if_undecided and whole.decided < whole.drawn:
        least, most = found.if_undecided
        yield (
            f"note: {whole.drawn - whole.decided:,} texts are undecided; if none of them is a hit "
            f"the share is {least:.3%}, if all are {most:.3%}"
        )
    if found.refusal:
        about = f": {found.about}" if found.about else ""
        yield f"no figure for all texts: {REFUSALS[found.refusal]}{about}"


def _compared(entry: Entry) -> tuple[str, ...]:
    raw, lower, upper = (
        entry.figure(what) for what in (What.FLAGGED, What.LOWER_BOUND, What.UPPER_BOUND)
    )
    return (
        entry.name,
        f"{entry.texts:,}",
        f"{entry.flagged:,}",
        "-" if raw.estimate is None else f"{raw.estimate:.3%}",
        "-" if lower.lower is None else f"{lower.lower:.3%}",
        _interval(entry.figure(What.BY_FLAGS)),
        _interval(entry.figure(What.BY_SCORES)),
        "-" if upper.upper is None else f"{upper.upper:.3%}",
    )


def _interval(figure: AuditFigure) -> str:
    if figure.estimate is None:
        return "-"
    return f"{figure.estimate:.2%} ({figure.lower:.2%} to {figure.upper:.2%})"


def _missing(what: What, found: list[tuple[str, AuditFigure]]) -> Iterator[str]:
    """Each reason for no figure once, with the strata that it is about."""
    reasons: dict[Why, list[tuple[str, AuditFigure]]] = {}
    for name, figure in found:
        if figure.refusal is not None:
            reasons.setdefault(figure.refusal, []).append((name, figure))
    for reason, own in reasons.items():
        names = [name for name, _ in own]
        about = f"{len(names)} strata" if len(names) > 3 else "; ".join(names)
        details = {figure.detail for _, figure in own}
        words = own[0][1].words if len(details) == 1 else REFUSALS[reason]
        yield f"no {CLAIMS[what]} for {about}: {words}"


def _to_do(result: AuditResult, review: str) -> Iterator[str]:
    """How to get an upper bound that is missing for lack of controls."""
    lacking = (Reason.FEW_CONTROLS, Reason.NO_CONTROLS)
    refused = any(entry.figure(What.UPPER_BOUND).refusal in lacking for entry in result.entries)
    if refused and result.reviewed is not None:
        yield f"to get an upper bound: {result.reviewed.more_controls(review)}"


def _partial(whole: Entry) -> Iterator[str]:
    """What a number for all texts leaves out or rests on."""
    for figure in whole.figures:
        told = [figure.detail] if figure.detail else []
        if figure.expected_error is not None:
            told.append(error_words(figure.expected_error))
        if figure.refusal is None and told:
            yield f"{CLAIMS[figure.what]} of all texts: {'; '.join(told)}"
    if whole.trusted:
        yield (
            f"{whole.trusted:,} texts are the human reference and are not judged: they are not "
            "among the texts above"
        )


def _clusters(whole: Entry) -> Iterator[str]:
    """How many clusters the texts are of, and what that does to their counts."""
    if whole.clusters is None:
        return
    yield f"clusters of all texts: {_effect(whole.clusters, 'flagged', 'texts')}"
    for part in whole.parts[:SHOWN]:
        own = part.clusters
        if own is None or not part.tally.judged:
            continue
        samples = (("judged", own.judged), ("human", own.human), ("llm", own.llm))
        told = [
            f"{name} {_effect(one, 'by_rule', 'judged')}"
            for name, one in samples
            if one is not None and not one.lacking
        ]
        yield f"clusters of {part.name}: {'; '.join(told)}"


def _effect(texts: Grouped, hits: Count, rows: Count) -> str:
    found = texts.clusters(hits, rows)
    groups = ", ".join(texts.groups)
    return f"{len(found):,} by {groups}, design effect {found.design_effect:.2f}"


def _checks(result: AuditResult) -> Iterator[str]:
    """Whether scores show that the human reference is of another kind."""
    if not result.references.human:
        return
    found = [(part, part.mixture) for part in result.whole.parts if part.tally.judged]
    for part, p in found:
        if p is not None:
            verdict = "no mixture" if p < UNLIKE else "may be a mixture"
            yield f"scores of {part.name}: {verdict} of the references (p = {p:.2g})"
    clustered = ", and with --cluster enough clusters among them" if result.cluster else ""
    if not_checked := [part.name for part, p in found if p is None]:
        yield (
            f"not checked for {', '.join(not_checked[:5])}: whether the texts are like the human "
            "reference. It takes style p-values of all texts and of both references, kept by "
            "language and source, and references that they tell apart" + clustered
        )
