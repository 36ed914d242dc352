"""Figures of a report as SVG, drawn with Matplotlib; the same data give the same bytes.

Colours hold in print and for readers who do not tell red from green: what stands out also has
another shape or a name.
"""

import io
import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from scrubtrace.review.errors import ReviewError
from scrubtrace.review.report.model import (
    Bars,
    Figure,
    Forest,
    Funnel,
    Histogram,
    Histograms,
    Months,
    Share,
)
from scrubtrace.review.report.numbers import ENGLISH, Numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INK, SOFT, LINE, ACCENT, WARM, BAND = (
    "#1f2328", "#5b6169", "#d9d5ce", "#2a5b8c", "#b3541e", "#e3ecf5",
)  # fmt: skip
WIDTH = 7.4
"""Inches: the measure of the page."""

ROW = 0.27
"""Inches of a row of a forest or of bars."""

MOST_ROWS = 24
P_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
NAMED = 12
"""At most so many points are named in a funnel."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9.0,
    "svg.fonttype": "none",
    "axes.edgecolor": LINE,
    "axes.labelcolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "text.color": INK,
    "text.parse_math": False,
}


def svg_of(figure: Figure, numbers: Numbers = ENGLISH) -> bytes:
    """The figure as SVG; raises ReviewError if Matplotlib is not installed."""
    draw: Callable[[Any, Numbers], bytes] = _DRAWN_BY[type(figure)]
    # Readers' fonts have other shapes of the same character for each language of East Asia.
    tagged = f'<svg lang="{numbers.language}" '.encode()
    return draw(figure, numbers).replace(b"<svg ", tagged, 1)


def shown(shares: Sequence[Share]) -> tuple[Share, ...]:
    """The shares that a forest has room for: those with the greatest lower limits, in order."""
    return tuple(sorted(shares, key=lambda s: (-s.lower, -s.n, s.name))[:MOST_ROWS])


@contextmanager
def _axes(
    height: float, columns: int = 1, rows: int = 1, names: Sequence[str] | None = None
) -> Iterator[tuple[Any, list[bytes]]]:
    """Empty axes of the page's width, and a list that gets the SVG when the block ends.

    ``names`` stand left of the axes. Their room is estimated: a reader's browser sets them, in
    fonts that are not known here.
    """
    try:
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure as Canvas
    except ImportError:
        raise ReviewError("figures need Matplotlib: pip install 'scrubtrace[report]'") from None
    content: list[bytes] = []
    style = _STYLE | {"svg.hashsalt": "scrubtrace"}
    with matplotlib.rc_context(style), warnings.catch_warnings():
        canvas = Canvas(figsize=(WIDTH, height), layout="constrained" if names is None else None)
        FigureCanvasSVG(canvas)
        if names is not None:
            left = max(map(_inches, names), default=0.0) + 0.2
            canvas.subplots_adjust(left / WIDTH, 0.45 / height, 1 - 0.95 / WIDTH, 1 - 0.22 / height)
        yield canvas.subplots(rows, columns, squeeze=False), content
        sink = io.BytesIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font")
        canvas.savefig(sink, format="svg", metadata=nothing, transparent=True)
    content.append(sink.getvalue())


def _forest(figure: Forest, numbers: Numbers) -> bytes:
    shares = shown(figure.shares)
    names = [_short(one.name) for one in shares]
    with _axes(0.67 + ROW * max(1, len(shares)), names=names) as (grid, content):
        axes = grid[0][0]
        places = list(range(len(shares)))[::-1]
        if figure.reference is not None:
            axes.axvline(figure.reference, color=WARM, linewidth=1, linestyle=(0, (4, 3)))
            _above(axes, figure.reference, figure.reference_label)
        for place, one in zip(places, shares, strict=True):
            axes.plot([one.lower, one.upper], [place, place], color=ACCENT, linewidth=1.6)
            axes.plot(one.share, place, "s", color=ACCENT, markersize=4.5, clip_on=False)
            if not one.is_weighted:
                _beside(axes, place, f"{numbers.number(one.hits)} / {numbers.number(one.n)}")
        axes.set_yticks(places, names)
        _share_axis(axes.xaxis, figure.axis, numbers)
        axes.set_xlim(left=0)
        axes.set_ylim(-0.6, len(shares) - 0.4)
        axes.tick_params(axis="y", length=0, pad=7)
        axes.spines["left"].set_visible(False)
    return content[0]


def _funnel(figure: Funnel, numbers: Numbers) -> bytes:
    with _axes(3.6) as (grid, content):
        from matplotlib.ticker import LogLocator

        axes = grid[0][0]
        sizes, lower, upper = ([limit[place] for limit in figure.limits] for place in range(3))
        axes.fill_between(sizes, lower, upper, color=BAND, linewidth=0)
        axes.axhline(figure.centre, color=SOFT, linewidth=1)
        marked = [one for one in figure.shares if one.name in figure.marked]
        others = [one for one in figure.shares if one.name not in figure.marked]
        axes.plot(_all(others, "n"), _all(others, "share"), "o", color=ACCENT, markersize=3.5,
                  alpha=0.75, clip_on=False)  # fmt: skip
        axes.plot(
            _all(marked, "n"), _all(marked, "share"), "D", color=WARM, markersize=5, clip_on=False
        )
        places: Counter[tuple[int, float]] = Counter()
        for one in sorted(marked, key=lambda s: (-s.lower, s.name))[:NAMED]:
            below = -10 * places[one.n, one.share]
            places[one.n, one.share] += 1
            axes.annotate(_short(one.name), (one.n, one.share), xytext=(6, 2 + below),
                          textcoords="offset points", fontsize=8)  # fmt: skip
        axes.set_xscale("log" if figure.shares else "linear")
        if figure.shares:
            axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_major_formatter(partial(_count, numbers=numbers))
        axes.xaxis.set_minor_formatter(lambda value, _: "")
        axes.set_xlabel("n")
        _share_axis(axes.yaxis, figure.axis, numbers)
        axes.set_ylim(bottom=0)
    return content[0]


def _months(figure: Months, numbers: Numbers) -> bytes:
    with _axes(3.0) as (grid, content):
        axes = grid[0][0]
        months = _calendar([one.name for one in figure.shares])
        place = {month: number for number, month in enumerate(months)}
        if figure.baseline:
            axes.axhspan(*figure.baseline, color=BAND, linewidth=0)
        for one in figure.shares:
            at = place[one.name]
            axes.plot([at, at], [one.lower, one.upper], color=ACCENT, linewidth=1.4)
            axes.plot(at, one.share, "o", color=ACCENT, markersize=4)
        seen = [(place[month] - 0.5, words) for month, words in figure.marks if month in place]
        for number, (mark, words) in enumerate(seen):
            axes.axvline(mark, color=WARM, linewidth=1, linestyle=(0, (4, 3)))
            axes.annotate(words, (mark, 1.0), xycoords=("data", "axes fraction"), fontsize=8,
                          xytext=(0, 3 + 10 * (number % 3)), textcoords="offset points",
                          color=WARM, ha="center")  # fmt: skip
        step = max(1, len(months) // 12)
        axes.set_xticks(range(0, len(months), step), months[::step], rotation=45, ha="right")
        _share_axis(axes.yaxis, figure.axis, numbers)
        axes.set_ylim(bottom=0)
    return content[0]


def _histograms(figure: Histograms, numbers: Numbers) -> bytes:
    columns = min(3, max(1, len(figure.histograms)))
    rows = -(-len(figure.histograms) // columns) or 1
    with _axes(1.7 * rows + 0.3, columns, rows) as (grid, content):
        flat = [axes for line in grid for axes in line]
        for axes, one in zip(flat, figure.histograms, strict=False):
            _histogram(axes, one, figure.axis, numbers)
        for axes in flat[len(figure.histograms) :]:
            axes.set_visible(False)
    return content[0]


def _histogram(axes: "Axes", one: Histogram, axis: str, numbers: Numbers) -> None:
    bins = len(one.counts)
    left = [number / bins for number in range(bins)]
    axes.bar(left, one.counts, width=1 / bins, align="edge", color=ACCENT, edgecolor="white",
             linewidth=0.5)  # fmt: skip
    axes.axhline(one.expected, color=INK, linewidth=0.9)
    axes.axhline(one.upper, color=WARM, linewidth=0.9, linestyle=(0, (4, 3)))
    axes.set_title(_short(one.name), fontsize=8.5, loc="left")
    axes.set_xlabel(axis, fontsize=8)
    axes.set_xlim(0, 1)
    axes.set_xticks(P_TICKS, [numbers.number(tick, 1) for tick in P_TICKS])
    axes.tick_params(labelsize=7.5)
    axes.yaxis.set_major_formatter(partial(_count, numbers=numbers))


def _bars(figure: Bars, numbers: Numbers) -> bytes:
    counts = figure.counts[:MOST_ROWS]
    names = [_short(name, 48) for name, _ in counts]
    with _axes(0.67 + ROW * max(1, len(counts)), names=names) as (grid, content):
        axes = grid[0][0]
        places = list(range(len(counts)))[::-1]
        axes.barh(places, [count for _, count in counts], height=0.62, color=ACCENT)
        for place, (_, count) in zip(places, counts, strict=True):
            _beside(axes, place, numbers.number(count))
        axes.set_yticks(places, names)
        axes.set_xlabel(figure.axis)
        axes.xaxis.set_major_formatter(partial(_count, numbers=numbers))
        axes.set_ylim(-0.6, len(counts) - 0.4)
        axes.tick_params(axis="y", length=0, pad=7)
        axes.spines["left"].set_visible(False)
    return content[0]


_DRAWN_BY: dict[type, Callable[[Any, Numbers], bytes]] = {
    Forest: _forest,
    Funnel: _funnel,
    Months: _months,
    Histograms: _histograms,
    Bars: _bars,
}


def _share_axis(axis: Any, label: str, numbers: Numbers) -> None:
    """Shares as percentages, with as many digits as its ticks need."""

    def written(value: float, _: object) -> str:
        ticks = [100 * tick for tick in axis.get_majorticklocs()]
        return numbers.percent(value, _digits(ticks))

    axis.set_major_formatter(written)
    axis.set_label_text(label)


def _digits(values: Sequence[float], most: int = 4) -> int:
    """How many decimal places tell these values as they are."""
    exact = (
        digits
        for digits in range(most)
        if all(abs(value - round(value, digits)) < 1e-9 for value in values)
    )
    return next(exact, most)


def _above(axes: "Axes", at: float, words: str) -> None:
    axes.annotate(words, (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3), ha="center",
                  textcoords="offset points", fontsize=8, color=WARM)  # fmt: skip


def _beside(axes: "Axes", place: float, words: str) -> None:
    axes.annotate(words, (1.0, place), xycoords=("axes fraction", "data"), xytext=(4, 0),
                  textcoords="offset points", va="center", fontsize=8, color=SOFT)  # fmt: skip


def _all(shares: Sequence[Share], name: str) -> list[float]:
    return [getattr(share, name) for share in shares]


def _short(name: str, most: int = 36) -> str:
    """A name that a figure has room for: control characters as spaces, cut in the middle."""
    name = "".join(letter if letter.isprintable() else " " for letter in name)
    if len(name) <= most:
        return name
    return f"{name[: most // 2]}\N{HORIZONTAL ELLIPSIS}{name[1 - most // 2 :]}"


def _inches(name: str) -> float:
    """About how wide a name is at 9 points."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    return 0.08 * (len(name) - wide) + 0.13 * wide


def _count(value: float, _: object = None, *, numbers: Numbers) -> str:
    return numbers.number(value) if value == round(value) else ""


def _calendar(months: Sequence[str]) -> list[str]:
    """Every month from the first to the last."""
    if not months:
        return []
    (year, month), last = (int(part) for part in min(months).split("-")), max(months)
    found = [f"{year:04d}-{month:02d}"]
    while found[-1] < last:
        year, month = (year, month + 1) if month < 12 else (year + 1, 1)
        found.append(f"{year:04d}-{month:02d}")
    return found
