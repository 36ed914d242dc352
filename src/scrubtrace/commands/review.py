"""``review``: working with the review table."""

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import config_options, config_sources, read_config
from scrubtrace.exits import IncompleteStop, SumsDifferStop, UsageStop

PROBLEMS_SHOWN = 20
BAD_LINES_SHOWN = 200
"""Lines that are shown of each; all are counted."""


@contextmanager
def opened(given: Mapping[str, Any], must_exist: bool = True) -> Iterator[Any]:
    """The review table that the options name; what is wrong with it becomes a `UsageStop`."""
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError

    url = read_config({"review": given["review"], **config_sources(dict(given))}).review.url
    if url is None:
        raise UsageStop("name the review table with --review, or as review.url in scrubtrace.toml")
    try:
        engine = open_review(url, must_exist)
        try:
            yield engine
        finally:
            engine.dispose()
    except ReviewError as error:
        raise UsageStop(str(error)) from None


def wanted_options(default: str) -> Callable[[Any], Any]:
    """Adds the options that choose items to a verb; ``default`` names the states without any."""
    options = (
        click.option("--state", "states", metavar="STATE,...",
                     help=f"Only these states, or all (default: {default})."),
        click.option("--new-since", metavar="RUN", help="Only texts that a later run saw first."),
        click.option("--budget", type=click.IntRange(min=1), metavar="N",
                     help="Only the first N texts by priority."),
        click.option("--dataset", metavar="NAME", help="Only this data set."),
        click.option("--include-reported", is_flag=True,
                     help="Also rows that are reported, not flagged."),
    )  # fmt: skip

    def added(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return added


def _wanted(given: Mapping[str, Any], default: frozenset[Any]) -> Any:
    """What `wanted_options` choose; raises `UsageStop` for a state that there is not."""
    from scrubtrace.review.lines import Wanted

    chosen = {name: given[name] for name in ("dataset", "include_reported", "new_since")}
    return Wanted(**chosen, states=default if given["states"] is None else _states(given["states"]))


@click.group()
def review() -> None:
    """Work with the review table."""


@review.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE", help="File to write.")
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["csv", "parquet"]),
    default="csv",
    show_default=True,
    help="One line a text for people, or one row a place for jobs.",
)
@wanted_options("pending, reopened and needs_second for CSV, all for Parquet")
@click.option(
    "--assign", metavar="NAME,...", help="A share for each reviewer, in a file of their own."
)
@click.option("--bom", is_flag=True, help="Begin with a byte order mark, for Excel.")
@click.option("--rows-per-file", type=click.IntRange(1, 1_048_575), default=1_000_000,
              show_default=True, help="Split beyond this many rows.")  # fmt: skip
@config_options
def export(out: str, file_format: str, **given: Any) -> None:
    """Write what is to be decided to CSV for reviewers, or everything to Parquet for jobs."""
    from scrubtrace.review.export import OPEN, export_csv, export_parquet

    is_csv = file_format == "csv"
    wanted = _wanted(given, OPEN.states if is_csv else frozenset())
    if not is_csv and (given["assign"] or given["budget"] or given["bom"]):
        raise UsageStop("--assign, --budget and --bom are for CSV only")
    reviewers = [name.strip() for name in (given["assign"] or "").split(",") if name.strip()]
    options = {name: given[name] for name in ("bom", "budget", "rows_per_file")}
    with opened(given) as engine:
        if is_csv:
            result = export_csv(engine, Path(out), wanted, reviewers=reviewers, **options)
        else:
            result = export_parquet(engine, Path(out), wanted)
    files = ", ".join(str(file) for file in result.files)
    click.echo(f"{result.rows:,} rows written to {files}")


@review.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE.html", help="File to write.")
@wanted_options("pending, reopened and needs_second")
@click.option("--reference", metavar="FOLDER",
              help="Index whose texts are shown beside the texts that match them.")  # fmt: skip
@config_options
def sheet(out: str, **given: Any) -> None:
    """Write what is to be decided as one HTML page, to be read and decided in a browser.

    The page needs no server and no network. It saves a CSV that review import reads.
    """
    from scrubtrace.review.sheet.writing import write_sheet
    from scrubtrace.schemas.review import OPEN_STATES
    from scrubtrace.words import in_words

    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageStop("--out takes a name that ends in .html, so that a browser opens it")
    wanted = _wanted(given, OPEN_STATES)
    beside = _reference_texts(given["reference"])
    with opened(given) as engine:
        items = write_sheet(engine, path, wanted, in_words, given["budget"], beside)
    click.echo(f"{items:,} texts written to {path}; keep it as safe as the data")
    click.echo(
        "open it in a browser, decide, and save; then: scrubtrace review import "
        f"{shlex.quote(f'{path.stem}-decisions.csv')} --reviewer NAME"
    )


