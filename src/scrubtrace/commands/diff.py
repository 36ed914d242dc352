"""``diff``: what changed between two versions of a data set, if it is what scrubbing does."""

import sys
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import column_options, config_options, read_config


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--out", required=True, metavar="DIR", help="Folder for the findings.")
@column_options("compared")
@click.option(
    "--flagged",
    metavar="URL",
    help="Review table of earlier runs: report what it flagged and was edited since.",
)
@click.option(
    "--key-file", metavar="FILE", help="Key of the pseudonyms of labelers, and of the text digests."
)
@click.option("--workers", type=int, metavar="N", help="Worker processes on this machine.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@config_options
def diff(old: str, new: str, **given: Any) -> None:
    """Report the rows whose edits from OLD to NEW are what scrubbing does.

    OLD and NEW are paths or globs of Parquet shards; quote globs. Rows are matched by
    --id-column, else by content. Ordinary edits are not reported. Labelers are told by pseudonyms,
    as in the review table.

    \b
    scrubtrace diff 'v1/*.parquet' 'v2/*.parquet' --id-column id --out changes
    """
    from scrubtrace.diff.job import DiffJob, run_diff
    from scrubtrace.diff.telling import diff_exit_code, diff_fields, diff_summary

    config = read_config(given)
    choices = {name: given[name] for name in ("flagged", "key_file", "quiet")}
    outcome = run_diff(DiffJob((old,), (new,), given["out"], config, **choices))
    code = diff_exit_code(outcome, config)
    if not given["quiet"]:
        click.echo(diff_summary(outcome, given["out"]))
        log.tell("diff_done", None, exit_code=int(code), **diff_fields(outcome))
    elif code:
        problem = f"{outcome.dead_letters:,} dead rows or shards"
        text = f"scrubtrace: the comparison is incomplete: {problem}"
        log.tell("incomplete", text, "warning", dead_letters=outcome.dead_letters)
    sys.exit(code)
