"""``labelers``: whose rows to refer to review, and control tasks among their work."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import config_options, config_sources, json_text, read_config
from scrubtrace.exits import UsageStop


@click.group()
def labelers() -> None:
    """Whose rows to refer to review, under pseudonyms, and control tasks of known origin.

    Read docs/labelers.md first: what is written there about law and fairness comes before any call.
    """


@labelers.command()
@click.option("--runs", "out_folder", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--dataset", metavar="NAME", help="Data set (default: that of the newest run).")
@click.option("--clean-from", metavar="MONTH", help="First clean month (default: the first).")
@click.option("--clean-until", metavar="MONTH", help="Last clean month (default: 2022-11).")
@click.option("--clean-source", metavar="NAME,...", help="Sources that are clean, instead.")
@click.option("--task-by", metavar="GROUP,...",
              help="What makes a task type beside the language: source, stage, vendor (default: "
              "source and stage where the data have them; stage with --clean-source).")  # fmt: skip
@click.option("--since", metavar="MONTH", help="First screened month.")
@click.option("--level", type=click.FloatRange(0, 0.2, min_open=True), default=0.02,
              show_default=True, help="False discovery rate among those referred.")  # fmt: skip
@click.option(
    "--budget",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many labelers may be referred in the year, earlier calls included.",
)
@click.option("--year", type=click.IntRange(2000, 2999),
              help="Year of the budget (default: this one).")  # fmt: skip
@click.option("--by-group", type=click.Choice(["vendor", "market"]),
              help="Tell false-positive rates of clean texts by this group.")  # fmt: skip
@click.option(
    "--same-work",
    is_flag=True,
    help="Labelers do the same work as in the clean period: their own past is enough.",
)
@click.option("--with-style", is_flag=True, help="Texts that only style flags count as well.")
@click.option("--work-columns", metavar="NAME=COL,...",
              help="Columns seconds, pastes, edits: shown as context, never counted.")  # fmt: skip
@click.option("--out", "table", metavar="FILE", help="Table of all compared labelers, as CSV.")
@click.option("--json", "json_file", metavar="FILE", help="Everything, as JSON.")
@click.option("--dry-run", is_flag=True, help="Do not remember who was referred.")
@config_options
def screen(out_folder: str, **given: Any) -> None:
    """Refer to review whose texts are flagged more often than clean ones of the same task type.

    A referral is a reason to look at rows, not a finding about a person.

    \b
    scrubtrace labelers screen --runs out --clean-until 2022-11 --budget 12 --out labelers.csv
    """
    from scrubtrace.labelers.cells import read_cells, read_current
    from scrubtrace.labelers.job import screen_recorded, settings_of
    from scrubtrace.labelers.telling import as_json, lines, table_text
    from scrubtrace.labelers.work import read_work

    work_columns = _work_columns(given["work_columns"])
    year = given["year"] or datetime.now(UTC).year
    current = read_current(out_folder, read_config(config_sources(given)), given["dataset"])
    settings = settings_of(current, given)
    cells = read_cells(current, given["with_style"])
    found = screen_recorded(out_folder, cells, settings, given["budget"], year, given["dry_run"])
    work = read_work(cells, found, work_columns) if work_columns else None
    about = {"dataset": cells.dataset, "run": cells.run, "year": year, "style_only": cells.style}
    if given["table"]:
        _write(given["table"], table_text(found))
    if given["json_file"]:
        _write(given["json_file"], json_text(as_json(found, about, work)) + "\n")
    for line in lines(found, work):
        click.echo(line)
    if cells.style:
        click.echo(f"not counted: {cells.style:,} texts that only style flags (--with-style)")
    if work and work.unread:
        click.echo(f"{len(work.unread):,} shards could not be read for --work-columns", err=True)


def _work_columns(text: str | None) -> dict[str, str]:
    from scrubtrace.labelers.work import MEASURES

    pairs = [entry.partition("=") for entry in text.split(",")] if text else []
    named = {name.strip(): column.strip() for name, _, column in pairs}
    if len(named) < len(pairs) or not all(named.values()) or not named.keys() <= set(MEASURES):
        raise UsageStop(
            f"--work-columns takes NAME=COL,... with each of {', '.join(MEASURES)} at most once, "
            f"not {text!r}"
        )
    return named


def _write(path: str, text: str) -> None:
    from scrubtrace.beam_pipelines import storage

    try:
        if not storage.is_remote(path):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        storage.write_atomic(storage.absolute(path), text.encode())
    except OSError as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None
