"""A report with every kind of figure, of made-up numbers."""

from scrubtrace.review.report.model import (
    Bars,
    Drawn,
    Forest,
    Funnel,
    Histogram,
    Histograms,
    Months,
    Report,
    Section,
    Share,
    Table,
)
from scrubtrace.stats.intervals import interval


def share(name: str, hits: int, n: int) -> Share:
    """A share with its exact interval."""
    return Share(name, hits, n, hits / n, *interval(hits, n))


STRATA = tuple(share(f"vendor {name}", 3 * number, 400) for number, name in enumerate("ABCDE"))
LABELERS = tuple(share(f"p-{n:04d}", n % 7 + (25 if n == 40 else 0), 60 + 9 * n) for n in range(80))
MONTHS = tuple(
    share(f"{2022 + number // 12}-{number % 12 + 1:02d}", 2 + (9 if number > 14 else 0), 500)
    for number in range(6, 24)
)
LIMITS = tuple((n, max(0.0, 0.012 - 0.2 / n**0.5), 0.012 + 0.2 / n**0.5) for n in (60, 200, 800))

REPORT = Report(
    title="Review of <b>chats</b> & more",
    subtitle="made for a test",
    summary=("All rows were read.", "Few were flagged.", "No share was estimated."),
    facts=(("rows", "1,200"), ("flagged", "18"), ("run", "20260101T000000.000000-abcdef")),
    sections=(
        Section(
            "strata", "By vendor", ("A flag is a reason to look.",), ("Not a prevalence.",),
            (Drawn(Forest(STRATA, "flagged", 0.01, "1%"), "Exact intervals.", "A to E rise."),),
            (Table(("vendor", "n"), (("A | B", "400"), ("`C`", "1")), frozenset({"n"}), "both"),),
        ),
        Section(
            "labelers", "Labelers", figures=(
                Drawn(Funnel(LABELERS, LIMITS, 0.012, "flagged", frozenset({"p-0040"})), "Limits.",
                      "One lies outside."),
            ),
        ),
        Section(
            "months", "Months", figures=(
                Drawn(Months(MONTHS, "flagged", (("2022-12", "policy"), ("2023-04", "order")),
                             (0.001, 0.01), "before"), "By month.", "A step in April."),
            ),
        ),
        Section(
            "p", "P-values", figures=(
                Drawn(Histograms((
                    Histogram("en, essays", (90, *[50] * 19), 52.0, 64.0),
                    Histogram("zh", tuple([30] * 20), 30.0, 39.0),
                ), "p"), "Even is human.", "A peak at the left."),
            ),
        ),
        Section(
            "signatures", "Signatures", figures=(
                Drawn(Bars((("en.refusal.as_an_ai", 40), ("zh.\u4f5c\u70ba", 12)), "texts"),
                      "Most frequent.", "Refusals lead."),
            ),
            excerpts=(("row 3", "<script>alert(1)</script>\n# heading"),),
        ),
    ),
    foot="versions",
)  # fmt: skip
