"""``detect`` and ``commit``."""

import sys
from collections.abc import Iterator
from typing import Any

import click

from scrubtrace import log
from scrubtrace.address_space import check_address_space
from scrubtrace.commands.options import column_options, config_options, echo_lines, read_config


@click.command(epilog="Options for Beam follow behind --, for example -- --runner=FlinkRunner.")
@click.argument("shards", nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", help="Folder for runs and their files.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@click.option("--dataset", metavar="NAME", help="Name of the data set (default: the folder's).")
@click.option("--root", metavar="DIR", help="Folder that shard names are relative to.")
@column_options("judged")
@click.option("--reference", metavar="INDEX", help="Compare with this index, too (index build).")
@click.option(
    "--style-model",
    metavar="FILE",
    help="Rank texts by this style model (default: with --style-calibration the shipped one, for "
    "English only; else none).",
)
@click.option("--style-calibration", metavar="FILE",
              help="Human rows to rank among (style calibrate); nothing flags by style "
              "without.")  # fmt: skip
@click.option("--workers", type=int, metavar="N", help="Worker processes on this machine.")
@click.option("--key-file", metavar="FILE", help="Key of the text digests (made on first use).")
@click.option("--sample", type=float, metavar="RATE", help="Judge only this share of the rows.")
@click.option("--force", is_flag=True, help="Scan again what has current results, too.")
@click.option("--dry-run", is_flag=True, help="Plan only: say what would be scanned.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@config_options
@click.pass_context
def detect(context: click.Context, /, shards: tuple[str, ...], **given: Any) -> None:
    """Scan Parquet shards and put flagged rows with their evidence into the review table.

    SHARDS are paths or globs, local or on a Beam file system. Shards that an earlier run has
    scanned with the same detectors are not scanned again. The same command goes on with an
    unfinished run.
    """
    check_address_space(given["workers"] or 1)
    config = read_config(given)
    check_address_space(config.scan.workers)
    from scrubtrace.detect import Job, dry_run, run_job
    from scrubtrace.summary import exit_code, summary, summary_fields

    beam_arguments = context.obj or ()
    choices = {name: given[name] for name in ("key_file", "quiet", "force")}
    job = Job(shards, given["out"], config, beam_arguments=beam_arguments, **choices)
    if given["dry_run"]:
        echo_lines(_plan_lines(*dry_run(job)))
        return
    outcome = run_job(job)
    code = exit_code(outcome, config)
    if not given["quiet"]:
        click.echo(summary(outcome, job.out, config))
        log.tell("run_done", None, exit_code=int(code), **summary_fields(outcome))
    elif code:
        _tell_incomplete(outcome)
    sys.exit(code)


@click.command()
@click.argument("run_id")
@click.option("--out", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@config_options
def commit(run_id: str, **given: Any) -> None:
    """Commit a scanned run again: balance, policy, manifest, review table."""
    from scrubtrace.commit import check_not_superseded, commit_run
    from scrubtrace.detect import review_engine
    from scrubtrace.lock import output_lock
    from scrubtrace.resolver import find_run
    from scrubtrace.resumable import resumable
    from scrubtrace.summary import exit_code, summary, summary_fields

    config = read_config(given)
    folder = find_run(given["out"], run_id)
    with resumable():
        engine = review_engine(config, given["out"], must_exist=config.review.url is None)
        with output_lock(given["out"]):
            check_not_superseded(given["out"], folder)
            outcome = commit_run(folder, config, engine)
    click.echo(summary(outcome, given["out"], config))
    code = exit_code(outcome, config)
    log.tell("run_done", None, exit_code=int(code), **summary_fields(outcome))
    sys.exit(code)


def _tell_incomplete(outcome: Any) -> None:
    from scrubtrace.summary import incomplete

    text = f"scrubtrace: run {outcome.run} is incomplete: {incomplete(outcome)}"
    counts = {name: getattr(outcome, name) for name in ("dead_letters", "columns_not_judged")}
    log.tell("incomplete", text, "warning", **counts)


def _plan_lines(inputs: Any, work: Any) -> Iterator[str]:
    shards = len({r.shard.name for unit in work.units for r in unit.ranges})
    yield (
        f"dataset {inputs.dataset}: {work.rows:,} rows in {shards:,} shards to scan, "
        f"{len(work.units):,} units; nothing was written"
    )
    if work.kept:
        kept = {entry.shard.name: entry.shard.rows for entry in work.kept}
        yield f"current already, in whole or in part: {len(kept):,} of the shards"
    for path, shapes in inputs.shapes.items():
        for shape, count in sorted(shapes.items()):
            yield f"text column {path}: {shape} in {count:,} shards"
    for shard in work.dead:
        yield f"dead shard {shard.name}: {shard.reason}: {shard.detail}"
