"""``campaign``: a named review with scope, exceptions, completeness and open actions."""

import os
from datetime import UTC, date, datetime
from typing import Any

import click

from scrubtrace.commands.options import config_options, echo_lines, files_read, json_text
from scrubtrace.commands.review import opened
from scrubtrace.exits import LimitStop, UsageStop


@click.group()
def campaign() -> None:
    """Say how far a named review of data sets is, and what it does not cover."""


@campaign.command()
@click.argument("name")
@click.option("--out", metavar="FILE", help="File to write (default: NAME.toml).")
def new(name: str, out: str | None) -> None:
    """Write a file for the campaign NAME, with comments that say what to fill in.

    \b
    scrubtrace campaign new autumn
    """
    from scrubtrace.campaign.template import template

    path = out or f"{name}.toml"
    text = template(name, datetime.now(UTC).date(), os.path.dirname(path) or ".")
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageStop(f"there is a file {path} already: name another with --out") from None
    except OSError as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None
    click.echo(f"{path} written: fill it in and keep it under version control")


@campaign.command()
@click.argument("file", metavar="FILE")
@click.option("--runs", required=True, metavar="DIR", help="Output folder of detect.")
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--previous", metavar="RECORD.json", help="Compare with the record of a check.")
@click.option("--out", metavar="RECORD.json", help="Write the record of this check.")
@click.option("--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="Day for expiries and due dates (default: today, UTC).")  # fmt: skip
@click.option("--log", "in_log", is_flag=True,
              help="Note the digest of the record in the log of the review table.")  # fmt: skip
@click.option("--gate", is_flag=True, help="Exit with 5 if anything required is open.")
@click.option("--json", "as_json", is_flag=True, help="Print the record instead of words.")
@click.option("--quiet", is_flag=True, help="No summary.")
@config_options
def check(file: str, **given: Any) -> None:
    """Check the campaign in FILE against runs, review table and removal records.

    Reads only, unless --log is given. Every expected shard that no current result covers is named.

    \b
    scrubtrace campaign check autumn.toml --runs out --review sqlite:///review.sqlite \\
        --previous summer.json --out autumn.json --gate
    """
    from scrubtrace.campaign.check import CampaignJob, check_campaign
    from scrubtrace.campaign.file import read_campaign
    from scrubtrace.campaign.record import read_previous, record_bytes
    from scrubtrace.lock import check_runs_folder
    from scrubtrace.out_file import check_local, check_target
    from scrubtrace.resumable import resumable

    if given["in_log"] and given["out"] is None:
        raise UsageStop("--log notes the digest of the record: write it with --out")
    if given["out"] is not None:
        check_local(given["out"])
        check_target(given["out"], files_read(given, file, given["previous"]))
    check_runs_folder(given["runs"])
    previous = read_previous(given["previous"]) if given["previous"] else None
    job = CampaignJob(read_campaign(file), given["runs"], _day(given["as_of"]), previous)
    with opened(given) as engine, resumable(keeps=False):
        checked = check_campaign(job, engine)
        record = record_bytes(checked, datetime.now(UTC))
        _write(given["out"], record)
        if given["in_log"]:
            _note(engine, checked, record)
    _tell(checked, record, given)
    if given["gate"] and checked.required:
        raise LimitStop(
            f"campaign {checked.campaign.name} is not complete: {len(checked.required):,} open, "
            f"the first is: {checked.required[0]}"
        )


def _day(given: datetime | None) -> date:
    return (given or datetime.now(UTC)).date()


def _write(path: str | None, record: bytes) -> None:
    from scrubtrace.beam_pipelines import storage

    if path is None:
        return
    try:
        storage.write_atomic(storage.absolute(path), record)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None


def _note(engine: Any, checked: Any, record: bytes) -> None:
    from scrubtrace.campaign.record import record_digest
    from scrubtrace.review.connection import writing
    from scrubtrace.review.trail.events import EventKind, append_event, lock_log

    payload = {
        "campaign": checked.campaign.name,
        "campaign_sha256": checked.campaign.sha256,
        "record_sha256": record_digest(record),
        "as_of": checked.as_of.isoformat(),
        "open": len(checked.required),
    }
    with writing(engine) as connection:
        lock_log(connection)
        append_event(connection, EventKind.CAMPAIGN, payload)


def _tell(checked: Any, record: bytes, given: dict[str, Any]) -> None:
    import json

    from scrubtrace.campaign.record import record_digest
    from scrubtrace.campaign.telling import check_lines

    if given["as_json"]:
        click.echo(json_text(json.loads(record)))
    elif not given["quiet"]:
        echo_lines(check_lines(checked))
        if given["out"] is not None:
            click.echo(f"{record_digest(record)}  {given['out']}")
