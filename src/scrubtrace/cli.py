"""The console script: one verb a job. Heavy modules are imported by the verb that needs them."""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import click

from scrubtrace.exits import Exit, Stop, UsageStop

EXIT_HELP = (
    "Exit codes: 0 done, 1 crash, 2 usage or configuration, 3 incomplete, 4 sums that do not "
    "match, 5 a limit exceeded."
)
INTERRUPTED = "scrubtrace: interrupted; the same command goes on from here"
SHOW_CURSOR = "\x1b[?25h"


@click.group(epilog=EXIT_HELP)
@click.version_option(package_name="scrubtrace")
def cli() -> None:
    """Find traces of LLM text in training data, also scrubbed or paraphrased.

    \b
    scrubtrace detect 'data/*.parquet' --out out --review sqlite:///review.sqlite
    scrubtrace review export --review sqlite:///review.sqlite --out flagged.csv
    """


def _config_options(command: Any) -> Any:
    for option in (
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
                     help="Set a configuration key, for example policy.proof_hits=2."),
        click.option("--config", "config_file", metavar="FILE",
                     help="Configuration file (default: scrubtrace.toml here, if there is one)."),
    ):  # fmt: skip
        command = option(command)
    return command


@cli.command(epilog="Options for Beam follow behind --, for example -- --runner=FlinkRunner.")
@click.argument("shards", nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", help="Folder for runs and their files.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@click.option("--dataset", metavar="NAME", help="Name of the data set (default: the folder's).")
@click.option("--root", metavar="DIR", help="Folder that shard names are relative to.")
@click.option("--text-column", metavar="COL", multiple=True,
              help="Column with text, a list of texts, or chat rows (default: text); may be given "
              "several times.")  # fmt: skip
@click.option(
    "--roles",
    metavar="ROLE,...",
    help="Roles of chat turns that are judged, or all (default: the answering side).",
)
@click.option("--id-column", metavar="COL", help="Column that identifies rows.")
@click.option("--language-column", metavar="COL", help="Column with the language of each row.")
@click.option("--group-by", metavar="NAME=COL,...",
              help="Columns that ride along: labeler, vendor, source, stage, market, task, "
              "created_at.")  # fmt: skip
@click.option("--workers", type=int, metavar="N", help="Worker processes on this machine.")
@click.option("--key-file", metavar="FILE", help="Key of the text digests (made on first use).")
@click.option("--dry-run", is_flag=True, help="Plan only: say what would be scanned.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@_config_options
@click.pass_context
def detect(context: click.Context, /, shards: tuple[str, ...], **given: Any) -> None:
    """Scan Parquet shards and put flagged rows with their evidence into the review table.

    SHARDS are paths or globs, local or on a Beam file system. The same command goes on with an
    unfinished run.
    """
    from scrubtrace.detect import Job, plan_job, run_job
    from scrubtrace.summary import exit_code, summary

    config = _config(given)
    beam_arguments = context.obj or ()
    job = Job(shards, given["out"], config, given["key_file"], beam_arguments, given["quiet"])
    if given["dry_run"]:
        _show_plan(job, plan_job(job)[0])
        return
    outcome = run_job(job)
    code = exit_code(outcome, config)
    if not given["quiet"]:
        click.echo(summary(outcome, job.out, config))
    elif code:
        problem = f"{outcome.dead_letters:,} dead rows, shards or detector errors"
        click.echo(f"scrubtrace: run {outcome.run} is incomplete: {problem}", err=True)
    sys.exit(code)


@cli.command()
@click.argument("run_id")
@click.option("--out", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@_config_options
def commit(run_id: str, **given: Any) -> None:
    """Commit a scanned run again: balance, policy, manifest, review table."""
    from scrubtrace.beam_pipelines.layout import runs_of
    from scrubtrace.commit import commit_run
    from scrubtrace.detect import review_engine
    from scrubtrace.lock import output_lock
    from scrubtrace.summary import exit_code, summary

    config = _config(given)
    folders = {folder.id: folder for folder in runs_of(given["out"])}
    if run_id not in folders:
        choices = ", ".join(sorted(folders)[-5:]) or "there are none"
        raise UsageStop(f"no run {run_id!r} in {given['out']}; the latest are: {choices}")
    engine = review_engine(config, given["out"], must_exist=config.review.url is None)
    with output_lock(given["out"]):
        outcome = commit_run(folders[run_id], config, engine)
    click.echo(summary(outcome, given["out"], config))
    sys.exit(exit_code(outcome, config))


@cli.command()
@click.argument("text")
@click.option("--language", metavar="CODE", help="Language of the text (default: identified).")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@_config_options
def explain(text: str, language: str | None, as_json: bool, **given: Any) -> None:
    """Say what each detector finds in TEXT (- reads standard input)."""
    from scrubtrace.detectors.registry import DetectorError
    from scrubtrace.explain import explain as explain_text
    from scrubtrace.explain import explanation

    if text == "-":
        text = _standard_input()
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageStop("the text is not UTF-8") from None
    try:
        explained = explain_text(text, _config(given), language)
    except DetectorError as error:
        raise UsageStop(str(error)) from None
    click.echo(_json(explained) if as_json else explanation(text, explained))


@cli.command()
def detectors() -> None:
    """List the installed detectors."""
    from scrubtrace.detectors.registry import DetectorError, installed_detectors

    broken = []
    for name, installed in installed_detectors().items():
        try:
            detector = installed.make()
        except DetectorError as error:
            broken.append(str(error))
            continue
        languages = ",".join(sorted(detector.languages))
        click.echo(
            f"{name}  version {detector.version}  lane {detector.lane}  languages {languages}  "
            f"{installed.distribution}  fingerprint {detector.fingerprint()}"
        )
    if broken:
        raise UsageStop("\n".join(broken))


@cli.command(epilog="Rates: rows with an asserted hit, of the rows of `make eval`'s own data.")
@click.argument("pattern", default="*")
@click.option("--detector", metavar="NAME", help="Only this detector's.")
@click.option("--language", metavar="CODE", help="Only this language's; any: language-neutral.")
@click.option("--category", metavar="NAME", help="Only this category.")
@click.option("--strength", type=click.Choice(["proof", "strong", "weak"]))
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with patterns and examples.")
@_config_options
def signatures(pattern: str, as_json: bool, **given: Any) -> None:
    """List the signatures whose id matches PATTERN, with their measured rates.

    \b
    scrubtrace signatures 'zh.refusal.*'
    scrubtrace signatures --category placeholder --strength proof
    """
    from scrubtrace.detectors.registry import DetectorError
    from scrubtrace.signatures import as_table, listed

    names = ("detector", "language", "category", "strength")
    try:
        found = listed(_config(given), pattern, {name: given[name] for name in names})
    except DetectorError as error:
        raise UsageStop(str(error)) from None
    if not found:
        raise UsageStop(f"no signature matches {pattern!r} with these options")
    click.echo(_json(found) if as_json else as_table(found))


@cli.group()
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
@_config_options
def export(out: str, **given: Any) -> None:
    """Write flagged rows to CSV for reviewers."""
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError
    from scrubtrace.review.export import export_csv

    url = _config({"review": given["review"], **_config_sources(given)}).review.url
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


def _json(data: Any) -> str:
    import json

    return json.dumps(data, ensure_ascii=False, indent=1)


def _config(given: dict[str, Any]) -> Any:
    from scrubtrace.config import load_config

    options = {
        "review.url": given.get("review"),
        "scan.workers": given.get("workers"),
        "input.group_by": _groups(given.get("group_by")),
        "input.text_column": list(given.get("text_column") or ()) or None,
    }
    for name in ("dataset", "root", "id_column", "language_column", "roles"):
        options[f"input.{name}"] = given.get(name)
    return load_config(given["config_file"], given["settings"], options)


def _config_sources(given: dict[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in ("config_file", "settings")}


def _groups(text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    pairs = [entry.partition("=") for entry in text.split(",")]
    for name, separator, column in pairs:
        if not (name and separator and column):
            raise UsageStop(f"--group-by takes NAME=COL,..., not {text!r}")
    return {name.strip(): column.strip() for name, _, column in pairs}


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise UsageStop("standard input is not UTF-8") from None


def _show_plan(job: Any, plan: Any) -> None:
    shards = len({r.shard.name for unit in plan.units for r in unit.ranges})
    click.echo(
        f"dataset {plan.dataset}: {plan.rows:,} rows in {shards:,} shards, "
        f"{len(plan.units):,} units; nothing was written"
    )
    for path, shapes in plan.shapes.items():
        for shape, count in sorted(shapes.items()):
            click.echo(f"text column {path}: {shape} in {count:,} shards")
    for shard in plan.dead:
        click.echo(f"dead shard {shard.name}: {shard.reason}: {shard.detail}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, beam_arguments = given, []
    if "--" in given:
        own, beam_arguments = given[: given.index("--")], given[given.index("--") + 1 :]
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        with _prompt_interruption():
            cli.main(own, prog_name="scrubtrace", standalone_mode=False, obj=beam_arguments)
    except Stop as stop:
        click.echo(f"scrubtrace: {stop}", err=True)
        sys.exit(stop.code)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo(INTERRUPTED, err=True)
        sys.exit(Exit.INCOMPLETE)
    except Exception as error:
        _report_crash(error)
        sys.exit(Exit.CRASH)


@contextmanager
def _prompt_interruption() -> Iterator[None]:
    """Ends the process at once on an interruption from the keyboard.

    Unwinding would wait for Beam's workers. Every file is written atomically and every
    transaction is whole, so that nothing is lost.
    """

    def end(*_: object) -> NoReturn:
        if sys.stderr.isatty():
            click.echo(SHOW_CURSOR, err=True, nl=False)
        click.echo(INTERRUPTED, err=True)
        os._exit(Exit.INCOMPLETE)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def _report_crash(error: Exception) -> None:
    """The traceback without messages of exceptions, which may hold text of a row."""
    click.echo("".join(traceback.format_tb(error.__traceback__)), err=True)
    click.echo(f"scrubtrace: crashed with {type(error).__name__}; this is a bug", err=True)
