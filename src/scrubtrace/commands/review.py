"""``review``: working with the review table."""

from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import config_options, config_sources, read_config
from scrubtrace.exits import UsageStop


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
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError
    from scrubtrace.review.export import export_csv

    url = read_config({"review": given["review"], **config_sources(given)}).review.url
    if url is None:
        raise UsageStop("name the review table with --review, or as review.url in scrubtrace.toml")
    names = ("bom", "dataset", "include_reported", "rows_per_file")
    choices = {name: given[name] for name in names}
    try:
        result = export_csv(open_review(url, must_exist=True), Path(out), **choices)
    except ReviewError as error:
        raise UsageStop(str(error)) from None
    files = ", ".join(str(file) for file in result.files)
    click.echo(f"{result.rows:,} rows written to {files}")
