"""``runs``: what was run, why counts moved, what can go, and whether a run can be reproduced."""

from dataclasses import asdict
from typing import Any

import click

from scrubtrace.commands.options import json_text


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
    from scrubtrace.runs.listing import list_runs, listed

    lines = list_runs(out)
    if as_json:
        started = [line.started and line.started.isoformat() for line in lines]
        pairs = zip(lines, started, strict=True)
        click.echo(json_text([asdict(line) | {"started": time} for line, time in pairs]))
    elif lines:
        click.echo("\n".join(listed(lines)))
    else:
        click.echo(f"there are no runs in {out}")


@runs.command()
@click.argument("run_id")
@run_options
def show(run_id: str, out: str, as_json: bool) -> None:
    """Say everything that is known of a run; RUN_ID may be the beginning of its id."""
    from scrubtrace.runs.showing import describe, shown

    described = describe(out, run_id)
    click.echo(json_text(described) if as_json else "\n".join(shown(described)))
