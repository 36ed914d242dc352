"""What a calibration can do, as a table and in words."""

from collections.abc import Iterator
from decimal import ROUND_CEILING, Context, Decimal

from scrubtrace.runs.reading import counted, table
from scrubtrace.schemas.plain import many
from scrubtrace.schemas.style import CalibrationManifest, OtherLanes, described
from scrubtrace.stats.conformal import realised_rate, rows_for
from scrubtrace.stats.intervals import interval

LEVELS = (0.01, 0.001)
HEAD = ("stratum", "rows", "smallest alpha", *(f"realised at {level:g}" for level in LEVELS))


def described_calibration(
    manifest: CalibrationManifest, alpha: float, out: str, conditional: bool = False
) -> Iterator[str]:
    """The file, its strata, what each can reach, and what the other lanes flag.

    ``conditional`` is that of the policy: whether p-values shall hold given the calibration set.
    """
    files = many(len(manifest.files), "file")
    yield f"{out}: {sum(manifest.sizes):,} rows of {files} calibrate"
    yield f"rows: {counted(manifest.counts)}"
    names = [described(stratum.name) for stratum in manifest.strata]
    yield from table(HEAD, map(_line, names, manifest.sizes))
    yield (
        "realised: the share of such human rows with p up to alpha, given this one calibration "
        "set, in 95% of cases; on average it is at most alpha"
    )
    needed = rows_for(alpha, conditional)
    pairs = zip(names, manifest.sizes, strict=True)
    short = [(name, needed - n) for name, n in pairs if n < needed]
    for name, missing in short:
        rows = many(missing, "row is", "rows are")
        yield f"{name}: alpha {alpha:g} cannot be reached, {rows} missing"
    yield (
        f"alpha {alpha:g} needs {many(rows_for(alpha, False), 'row')} in a stratum, with "
        f"conditional p-values {rows_for(alpha, True):,}"
    )
    if manifest.other_lanes:
        yield from _lanes(manifest.other_lanes)


def _line(name: str, n: int) -> tuple[str, ...]:
    cells = []
    for level in LEVELS:
        low, high = realised_rate(level, n)
        cells.append(f"{low:.3%} to {high:.3%}" if high else "not reached")
    return (name, f"{n:,}", _at_least(n), *cells)


def _at_least(n: int) -> str:
    """The smallest alpha of ``n`` rows in three digits, rounded up so that it can be reached."""
    rounding = Context(prec=3, rounding=ROUND_CEILING)
    return f"{float(rounding.divide(Decimal(1), Decimal(n + 1))):g}"


def _lanes(lanes: OtherLanes) -> Iterator[str]:
    yield f"the other lanes flag {_share(lanes.flagged, lanes.rows)} of these human rows"
    if lanes.either is not None and lanes.alpha is not None:
        yield (
            f"any lane, with style at alpha {lanes.alpha:g}: {_share(lanes.either, lanes.rows)} "
            "(each row ranked among the others)"
        )


def _share(hits: int, rows: int) -> str:
    low, high = interval(hits, rows)
    return f"{hits:,} of {rows:,} ({hits / max(rows, 1):.3%}, 95% interval {low:.3%} to {high:.3%})"
