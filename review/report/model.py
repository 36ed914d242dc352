"""What a report is made of: sections in reading order, each with text, figures and tables.

Whoever makes a report puts words and numbers in; the renderers only lay out. No text of a row is
among it, unless the caller puts excerpts in.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """A share of texts with its interval: ``hits`` of ``n``, all in [0, 1] where shares.

    If it ``is_weighted`` it is another share than that of the counts, so figures leave them out.
    """

    name: str
    hits: int
    n: int
    share: float
    lower: float
    upper: float
    is_weighted: bool = False


@dataclass(frozen=True)
class Forest:
    """Shares with their intervals, one below the other; ``reference`` is drawn as a line."""

    shares: tuple[Share, ...]
    axis: str
    reference: float | None = None
    reference_label: str = ""


@dataclass(frozen=True)
class Funnel:
    """Shares by their n, against the limits that chance alone stays within.

    ``limits`` are (n, lower, upper) in order of n; ``marked`` names the shares to be named.
    """

    shares: tuple[Share, ...]
    limits: tuple[tuple[float, float, float], ...]
    centre: float
    axis: str
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Months:
    """Shares by month (``2023-04``), with dates to be marked as (month, what happened then)."""

    shares: tuple[Share, ...]
    axis: str
    marks: tuple[tuple[str, str], ...] = ()
    baseline: tuple[float, float] | None = None
    baseline_label: str = ""


@dataclass(frozen=True)
class Histogram:
    """Counts in equal bins of [0, 1]; ``expected`` is the count of a bin if all are spread evenly.

    ``upper`` is what a bin stays below in 95 of 100 cases then.
    """

    name: str
    counts: tuple[int, ...]
    expected: float
    upper: float


@dataclass(frozen=True)
class Histograms:
    """Several histograms beside each other, on axes of their own."""

    histograms: tuple[Histogram, ...]
    axis: str


@dataclass(frozen=True)
class Bars:
    """Counts of named things, one below the other, in the order given."""

    counts: tuple[tuple[str, int], ...]
    axis: str


Figure = Forest | Funnel | Months | Histograms | Bars


@dataclass(frozen=True)
class Drawn:
    """A figure with what it says in words, for those who do not see it, and its caption."""

    figure: Figure
    caption: str
    description: str


@dataclass(frozen=True)
class Table:
    """Rows of cells under a header; columns named in ``numbers`` are set as numbers.

    ``left_out`` rows are not shown, and the note says so.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True)
class Section:
    """One section; ``warnings`` are set apart from the paragraphs."""

    id: str
    title: str
    paragraphs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    figures: tuple[Drawn, ...] = ()
    tables: tuple[Table, ...] = ()
    excerpts: tuple[tuple[str, str], ...] = ()
    """What is said of a row, and its text; empty unless the reader asked for excerpts."""


@dataclass(frozen=True)
class Report:
    """A report: ``summary`` is three sentences, ``facts`` are short (what, value) pairs."""

    title: str
    subtitle: str
    summary: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    sections: Sequence[Section]
    language: str = "en"
    foot: str = ""

    @property
    def lead(self) -> str:
        """The summary as one paragraph; Chinese and Japanese have no space between sentences."""
        is_spaced = not self.language.startswith(("zh", "ja"))
        return (" " if is_spaced else "").join(self.summary)
