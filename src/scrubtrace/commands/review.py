"""``review``: working with the review table."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.mixed_in import controls_in_words, tell_one_origin
from scrubtrace.commands.options import (
    config_options,
    config_sources,
    files_read,
    language_option,
    messages_of,
    read_config,
    review_words,
)
from scrubtrace.exits import IncompleteStop, SumsDifferStop, UsageStop

PROBLEMS_SHOWN = 20
BAD_LINES_SHOWN = 200
"""Lines that are shown of each; all are counted."""

_REPEATED = (
    "is it an old file, say so with --repeated known; if the reviewer went back to what it says, "
    "with --repeated new"
)


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

    return partial(_with_options, options=options)


def mix_options(command: Any) -> Any:
    """Adds the options that say what else stands in a file for reviewers, and what they see."""
    options = (
        click.option("--controls", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE",
                     help="Mix in texts of known origin, unmarked: this share of the lines."),
        click.option("--sampled", type=click.IntRange(min=1), metavar="N",
                     help="Mix in N of the texts that were drawn at random and not flagged."),
        click.option("--blind", is_flag=True, help="Show no evidence and no verdict."),
        click.option("--batch", metavar="NAME",
                     help="Only the texts of this batch, in every state unless --state says "
                     "otherwise; blind if the batch is."),
    )  # fmt: skip
    return _with_options(command, options)


def _with_options(command: Any, options: Sequence[Any]) -> Any:
    for option in reversed(options):
        command = option(command)
    return command


def _mix(given: Mapping[str, Any]) -> Any:
    """What `mix_options` choose."""
    from scrubtrace.review.mixing import Mix

    chosen = {name: given[name] for name in ("controls", "blind", "batch")}
    return Mix(**chosen, sampled=given["sampled"] or 0, overlap=given.get("overlap", 0.0))


def _check_dataset(engine: Any, given: Mapping[str, Any]) -> None:
    """Raises `UsageStop` for a data set that the table does not have."""
    from scrubtrace.review.store import datasets_of

    if given["dataset"] is not None and given["dataset"] not in (known := datasets_of(engine)):
        names = ", ".join(sorted(known)) or "there is none"
        raise UsageStop(f"no data set {given['dataset']!r} in the review table: {names}")


def _wanted(given: Mapping[str, Any], default: frozenset[Any]) -> Any:
    """What `wanted_options` choose; raises `UsageStop` for a state that there is not."""
    from scrubtrace.review.lines import Wanted

    chosen = {name: given[name] for name in ("dataset", "include_reported", "new_since")}
    default = frozenset() if given.get("batch") else default
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
    type=click.Choice(["csv", "label-studio", "parquet"]),
    default="csv",
    show_default=True,
    help="One line a text for people, one task a text, or one row a place for jobs.",
)
@wanted_options("pending, reopened and needs_second for people, all for Parquet")
@mix_options
@click.option("--overlap", type=click.FloatRange(0, 1), default=0.0, metavar="SHARE",
              help="With --assign: this share of the texts goes to two reviewers.")  # fmt: skip
@click.option(
    "--assign", metavar="NAME,...", help="A share for each reviewer, in a file of their own."
)
@click.option("--bom", is_flag=True, help="Begin with a byte order mark, for Excel.")
@click.option("--rows-per-file", type=click.IntRange(1, 1_048_575), default=1_000_000,
              show_default=True, help="Split beyond this many rows.")  # fmt: skip
@language_option("--language")
@config_options
def export(out: str, file_format: str, **given: Any) -> None:
    """Write what is to be decided for reviewers, as CSV or tasks, or everything to Parquet.

    The column why is in the language of the reviewer; every other cell is the same in any.
    """
    from scrubtrace.out_file import CSV, PARQUET, SHEET, check_ending, check_local, check_target
    from scrubtrace.review.export import OPEN, export_csv, export_parquet, export_tasks
    from scrubtrace.why import wording

    _check_format(file_format, out, given)
    is_parquet = file_format == "parquet"
    check_local(out)
    writes = {"parquet": PARQUET, "csv": SHEET}.get(file_format, "")
    check_target(out, files_read(given), writes=writes)
    if file_format != "label-studio":
        check_ending(out, PARQUET if is_parquet else CSV, hint=", or give another --format")
    wanted = _wanted(given, frozenset() if is_parquet else OPEN.states)
    reviewers = [name.strip() for name in (given["assign"] or "").split(",") if name.strip()]
    options = {name: given[name] for name in ("budget", "rows_per_file")}
    options |= {"reviewers": reviewers, "mix": _mix(given), "wording": wording(messages_of(given))}
    with opened(given) as engine:
        _check_dataset(engine, given)
        if is_parquet:
            result = export_parquet(engine, Path(out), wanted)
        elif file_format == "csv":
            result = export_csv(engine, Path(out), wanted, bom=given["bom"], **options)
        else:
            result = export_tasks(engine, Path(out), wanted, **options)
    files = ", ".join(str(file) for file in result.files)
    click.echo(f"{result.rows:,} rows written to {files}{controls_in_words(result.controls)}")
    tell_one_origin(result.controls)
    for old, new in result.aside.items():
        text = f"scrubtrace: {old} holds what was not imported: it is {new} now"
        log.tell("moved_aside", text, "warning", file=str(old), moved_to=str(new))


def _check_format(file_format: str, out: str, given: Mapping[str, Any]) -> None:
    """Raises `UsageStop` for options that a format does not have."""
    for_people = ("assign", "overlap", "budget", "controls", "sampled", "blind", "batch")
    if file_format == "parquet" and given["words_language"]:
        raise UsageStop("--language is for CSV and Label Studio only")
    if file_format == "parquet" and (names := [f"--{name}" for name in for_people if given[name]]):
        raise UsageStop(f"{', '.join(names)}: for CSV and Label Studio only")
    if file_format == "label-studio" and not out.lower().endswith(".json"):
        raise UsageStop("--out takes a name that ends in .json, by which import knows the format")
    if file_format != "csv" and given["bom"]:
        raise UsageStop("--bom is for CSV only")
    if given["overlap"] and not given["assign"]:
        raise UsageStop("--overlap goes with --assign")


@review.command()
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@click.option("--out", required=True, metavar="FILE.html", help="File to write.")
@wanted_options("pending, reopened and needs_second")
@mix_options
@click.option("--reference", metavar="FOLDER",
              help="Index whose texts are shown beside the texts that match them.")  # fmt: skip
@language_option("--language")
@config_options
def sheet(out: str, **given: Any) -> None:
    """Write what is to be decided as one HTML page, to be read and decided in a browser.

    The page needs no server and no network. It saves a CSV that review import reads.
    """
    from scrubtrace.out_file import check_local, check_target
    from scrubtrace.review.sheet.writing import write_sheet
    from scrubtrace.schemas.review import OPEN_STATES
    from scrubtrace.why import wording

    path = Path(out)
    if path.suffix.lower() not in (".html", ".htm"):
        raise UsageStop("--out takes a name that ends in .html, so that a browser opens it")
    check_local(out)
    check_target(out, files_read(given))
    wanted = _wanted(given, OPEN_STATES)
    words = wording(messages_of(given))
    beside = _reference_texts(given["reference"])
    with opened(given) as engine:
        _check_dataset(engine, given)
        budget, mix = given["budget"], _mix(given)
        result = write_sheet(engine, path, wanted, words, budget, beside, mix)
    controls = controls_in_words(result.controls)
    click.echo(f"{result.items:,} texts written to {path}{controls}; keep it as safe as the data")
    tell_one_origin(result.controls)
    click.echo(
        "open it in a browser, decide, and save; then: scrubtrace review import "
        f"{shlex.quote(f'{path.stem}-decisions.csv')} --reviewer NAME"
        f"{review_words(given)}"
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
@click.option("--repeated", type=click.Choice(["known", "new"]),
              help="What lines are that FILE had when it was imported before, if they were decided "
              "otherwise since: known (an old file), or new (decided so again).")  # fmt: skip
@click.option("--annotator", metavar="ID",
              help="Of Label Studio's file: whose annotations, by number or e-mail.")  # fmt: skip
@config_options
def import_(file: Path, reviewer: str, keep_going: bool, **given: Any) -> None:
    """Bring the decisions in FILE into the review table.

    FILE is one of review export, as a spreadsheet saved it, or a .json that Label Studio exported.
    The same file twice changes nothing. An older one again stores nothing until --repeated says
    whether it is old, or what it says was decided again.
    With bad lines nothing is stored (exit code 2), or only the good ones with --keep-going (3).
    """
    from scrubtrace.review.decisions.importing import Repeated, import_decisions

    time = _time(given["decided_at"])
    repeated = None if given["repeated"] is None else Repeated(given["repeated"])
    with opened(given) as engine:
        found = import_decisions(
            engine,
            file,
            reviewer,
            keep_going=keep_going,
            decided_at=time,
            annotator=given["annotator"],
            repeated=repeated,
        )
    place = ":" if found.unit == "line" else f", {found.unit} "
    for line in found.bad[:BAD_LINES_SHOWN]:
        text = f"{file.name}{place}{line.number}: {line.problem}"
        about = {"file": file.name, "number": line.number, "message": line.problem}
        log.tell("bad_line", text, "warning", unit=found.unit, **about)
    if (more := len(found.bad) - BAD_LINES_SHOWN) > 0:
        log.tell("bad_lines", f"... and {more:,} more bad {found.unit}s", "warning", more=more)
    stale = f" ({found.stale:,} on an earlier version of their item)" if found.stale else ""
    notes = f" ({found.notes:,} with a reason or comment, not stored)" if found.notes else ""
    click.echo(
        f"{found.stored:,} decisions stored{stale}, {found.known:,} known already, "
        f"{found.undecided:,} {found.unit}s undecided{notes}, {len(found.bad):,} {found.unit}s bad"
    )
    told = f"; {_REPEATED}" if found.unclear else ""
    if found.bad and keep_going:
        raise IncompleteStop(f"{len(found.bad):,} {found.unit}s of {file.name} were left out{told}")
    if found.bad:
        raise UsageStop(
            f"nothing was stored: {len(found.bad):,} {found.unit}s of {file.name} are bad; correct "
            f"them, or store the others with --keep-going{told}"
        )


def _time(text: str | None) -> datetime | None:
    """A time with its zone. Raises `UsageStop`."""
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise UsageStop(
            f"--decided-at takes a time as 2026-01-31T09:30+01:00, not {text!r}"
        ) from None
    if time.tzinfo is None:
        raise UsageStop("--decided-at needs a time zone, as 2026-01-31T09:30+01:00 or ...Z")
    return time


@review.command()
@click.argument("record", metavar="RECORD")
@click.option("--review", metavar="URL", help="Review table (default: the configuration's).")
@config_options
def carry(record: str, **given: Any) -> None:
    """Carry decisions about single rows over to where a purge put these rows.

    \b
    scrubtrace review carry purged/removal/record.json

    For data without ids, after detect has scanned the purged shards; what it has not scanned yet is
    left where it is (exit code 3). The same call again changes nothing.
    """
    from scrubtrace.purge.carrying import carry as carry_over
    from scrubtrace.purge.carrying import scan_of

    with opened(given) as engine:
        found = carry_over(record, engine)
    click.echo(f"{found.stored:,} decisions carried over, {found.known:,} known already")
    if found.other or found.nameless:
        click.echo(
            f"left where they are: {found.other:,} whose row is not in the table with the same "
            f"text and evidence, {found.nameless:,} whose reviewer's name was erased"
        )
    if found.waiting:
        raise IncompleteStop(
            f"{found.waiting:,} decisions wait for a scan of the purged shards into this table: "
            f"{scan_of(record)}{review_words(given)}; then give the same command again"
        )


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

    wanted = [head.strip().lower() for head in heads]
    if wrong := [head for head in wanted if not re.fullmatch("[0-9a-f]{64}", head)]:
        raise UsageStop(f"--head takes a whole hash, 64 hexadecimal digits, not {wrong[0]!r}")
    with opened(given) as engine:
        found = trail.verify(engine, wanted)
    for problem in found.problems[:PROBLEMS_SHOWN]:
        click.echo(problem)
    if len(found.problems) > PROBLEMS_SHOWN:
        click.echo(f"... and {len(found.problems) - PROBLEMS_SHOWN:,} more")
    erased = [f"{count:,} {kind}s" for kind, count in sorted(found.erased.items())]
    told = f", erased: {', '.join(erased)}" if erased else ""
    click.echo(f"{found.events:,} events, {found.decisions:,} decisions{told}; head {found.head}")
    if found.problems:
        raise SumsDifferStop(f"the review table was changed: {found.problems[0]}")