def _reference_texts(index: str | None) -> Any:
    """What adds texts of an index to a page of items; raises `UsageStop`."""
    if index is None:
        return None
    from scrubtrace.detectors.reference.segments import ReferenceIndexError
    from scrubtrace.index.beside import ReferenceTexts

    try:
        return ReferenceTexts(index).add_to
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None


def _states(text: str) -> Any:
    """States by name; an empty set for ``all``. Raises `UsageStop`."""
    from scrubtrace.schemas.review import State

    names = [name.strip().lower() for name in text.split(",")]
    if names == ["all"]:
        return frozenset()
    if unknown := [name for name in names if name not in set(State)]:
        raise UsageStop(f"--state takes {', '.join(State)}, or all, not {unknown[0]!r}")
    return frozenset(State(name) for name in names)


@review.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--reviewer", required=True, metavar="NAME", help="Whose decisions they are.")
@click.option("--keep-going", is_flag=True, help="Store the good lines although others are bad.")
@click.option("--decided-at", metavar="TIME",
              help="When they were made, as 2026-01-31T09:30+01:00 (default: now).")  # fmt: skip
@config_options
def import_(file: Path, reviewer: str, keep_going: bool, **given: Any) -> None:
    """Bring the decisions in FILE into the review table.

    FILE is one of review export, as a spreadsheet saved it. The same file twice changes nothing.
    With bad lines nothing is stored (exit code 2), or only the good ones with --keep-going (3).
    """
    from scrubtrace.review.decisions.importing import import_decisions

    time = _time(given["decided_at"])
    with opened(given) as engine:
        found = import_decisions(engine, file, reviewer, keep_going=keep_going, decided_at=time)
    for line in found.bad[:BAD_LINES_SHOWN]:
        click.echo(f"{file.name}:{line.number}: {line.problem}", err=True)
    if len(found.bad) > BAD_LINES_SHOWN:
        click.echo(f"... and {len(found.bad) - BAD_LINES_SHOWN:,} more bad lines", err=True)
    stale = f" ({found.stale:,} on an earlier version of their item)" if found.stale else ""
    notes = f" ({found.notes:,} with a reason or comment, not stored)" if found.notes else ""
    click.echo(
        f"{found.stored:,} decisions stored{stale}, {found.known:,} known already, "
        f"{found.undecided:,} lines undecided{notes}, {len(found.bad):,} lines bad"
    )
    if found.bad and keep_going:
        raise IncompleteStop(f"{len(found.bad):,} lines of {file.name} were left out")
    if found.bad:
        raise UsageStop(
            f"nothing was stored: {len(found.bad):,} lines of {file.name} are bad; correct them, "
            "or store the others with --keep-going"
        )


def _time(text: str | None) -> datetime | None:
    """A time with its zone; a date is its beginning in UTC. Raises `UsageStop`."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageStop(
            f"--decided-at takes a time as 2026-01-31T09:30+01:00, not {text!r}"
        ) from None
    if time.tzinfo is None and len(text) > len("2026-01-31"):
        raise UsageStop("--decided-at needs a time zone, as 2026-01-31T09:30+01:00 or ...Z")
    return time if time.tzinfo else time.replace(tzinfo=UTC)


@review.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--head", "heads", multiple=True, metavar="HASH",
              help="A head kept elsewhere, as in a manifest; it must be in the log.")  # fmt: skip
@config_options
def verify(heads: tuple[str, ...], **given: Any) -> None:
    """Check the event log, and every decision against it.

    Ends with 4 if something was changed or taken out, and says where.
    """
    from scrubtrace.review.trail import verify as trail

    with opened(given) as engine:
        found = trail.verify(engine, [head.strip().lower() for head in heads])
    for problem in found.problems[:PROBLEMS_SHOWN]:
        click.echo(problem)
    if len(found.problems) > PROBLEMS_SHOWN:
        click.echo(f"... and {len(found.problems) - PROBLEMS_SHOWN:,} more")
    click.echo(f"{found.events:,} events, {found.decisions:,} decisions; head {found.head}")
    if found.problems:
        raise SumsDifferStop(f"the review table was changed: {found.problems[0]}")
