"""``index``: known model output to compare with."""

import sys
from collections import Counter
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import echo_lines
from scrubtrace.exits import Exit, UsageStop

LOG_SUFFIXES = (".jsonl", ".json", ".csv", ".ndjson", ".log", ".gz")

SOURCE_OPTIONS = (
    click.option("--log-format", metavar="NAME",
                 help="SOURCES are logs of API calls: auto, or the name of their format."),
    click.option("--text-column", multiple=True, default=("text",), metavar="COL",
                 help="Column with completions: text, or chat rows (default: text)."),
    click.option("--prompt-column", multiple=True, metavar="COL",
                 help="Column with prompts; of chat rows the asking side."),
    click.option("--id-column", metavar="COL", help="Column that names the source of a text."),
    click.option("--model-column", metavar="COL", help="Column with the model's name."),
    click.option("--task-column", metavar="COL", help="Column with the task's id."),
    click.option("--time-column", metavar="COL", help="Column with the time of the call."),
    click.option("--quiet", is_flag=True, help="No progress and no summary."),
)  # fmt: skip


def _source_options(command: Any) -> Any:
    for option in SOURCE_OPTIONS:
        command = option(command)
    return command


@click.group()
def index() -> None:
    """Build and ask a reference index of known model output."""


@index.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--out", required=True, metavar="INDEX", help="Folder of the index.")
@click.option("--basis", required=True, metavar="TEXT",
              help="Why the output may be held: contract, terms, approval.")  # fmt: skip
@click.option(
    "--trusted",
    multiple=True,
    metavar="SHARDS",
    help="Rows by humans, of the kind that is to be judged; they set the thresholds.",
)
@click.option("--trusted-column", default="text", metavar="COL", show_default=True)
@click.option("--trusted-language-column", metavar="COL")
@click.option("--trusted-task-column", metavar="COL",
              help="Answers to tasks of the index get thresholds of their own.")  # fmt: skip
@click.option("--scale", type=click.IntRange(1, 64), default=1, show_default=True,
              help="Keep one of so many shingles: smaller and faster, finds less.")  # fmt: skip
@_source_options
def build(sources: tuple[str, ...], **given: Any) -> None:
    """Build an index from SOURCES: Parquet shards with model output, or logs of API calls."""
    from scrubtrace.index.build import build_index
    from scrubtrace.index.sources import trusted_rows
    from scrubtrace.not_read import NotRead
    from scrubtrace.schemas.plan import Columns

    if not given["basis"].strip():
        raise UsageStop("--basis says why the output may be held; it cannot be empty")
    source = _source(sources, given)
    trusted = None
    if given["trusted"]:
        task = given["trusted_task_column"]
        columns = Columns(
            given["trusted_column"],
            language=given["trusted_language_column"],
            groups={"task": task} if task else {},
        )
        trusted = trusted_rows(given["trusted"], columns, source.counts, NotRead())
    manifest = build_index(
        given["out"], source.references(), trusted, given["basis"].strip(), given["scale"],
        given["quiet"], source.counts,
    )  # fmt: skip
    _finish(manifest, source.counts, given["quiet"])


@index.command()
@click.argument("sources", nargs=-1, required=True)
@click.option("--index", "out", required=True, metavar="INDEX", help="Folder of the index.")
@_source_options
def add(sources: tuple[str, ...], **given: Any) -> None:
    """Add texts from SOURCES, as for build, to an index and calibrate it again."""
    from scrubtrace.index.build import add_to_index

    source = _source(sources, given)
    manifest = add_to_index(given["out"], source.references(), given["quiet"], source.counts)
    _finish(manifest, source.counts, given["quiet"])


@index.command()
@click.argument("path", metavar="INDEX")
def info(path: str) -> None:
    """Say what an INDEX holds and how it is calibrated."""
    from scrubtrace.detectors.reference.index import ReferenceIndex
    from scrubtrace.detectors.reference.segments import ReferenceIndexError
    from scrubtrace.index.show import described, nearest_trusted

    try:
        opened = ReferenceIndex(path)
        nearest = nearest_trusted(opened)
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None
    echo_lines(described(opened.manifest))
    if nearest:
        click.echo("trusted rows nearest to a reference; look at them, they set the thresholds:")
        echo_lines(f"  {line}" for line in nearest)


@index.command()
@click.argument("text")
@click.option("--index", "path", required=True, metavar="INDEX", help="Folder of the index.")
@click.option("--language", metavar="CODE", help="Language of the text (default: identified).")
def trace(text: str, path: str, language: str | None) -> None:
    """Say what an index knows of TEXT (- reads standard input)."""
    from scrubtrace.detectors.reference.segments import ReferenceIndexError
    from scrubtrace.index.show import traced

    try:
        lines = traced(path, sys.stdin.read() if text == "-" else text, language)
    except ReferenceIndexError as error:
        raise UsageStop(str(error)) from None
    echo_lines(lines or ["no match"])


def _source(sources: tuple[str, ...], given: dict[str, Any]) -> Any:
    from scrubtrace.index.call_sources import AUTO, CallSource
    from scrubtrace.index.sources import ParquetSource

    log_format = given["log_format"] or (AUTO if not _are_parquet(sources) else None)
    if log_format:
        return CallSource(sources, log_format)
    columns = {"model": "model_column", "task": "task_column", "created_at": "time_column"}
    groups = {name: given[option] for name, option in columns.items() if given[option]}
    return ParquetSource(
        sources, given["text_column"], given["prompt_column"], given["id_column"], groups
    )


def _are_parquet(sources: tuple[str, ...]) -> bool:
    """Whether sources are shards; logs that lie in Parquet files are named by their format."""
    logs = [source for source in sources if source.endswith(LOG_SUFFIXES)]
    if logs and len(logs) < len(sources):
        raise UsageStop(f"{logs[0]} is a log of calls, other sources are not: add one to the other")
    return not logs


def _finish(manifest: Any, counts: Counter[str], quiet: bool) -> None:
    from scrubtrace.index.show import described

    if not quiet:
        echo_lines(described(manifest))
    dead = counts["dead_rows"] + counts["dead_shards"] + counts["bad_lines"]
    if dead:
        text = f"scrubtrace: {dead:,} rows, shards or lines could not be read"
        log.tell("incomplete", text, "warning", dead_letters=dead)
        sys.exit(Exit.INCOMPLETE)
