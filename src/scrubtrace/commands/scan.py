"""``detect`` and ``commit``."""

import sys
from typing import Any

import click

from scrubtrace.commands.options import config_options, read_config
from scrubtrace.exits import UsageStop


@click.command(epilog="Options for Beam follow behind --, for example -- --runner=FlinkRunner.")
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
@config_options
@click.pass_context
def detect(context: click.Context, /, shards: tuple[str, ...], **given: Any) -> None:
    """Scan Parquet shards and put flagged rows with their evidence into the review table.

    SHARDS are paths or globs, local or on a Beam file system. The same command goes on with an
    unfinished run.
    """
    from scrubtrace.detect import Job, plan_job, run_job
    from scrubtrace.summary import exit_code, summary

    config = read_config(given)
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


@click.command()
@click.argument("run_id")
@click.option("--out", required=True, metavar="DIR", help="Folder of the runs.")
@click.option("--review", metavar="URL", help="Review table: sqlite:///FILE or postgresql://...")
@config_options
def commit(run_id: str, **given: Any) -> None:
    """Commit a scanned run again: balance, policy, manifest, review table."""
    from scrubtrace.beam_pipelines.layout import runs_of
    from scrubtrace.commit import commit_run
    from scrubtrace.detect import review_engine
    from scrubtrace.lock import output_lock
    from scrubtrace.summary import exit_code, summary

    config = read_config(given)
    folders = {folder.id: folder for folder in runs_of(given["out"])}
    if run_id not in folders:
        choices = ", ".join(sorted(folders)[-5:]) or "there are none"
        raise UsageStop(f"no run {run_id!r} in {given['out']}; the latest are: {choices}")
    engine = review_engine(config, given["out"], must_exist=config.review.url is None)
    with output_lock(given["out"]):
        outcome = commit_run(folders[run_id], config, engine)
    click.echo(summary(outcome, given["out"], config))
    sys.exit(exit_code(outcome, config))


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
