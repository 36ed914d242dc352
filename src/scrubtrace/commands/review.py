"""``review``: working with the review table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import config_options, config_sources, read_config
from scrubtrace.exits import SumsDifferStop, UsageStop

PROBLEMS_SHOWN = 20
"""Problems and bad lines that are shown."""


@contextmanager
def opened(given: Mapping[str, Any]) -> Iterator[Any]:
    """The review table that the options name; what is wrong with it becomes a `UsageStop`."""
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError

    url = read_config({"review": given["review"], **config_sources(dict(given))}).review.url
    if url is None:
        raise UsageStop("name the review table with --review, or as review.url in scrubtrace.toml")
    try:
        engine = open_review(url, must_exist=True)
        try:
            yield engine
        finally:
            engine.dispose()
    except ReviewError as error:
        raise UsageStop(str(error)) from None


@click.group()
def review() -> None:
    """Work with the review table."""


@review.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE.csv", help="File to write.")
@click.option("--bom", is_flag=True, help="Begin with a byte order mark, for Excel.")
@click.option("--dataset", metavar="NAME", help="Only this data set.")
@click.option("--include-reported", is_flag=True, help="Also rows that are reported, not flagged.")
@click.option("--rows-per-file", type=click.IntRange(1, 1_048_575), default=1_000_000,
              show_default=True, help="Split beyond this many rows.")  # fmt: skip
@config_options
def export(out: str, **given: Any) -> None:
    """Write flagged rows to CSV for reviewers."""
    from scrubtrace.review.export import export_csv

    names = ("bom", "dataset", "include_reported", "rows_per_file")
    choices = {name: given[name] for name in names}
    with opened(given) as engine:
        result = export_csv(engine, Path(out), **choices)
    files = ", ".join(str(file) for file in result.files)
    click.echo(f"{result.rows:,} rows written to {files}")


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
