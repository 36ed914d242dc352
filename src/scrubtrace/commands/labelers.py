"""``labelers``: whose rows to refer to review, and control tasks among their work."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import (
    config_options,
    config_sources,
    echo_lines,
    files_read,
    json_text,
    read_config,
)
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
    from scrubtrace.labelers.referrals import referrals_file
    from scrubtrace.labelers.telling import as_json, lines, table_text
    from scrubtrace.labelers.work import read_work
    from scrubtrace.out_file import CSV, check_ending

    read = files_read(given, referrals_file(out_folder))
    _check_files({"--out": given["table"], "--json": given["json_file"]}, read)
    if given["table"]:
        check_ending(given["table"], CSV)
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
    echo_lines(lines(found, work))
    if cells.style:
        click.echo(f"not counted: {cells.style:,} texts that only style flags (--with-style)")
    if work and work.unread:
        text = f"{len(work.unread):,} shards could not be read for --work-columns"
        log.tell("not_read", text, "warning", shards=len(work.unread))


def _check_files(files: Mapping[str, str | None], read: Sequence[str | None]) -> None:
    """Raises `UsageStop` for files that cannot be written, before anything is remembered."""
    from scrubtrace.out_file import check_different, check_out

    check_different(files)
    for option, file in files.items():
        if file is not None:
            check_out(file, read, option)


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
        storage.write_atomic(storage.absolute(path), text.encode())
    except (OSError, storage.RemoteError) as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None


@labelers.group()
def controls() -> None:
    """Control tasks of known origin among the work of labelers: planned, remembered, scored."""


@controls.command()
@click.option("--tasks", required=True, metavar="FILE", help="Parquet file of control tasks.")
@click.option("--labelers", "names", required=True, metavar="FILE",
              help="Text file, a labeler's name on each line, as in the data.")  # fmt: skip
@click.option("--per-labeler", required=True, type=click.IntRange(1, 1_000), metavar="N",
              help="Control tasks for each labeler.")  # fmt: skip
@click.option("--from", "first", required=True, metavar="DATE", help="First day, as 2026-01-31.")
@click.option("--until", "last", required=True, metavar="DATE", help="Last day.")
@click.option("--out", "plan_file", required=True, metavar="FILE",
              help="The plan, for scoring: pseudonyms and digests.")  # fmt: skip
@click.option("--handout", required=True, metavar="FILE",
              help="What to give out: names and texts; delete it afterwards.")  # fmt: skip
@click.option("--earlier", multiple=True, metavar="PLAN",
              help="Earlier plan, also several: nobody gets a task again.")  # fmt: skip
@click.option("--canary", is_flag=True, help="Put a request into each task that models follow.")
@click.option("--canary-request", metavar="TEXT",
              help="The request in the tasks' language, with {token} for the word.")  # fmt: skip
@click.option("--text-column", default="text", show_default=True, metavar="COL")
@click.option("--id-column", default="task", show_default=True, metavar="COL")
@click.option("--origin-column", default="origin", show_default=True, metavar="COL",
              help="Column with human, llm or unknown.")  # fmt: skip
@click.option("--key-file", metavar="FILE", help="File with the keys (default: as for detect).")
def plan(names: str, per_labeler: int, first: str, last: str, **given: Any) -> None:
    """Plan which labeler gets which control task on which day.

    \b
    scrubtrace labelers controls plan --tasks controls.parquet --labelers names.txt \\
      --per-labeler 4 --from 2026-01-01 --until 2026-03-31 --canary \\
      --out plan.parquet --handout handout.parquet
    """
    import hashlib

    from scrubtrace.labelers import controls as planning
    from scrubtrace.labelers.canary import REQUEST
    from scrubtrace.out_file import check_different

    check_different({"--out": given["plan_file"], "--handout": given["handout"]})
    days = _day(first, "--from"), _day(last, "--until")
    if days[1] < days[0]:
        raise UsageStop(f"--until {last} is before --from {first}")
    request = given["canary_request"] or (REQUEST if given["canary"] else None)
    request = planning.check_request(request) if request else None
    ring = _ring(given["key_file"])
    columns = (given["text_column"], given["id_column"], given["origin_column"])
    tasks = planning.read_tasks(given["tasks"], *columns)
    people = planning.read_labelers(names)
    pairs = planning.earlier_pairs(given["earlier"], ring)
    planned, short = planning.plan_controls(tasks, people, per_labeler, days, ring, pairs)
    if not planned:
        raise UsageStop("there is no task that a labeler has not had: bring new ones")
    record, handout = planning.record_and_handout(planned, ring.active, request)
    written = planning.write_tables({given["handout"]: handout, given["plan_file"]: record})
    content = written[given["plan_file"]]
    click.echo(
        f"{len(planned):,} control tasks for {len(people):,} labelers; {given['plan_file']} has "
        f"SHA-256 {hashlib.sha256(content).hexdigest()}"
    )
    if short:
        click.echo(f"{len(short):,} labelers get fewer than {per_labeler}: no more new tasks")
    click.echo(f"{given['handout']} has names and texts: delete it when they are given out")


@controls.command()
@click.option("--plan", "plan_file", required=True, metavar="PLAN", help="Plan of controls plan.")
@click.option("--handout", required=True, metavar="FILE", help="What was given out.")
@click.option("--key-file", metavar="FILE", help="File with the keys (default: as for detect).")
def check(plan_file: str, handout: str, key_file: str | None) -> None:
    """Check that a handout is the one of a plan: tasks, labelers, days and every text.

    Ends with 4 if it is not.
    """
    from scrubtrace.labelers.controls import check_handout, read_record

    count = check_handout(read_record(plan_file), handout, _ring(key_file))
    click.echo(f"{count:,} control tasks are as the plan says")


@controls.command()
@click.option("--plan", "plans", multiple=True, required=True, metavar="PLAN",
              help="Plan of controls plan; may be given several times.")  # fmt: skip
@click.option("--runs", "out_folder", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--dataset", metavar="NAME", help="Data set (default: that of the newest run).")
@click.option("--answers", multiple=True, metavar="SHARDS",
              help="Scanned shards with the answers (default: all of the data set).")  # fmt: skip
@click.option("--least", type=click.IntRange(min=10), default=20, show_default=True, metavar="N",
              help="Answers that a labeler needs to be told of.")  # fmt: skip
@click.option("--json", "json_file", metavar="FILE", help="Everything, as JSON.")
@config_options
def score(plans: tuple[str, ...], out_folder: str, **given: Any) -> None:
    """Score the answers to control tasks, from the current results of the answers.

    detect must have been called with --group-by labeler=COL,task=COL.

    \b
    scrubtrace labelers controls score --plan plan.parquet --runs out
    """
    from scrubtrace.labelers.cells import read_current
    from scrubtrace.labelers.control_words import score_json, score_lines
    from scrubtrace.labelers.controls import merged_records
    from scrubtrace.labelers.scoring import score_controls

    _check_files({"--json": given["json_file"]}, files_read(given, *plans, *given["answers"]))
    record = merged_records(plans)
    current = read_current(out_folder, read_config(config_sources(given)), given["dataset"])
    found = score_controls(current, record, given["answers"], given["least"])
    if given["json_file"]:
        about = {"dataset": current.outcome.dataset, "run": current.outcome.run}
        _write(given["json_file"], json_text(score_json(found, about)) + "\n")
    echo_lines(score_lines(found))


def _ring(key_file: str | None) -> Any:
    from scrubtrace.beam_pipelines.keys import key_place
    from scrubtrace.keys import existing_keys

    ring, path = existing_keys(key_file)
    if ring is None:
        raise UsageStop(f"there is no key in {key_place(path)}: call detect or keys new first")
    return ring


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageStop(f"{option} takes a date as 2026-01-31, not {text!r}") from None
