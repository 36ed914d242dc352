"""What was found: lanes and detectors, signatures, matches with references, p-values of style."""

from scrubtrace.report.gathering import Gathered, MatchedSource
from scrubtrace.review.report.model import Bars, Drawn, Histogram, Histograms, Section, Table
from scrubtrace.schemas.messages import Messages
from scrubtrace.schemas.style import P_BINS
from scrubtrace.stats.counts import ranked
from scrubtrace.style.flagging import Stratum
from scrubtrace.style_words import problem_words, stratum_words

SIGNATURES, SOURCES, STRATA = 25, 50, 12
LEAST_TEXTS = 100
"""Texts of a stratum below which a histogram of p-values shows nothing but chance."""


def lane_sections(found: Gathered, messages: Messages) -> list[Section]:
    """Kinds of flagged texts, and what each detector judged."""
    verdicts = (
        (messages.text("flagged"), found.outcome.flagged),
        (messages.text("reported, not flagged"), found.outcome.reported),
    )
    rows = [
        (messages.name("kind", kind), verdict, messages.number(count))
        for verdict, counter in verdicts
        for kind, count in ranked(counter)
    ]
    columns = (messages.text("kind"), messages.text("verdict"), messages.text("texts"))
    return [
        Section(
            "lanes",
            messages.text("What was found"),
            (
                messages.text(
                    "Three lanes, never mixed into one number: match (the text is in an index of "
                    "known model output), trace (phrases and traces of scrubbing) and style (a "
                    "calibrated p-value). Only the match lane may name a vendor."
                ),
            ),
            tables=(
                Table(columns, tuple(rows), frozenset(columns[2:])),
                _detectors(found, messages),
            ),
        )
    ]


def _detectors(found: Gathered, messages: Messages) -> Table:
    columns = (
        messages.text("detector"),
        messages.text("version"),
        messages.text("lane"),
        messages.text("rows judged"),
        messages.text("abstained"),
        messages.text("dead"),
    )
    about = {planned.name: planned for planned in found.spec.detectors}
    rows = []
    for name, tally in sorted(found.outcome.balance.detectors.items()):
        counts = (tally.judged, tally.abstained.total(), tally.dead.total())
        lane = messages.name("lane", about[name].lane) if name in about else ""
        version = about[name].version if name in about else ""
        rows.append((name, version, lane, *(messages.number(count) for count in counts)))
    return Table(columns, tuple(rows), frozenset(columns[3:]))


def signature_sections(found: Gathered, messages: Messages) -> list[Section]:
    """The signatures that most flagged texts have."""
    top = ranked(found.signals)[:SIGNATURES]
    if not top:
        return []
    first = top[0]
    drawn = Drawn(
        Bars(tuple((signal, count) for (_, signal), count in top), messages.text("flagged texts")),
        messages.text("Signatures by the number of flagged texts that use them."),
        messages.text(
            "{signal} leads with {count} texts.",
            signal=first[0][1], count=messages.number(first[1]),
        ),
    )  # fmt: skip
    words = messages.text(
        "A phrase shows that a text resembles LLM output, rarely whose. {count} signatures occur; "
        "scrubtrace signatures lists what each of them matches.",
        count=messages.number(len(found.signals)),
    )
    title = messages.text("Most frequent signatures")
    return [Section("signatures", title, (words,), figures=(drawn,))]


def match_sections(found: Gathered, messages: Messages) -> list[Section]:
    """Which sources of the reference index flagged texts match."""
    if not found.matches:
        return []
    columns = (
        messages.text("source of the reference"),
        messages.text("model"),
        messages.text("flagged texts"),
        messages.text("how"),
        messages.text("first"),
        messages.text("last"),
    )
    rows = tuple(_match_row(match, messages) for match in found.matches[:SOURCES])
    left_out = len(found.matches) - len(rows)
    note = messages.text("First and last are the months of the texts, where they are dated.")
    if left_out:
        note += " " + messages.plural("{count} more row is not shown.",
                                      "{count} more rows are not shown.", left_out)  # fmt: skip
    words = messages.text(
        "Texts that match a reference as few trusted texts do. A match says that the two share "
        "passages or wording, not which came first."
    )
    table = Table(columns, rows, frozenset((columns[2], *columns[4:])), note)
    title = messages.text("Matches with known model output")
    return [Section("matches", title, (words,), tables=(table,))]


def _match_row(match: MatchedSource, messages: Messages) -> tuple[str, ...]:
    how = ", ".join(
        f"{messages.name('category', category)} {messages.number(count)}"
        for category, count in match.classes
    )
    model, first, last = match.model or "", match.first_month or "", match.last_month or ""
    return (match.source, model, messages.number(match.texts), how, first, last)


def style_sections(found: Gathered, messages: Messages) -> list[Section]:
    """Histograms of p-values: level where rows are like those that calibrated."""
    strata = sorted(
        (s for s in found.outcome.style.strata.values() if sum(s.p_values) >= LEAST_TEXTS),
        key=lambda s: (-s.judged, s.name),
    )
    if not strata:
        return []
    shown = strata[:STRATA]
    drawn = Drawn(
        Histograms(tuple(_histogram(s, messages) for s in shown), messages.text("p-value")),
        messages.text(
            "P-values of all judged texts by stratum. Texts by people like those that calibrated "
            "spread evenly (line); 95 of 100 bars then stay below the dashed line. A peak at the "
            "left is what LLM text makes; any other shape says that the calibration does not fit."
        ),
        "; ".join(_histogram_words(stratum, messages) for stratum in shown),
    )
    return [
        Section(
            "style",
            messages.text("Calibration at a glance"),
            warnings=tuple(_problem(s, messages) for s in shown if s.problem),
            figures=(drawn,),
            tables=(_strata_table(strata, messages),),
        )
    ]  # fmt: skip


def _problem(stratum: Stratum, messages: Messages) -> str:
    return messages.text(
        "{stratum}: {problem}",
        stratum=stratum_words(stratum.name, messages),
        problem=problem_words(stratum.problem, messages),
    )


def _histogram(stratum: Stratum, messages: Messages) -> Histogram:
    from scipy.stats import binom

    n = sum(stratum.p_values)
    upper = float(binom.ppf(0.95, n, 1 / P_BINS))
    name = stratum_words(stratum.name, messages)
    return Histogram(name, tuple(stratum.p_values), n / P_BINS, upper)


def _histogram_words(stratum: Stratum, messages: Messages) -> str:
    share = stratum.p_values[0] / sum(stratum.p_values)
    return messages.text(
        "{stratum}: {share} of p-values are at most {p}",
        stratum=stratum_words(stratum.name, messages), share=messages.percent(share, 1),
        p=messages.number(1 / P_BINS, 2),
    )  # fmt: skip


def _strata_table(strata: list[Stratum], messages: Messages) -> Table:
    columns = (
        messages.text("stratum"),
        messages.text("judged"),
        messages.text("calibration rows"),
        messages.text("flagged"),
        messages.text("false if all were human"),
    )
    rows = tuple(
        (
            stratum_words(s.name, messages),
            messages.number(s.judged),
            "" if s.n is None else messages.number(s.n),
            messages.number(s.flagged),
            messages.number(s.expected_false, 1),
        )
        for s in strata[:SOURCES]
    )
    return Table(columns, rows, frozenset(columns[1:]))
