"""Flag rates by language, vendor, source, stage and market, and by month."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from scrubtrace.report.gathering import Gathered
from scrubtrace.review.report.model import Drawn, Forest, Months, Section, Share, Table
from scrubtrace.schemas.counts import CELL_GROUPS
from scrubtrace.schemas.messages import Messages
from scrubtrace.stats.change import Reason, Step, month_rates, steps
from scrubtrace.stats.intervals import interval

BASELINE_END = "2022-11"
"""The first public chat model appeared on 30 November 2022: the months before are the baseline."""

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SEED = 1
"""Of the permutations of a test, so that a report says the same again."""

TABLE_ROWS = 40
BY = ("language", *(name for name in CELL_GROUPS if name != "labeler"))


@dataclass(frozen=True)
class PolicyDate:
    """A date at which something is expected to change, and what it is."""

    day: date
    words: str

    @property
    def first_month(self) -> str:
        """The first month that begins on or after the date."""
        year, month = self.day.year, self.day.month
        if self.day.day > 1:
            year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        return f"{year:04d}-{month:02d}"


def share_of(name: str, hits: int, n: int) -> Share:
    """A share with its exact 95% interval (Clopper and Pearson); ``n`` is above 0."""
    return Share(name, hits, n, hits / n, *interval(hits, n))


def p_words(p: float, messages: Messages) -> str:
    """A p-value with four decimal places, or that it is below the smallest of these."""
    smallest = 1e-4
    if p < smallest:
        return messages.text("below {limit}", limit=messages.number(smallest, 4))
    return messages.number(p, 4)


def strata_sections(found: Gathered, messages: Messages) -> list[Section]:
    """One section with a figure and a table for each group that has values."""
    figures, tables = [], []
    overall = found.flagged.total(), found.texts.total()
    for name in BY:
        values = {value: pair for value, pair in found.by(name).items() if pair[1]}
        if not values or set(values) == {None}:
            continue
        title = messages.name("field", name)
        shares = [share_of(value_words(value, messages), *pair) for value, pair in values.items()]
        if len(shares) > 1:
            figures.append(_forest(title, shares, overall, messages))
        tables.append(_share_table(title, shares, messages))
    if not tables:
        return []
    return [
        Section(
            "strata",
            messages.text("Flagged texts by group"),
            (
                messages.text(
                    "The share of texts that were flagged, with exact 95% intervals. It is not the "
                    "share of LLM text: detectors miss texts, and flag some that people wrote."
                ),
            ),
            figures=tuple(figures),
            tables=tuple(tables),
        )
    ]


def _forest(
    title: str, shares: Sequence[Share], overall: tuple[int, int], messages: Messages
) -> Drawn:
    share = overall[0] / overall[1] if overall[1] else 0.0
    top = max(shares, key=lambda one: one.lower)
    return Drawn(
        Forest(tuple(shares), messages.text("flagged"), share, messages.text("all")),
        messages.text("{group}: share of texts flagged.", group=title),
        messages.text(
            "{name} has the highest lower limit, {lower}; of all texts {share} are flagged.",
            name=top.name, lower=messages.percent(top.lower, 2), share=messages.percent(share, 2),
        ),
    )  # fmt: skip


def _share_table(title: str, shares: Sequence[Share], messages: Messages) -> Table:
    flagged, texts = messages.text("flagged"), messages.text("texts")
    columns = (title, flagged, texts, messages.text("share"), messages.text("95% interval"))
    rows = tuple(_share_row(share, messages) for share in shares[:TABLE_ROWS])
    left_out = len(shares) - len(rows)
    note = messages.plural("{count} more row is not shown.", "{count} more rows are not shown.",
                           left_out) if left_out else ""  # fmt: skip
    return Table(columns, rows, frozenset(columns[1:]), note)


def _share_row(share: Share, messages: Messages) -> tuple[str, ...]:
    counts = (messages.number(share.hits), messages.number(share.n))
    limits = f"{messages.percent(share.lower, 2)} – {messages.percent(share.upper, 2)}"
    return (share.name, *counts, messages.percent(share.share, 2), limits)


def value_words(value: str | None, messages: Messages) -> str:
    """A value of a group; one that would be seen as nothing stands in quotes."""
    if value is None:
        return messages.text("(none)")
    return value if value.strip() else f'"{value}"'


def month_sections(
    found: Gathered, dates: Iterable[PolicyDate], messages: Messages
) -> list[Section]:
    """Flag rates by month, beside the months before LLMs, with a test at each date."""
    by_month = found.by("month")
    months = sorted(month for month in by_month if month is not None)
    if not months:
        return []
    flagged = np.array([by_month[month][0] for month in months])
    texts = np.array([by_month[month][1] for month in months])
    is_baseline = np.array([month < BASELINE_END for month in months])
    rates = month_rates(texts, flagged, is_baseline)
    ordered = sorted(dates, key=lambda one: one.day)
    shares = tuple(
        Share(month, rate.flagged, rate.rows, rate.rate, rate.low, rate.high)
        for month, rate in zip(months, rates, strict=True)
        if rate.rate is not None and rate.low is not None and rate.high is not None
    )
    baseline = _baseline(texts, flagged, is_baseline)
    without = by_month.get(None, (0, 0))[1]
    return [
        Section(
            "months",
            messages.text("Since when"),
            tuple(_month_words(baseline, without, messages)),
            figures=(_drawn_months(shares, ordered, baseline, messages),),
            tables=_step_tables(found, months, ordered, messages),
        )
    ]


def _baseline(texts: Numbers, flagged: Numbers, is_baseline: Flags) -> Share | None:
    n = int(texts[is_baseline].sum())
    return share_of("", int(flagged[is_baseline].sum()), n) if n else None


def _month_words(baseline: Share | None, without: int, messages: Messages) -> Iterable[str]:
    if baseline is None:
        yield messages.text(
            "No text is dated before November 2022, when the first public chat model appeared: "
            "there is no floor of false positives to compare with."
        )
    else:
        yield messages.text(
            "Of {n} texts dated before November 2022, when the first public chat model appeared, "
            "{share} are flagged (95% interval {lower} to {upper}): what the detectors flag in "
            "texts that no such model can have written, if the dates are right.",
            n=messages.number(baseline.n), share=messages.percent(baseline.share, 2),
            lower=messages.percent(baseline.lower, 2), upper=messages.percent(baseline.upper, 2),
        )  # fmt: skip
    if without:
        yield messages.plural(
            "{count} text has no date that is understood.",
            "{count} texts have no date that is understood.",
            without,
        )


def _drawn_months(
    shares: tuple[Share, ...],
    dates: Sequence[PolicyDate],
    baseline: Share | None,
    messages: Messages,
) -> Drawn:
    marks = tuple((one.first_month, one.words) for one in dates)
    band = (baseline.lower, baseline.upper) if baseline else None
    top = max(shares, key=lambda one: one.lower)
    return Drawn(
        Months(shares, messages.text("flagged"), marks, band),
        messages.text(
            "Share of texts flagged by month, with 95% intervals. The band is the interval of the "
            "months before November 2022; dashed lines are policy dates."
        )
        if baseline
        else messages.text("Share of texts flagged by month, with 95% intervals."),
        messages.text(
            "From {first} to {last}; the highest lower limit is that of {month}, {lower}.",
            first=shares[0].name, last=shares[-1].name, month=top.name,
            lower=messages.percent(top.lower, 2),
        ),
    )  # fmt: skip


def _step_tables(
    found: Gathered, months: Sequence[str], dates: Sequence[PolicyDate], messages: Messages
) -> tuple[Table, ...]:
    if not dates:
        return ()
    starts = [_place(months, one.first_month) for one in dates]
    used = sorted({start for start in starts if 0 < start < len(months)})
    texts, flagged = _by_stratum(found, months)
    tested = dict(zip(used, steps(texts, flagged, used, np.random.default_rng(SEED)), strict=True))
    columns = (
        messages.text("date"),
        messages.text("before"),
        messages.text("after"),
        messages.text("odds ratio"),
        messages.text("95% interval"),
        messages.text("p (adjusted)"),
    )
    rows = tuple(
        (
            f"{one.day.isoformat()} {one.words}",
            *_date_row(start, tested, dates[starts.index(start)], one, messages),
        )
        for one, start in zip(dates, starts, strict=True)
    )
    note = messages.text(
        "One-sided tests of a rise within languages and sources, between the date before and the "
        "date after; months that vary by more than chance are allowed for, and p-values are "
        "adjusted for the number of dates (Holm). A step says when, not why."
    )
    return (Table(columns, rows, frozenset(columns[1:]), note),)


def _date_row(
    start: int, tested: Mapping[int, Step], first: PolicyDate, one: PolicyDate, messages: Messages
) -> tuple[str, ...]:
    """The test at a date, or why it has none; ``first`` is the first date of its first month."""
    if start not in tested:
        reason = Reason.FEW_MONTHS_AFTER if start else Reason.FEW_MONTHS_BEFORE
        return "", "", "", "", messages.name("refusal", str(reason))
    if first is not one:
        day = first.day.isoformat()
        return "", "", "", "", messages.text("tested with {date}", date=day)
    return _step_row(tested[start], messages)


def _step_row(step: Step, messages: Messages) -> tuple[str, ...]:
    if step.p_value is None or step.adjusted is None:
        refusal = messages.name("refusal", str(step.refusal))
        return "", "", "", "", refusal
    ratio, low, high = (
        "" if value is None else messages.number(value, 2)
        for value in (step.odds_ratio, step.low, step.high)
    )
    before, after = (
        "" if rate is None else messages.percent(rate, 2)
        for rate in (step.rate_before, step.rate_after)
    )
    return before, after, ratio, f"{low} – {high}", p_words(step.adjusted, messages)


def _place(months: Sequence[str], month: str) -> int:
    """Number of the first month with texts that is not before this one; behind all, if none is."""
    return bisect_left(months, month)


def _by_stratum(found: Gathered, months: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Texts and flagged texts by language and source (strata), and month."""
    place = {month: number for number, month in enumerate(months)}
    strata: dict[tuple[str | None, str | None], int] = {}
    for cell in found.texts:
        strata.setdefault((cell[0], cell[_SOURCE]), len(strata))
    counts = np.zeros((2, len(strata), len(months)), np.int64)
    for number, counted in enumerate((found.texts, found.flagged)):
        for cell, count in counted.items():
            if cell[-1] is not None:
                counts[number, strata[cell[0], cell[_SOURCE]], place[cell[-1]]] += count
    return counts[0], counts[1]


_SOURCE = 1 + CELL_GROUPS.index("source")
