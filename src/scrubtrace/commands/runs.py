"""``runs``: what was run, why counts moved, what can go, and whether a run can be reproduced."""

from dataclasses import asdict
from typing import Any

import click

from scrubtrace.commands.options import echo_lines, json_text


def run_options(command: Any) -> Any:
    """Adds ``--out`` and ``--json`` to a verb."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--out", required=True, metavar="DIR", help="Folder of the runs."),
    ):
        command = option(command)
    return command


@click.group()
def runs() -> None:
    """List, show, compare, remove and reproduce runs."""


@runs.command("list")
@run_options
def list_(out: str, as_json: bool) -> None:
    """List the runs, newest first."""
    from scrubtrace.lock import check_runs_folder
    from scrubtrace.runs.listing import list_runs, listed

    check_runs_folder(out)
    lines = list_runs(out)
    if as_json:
        started = [line.started and line.started.isoformat() for line in lines]
        pairs = zip(lines, started, strict=True)
        click.echo(json_text([asdict(line) | {"started": time} for line, time in pairs]))
    elif lines:
        echo_lines(listed(lines))
    else:
        click.echo(f"there are no runs in {out}")


@runs.command()
@click.argument("run_id")
@run_options
def show(run_id: str, out: str, as_json: bool) -> None:
    """Say everything that is known of a run; RUN_ID may be the beginning of its id."""
    from scrubtrace.runs.showing import describe, shown

    described = describe(out, run_id)
    if as_json:
        click.echo(json_text(described))
    else:
        echo_lines(shown(described))


@runs.command()
@click.option("--keep", type=click.IntRange(min=1), metavar="N",
              help="Keep the newest N committed runs of each data set.")  # fmt: skip
@click.option("--older-than", type=click.FloatRange(min=0), metavar="DAYS",
              help="Keep the runs that began within so many days.")  # fmt: skip
@click.option("--unfinished", is_flag=True,
              help="Remove unfinished runs, too, if a newer run is committed.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@run_options
def prune(out: str, as_json: bool, dry_run: bool, **given: Any) -> None:
    """Remove runs that nothing needs.

    A run stays if it is the newest of its data set, or has results that are current or that a run
    which stays has kept. The review table is not touched.
    """
    from scrubtrace.lock import check_runs_folder, output_lock
    from scrubtrace.resumable import resumable
    from scrubtrace.runs import pruning

    check_runs_folder(out)
    rule = pruning.Rule(given["keep"], given["older_than"], given["unfinished"])
    planned = pruning.plan_prune(out, rule)
    if planned.removals and not dry_run:
        with resumable(), output_lock(out):
            planned = pruning.plan_prune(out, rule)
            pruning.prune(out, planned)
    if as_json:
        click.echo(json_text(planned.as_dict() | {"dry_run": dry_run}))
    else:
        echo_lines(pruning.told(planned, dry_run))


@runs.command()
@click.argument("before")
@click.argument("after")
@click.option("--items", type=click.IntRange(min=0), default=0, metavar="N",
              help="Name N items of each cause by their keys.")  # fmt: skip
@run_options
def diff(before: str, after: str, out: str, as_json: bool, items: int) -> None:
    """Say why counts moved from run BEFORE to run AFTER.

    Each item that only one of them flags gets one cause; the causes add up to the difference.
    """
    from scrubtrace.runs.differing import compare, told

    difference = compare(out, before, after, items)
    if as_json:
        click.echo(json_text(difference.as_dict()))
    else:
        echo_lines(told(difference))
    if difference.problem:
        raise difference.problem


@runs.command()
@click.argument("run_id")
@click.option("--keep", metavar="FOLDER", help="Keep what is scanned in this new folder.")
@click.option("--key-file", metavar="FILE", help="Key of the text digests of the run.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="Worker processes on this machine.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress.")
@run_options
def replay(out: str, as_json: bool, **given: Any) -> None:
    """Scan the units of a committed run again, elsewhere, and compare every file.

    Ends with 0 if all is equal, 4 if not; 2 if other detectors are installed, 3 if a shard is not
    the planned file any more. Writes nothing into the output folder.
    """
    from scrubtrace.exits import SumsDifferStop
    from scrubtrace.runs.replay import Request, replay, told

    found = replay(Request(out, **given))
    if as_json:
        click.echo(json_text(found.as_dict()))
    else:
        echo_lines(told(found))
    if found.problems:
        raise SumsDifferStop(f"run {found.run} is not reproduced: {found.problems[0]}")
