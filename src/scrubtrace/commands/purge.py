"""``purge`` and ``verify``."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import config_options, echo_lines, json_text, once
from scrubtrace.exits import Exit, UsageStop

SHOWN = 5


@click.command(epilog="Options for Beam follow behind --, for example -- --runner=FlinkRunner.")
@click.argument("shards", nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", help="Folder for shards and the record.")
@click.option("--decisions", metavar="FILE", multiple=True, callback=once,
              help="Decisions, from review export --format parquet.")  # fmt: skip
@click.option("--list", "listed", metavar="FILE", multiple=True, callback=once,
              help="CSV or Parquet that names rows: row_id, or item_key.")  # fmt: skip
@click.option("--results", metavar="DIR",
              help="Output folder of detect: verbatim matches, detectors, thresholds.")  # fmt: skip
@click.option("--hold-decision", metavar="REFERENCE",
              help="The decision that nothing has to be preserved, or none.")  # fmt: skip
@click.option("--dataset", metavar="NAME", help="Name of the data set (default: the folder's).")
@click.option("--root", metavar="DIR", help="Folder that shard names are relative to.")
@click.option("--id-column", metavar="COL", help="Column that identifies rows.")
@click.option("--lineage-column", metavar="COL",
              help="Column with the ids of the rows that a row was derived from.")  # fmt: skip
@click.option("--training-runs", metavar="FILE", help="Which training runs read which rows.")
@click.option("--sample-plan", metavar="FILE", help="JSON for the record: plan and seed.")
@click.option("--bound", metavar="FILE", help="JSON for the record: bound on what is left.")
@click.option("--audit-batch", metavar="NAME",
              help="Batch of audit plan from the purged shards, for the record.")  # fmt: skip
@click.option("--review", metavar="URL",
              help="Review table of --audit-batch (default: the configuration's).")  # fmt: skip
@click.option("--sign-key", metavar="FILE", help="Private key (PEM) to sign the record with.")
@click.option("--key-file", metavar="FILE", help="Key of the text digests.")
@click.option("--workers", type=int, metavar="N", help="Worker processes on this machine.")
@click.option("--dry-run", is_flag=True, help="Count what would be removed; write nothing.")
@click.option("--compare/--no-compare", default=True, show_default=True,
              help="In a dry run, compare the named texts as the purge does.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@config_options
@click.pass_context
def purge(context: click.Context, /, shards: tuple[str, ...], **given: Any) -> None:
    """Write SHARDS again without the rows that the policy removes, and a removal record.

    \b
    scrubtrace purge 'data/*.parquet' --decisions decided.parquet --out purged --hold-decision none

    The inputs are only read. A row is removed only if it is still the row that was decided on. The
    same command goes on with an unfinished purge.
    """
    from scrubtrace.purge.job import Job, prepare, run_purge
    from scrubtrace.purge.record import Attachments
    from scrubtrace.schemas.removal import EXPECTED

    config = _config(given)
    names = ("sample_plan", "bound", "training_runs", "sign_key", "audit_batch")
    attachments = Attachments(**{name: given[name] for name in names})
    attachments.check()
    options = {name: given[name] for name in ("decisions", "results", "key_file", "quiet")}
    beam_arguments = context.obj or ()
    job = Job(shards, given["out"], config, attachments=attachments,
              beam_arguments=beam_arguments, **options)  # fmt: skip
    if given["dry_run"]:
        from scrubtrace.purge.dry_run import dry_run

        compare = given["compare"]
        click.echo(json_text(dry_run(prepare(job), compare).to_dict(compare)))
        return
    outcome = run_purge(job)
    incomplete = bool(outcome.errors) or any(
        count for name, count in outcome.sums.problems.items() if name not in EXPECTED
    )
    if not given["quiet"]:
        echo_lines(_summary(outcome, given["out"]))
    elif incomplete:
        text = f"scrubtrace: the purge in {given['out']} is incomplete: see its record"
        log.tell("incomplete", text, "warning")
    sys.exit(Exit.INCOMPLETE if incomplete else Exit.DONE)


@click.command()
@click.argument("record")
@click.option("--key-file", metavar="FILE", help="Key of the text digests, to name rows.")
@click.option("--public-key", metavar="FILE", help="Key (PEM) that must have signed the record.")
@click.option("--every-row", is_flag=True,
              help="Compare every row by its digest, not only files.")  # fmt: skip
@click.option("--sample-seed", type=click.Path(path_type=Path), metavar="FILE",
              help="Seed of the audit batch: draw its texts again.")  # fmt: skip
def verify(record: str, **given: Any) -> None:
    """Compare shards with their removal RECORD, and say what exactly is different.

    \b
    scrubtrace verify purged/removal/record.json

    Exit code 4: something is not what the record says.
    """
    from scrubtrace.keys import existing_keys
    from scrubtrace.purge.verify import verify as compare

    ring, path = existing_keys(given["key_file"])
    if ring is None and given["key_file"] is not None:
        raise UsageStop(f"--key-file: there is no file {path}")
    seed = _seed(given["sample_seed"])
    found = compare(record, ring, given["public_key"], given["every_row"], seed)
    for note in found.notes:
        log.tell("note", f"scrubtrace: {note}", "warning", message=note)
    for problem in found.problems:
        click.echo(problem)
    signed = ", signature holds" if found.signed else ""
    rows = f", {found.compared_rows:,} rows compared" if given["every_row"] else ""
    drawn = f", drawn again are the {found.drawn:,} texts of batch {found.sample}"
    drawn = drawn if found.sample is not None else ""
    if not found.problems:
        click.echo(f"{found.shards:,} shards are as the record says{rows}{drawn}{signed}")
    log.tell("verified", None, shards=found.shards, problems=len(found.problems))
    sys.exit(Exit.SUMS_DIFFER if found.problems else Exit.DONE)


def _seed(path: Path | None) -> Any:
    from scrubtrace.audit.seeds import read_seed

    return None if path is None else read_seed(path)


def _config(given: dict[str, Any]) -> Any:
    from scrubtrace.config import load_config

    listed = given["listed"]
    options = {
        "scan.workers": given["workers"],
        "purge.list": listed and os.path.abspath(listed),
        "purge.hold_decision": given["hold_decision"],
        "review.url": given["review"],
        "purge.lineage_column": given["lineage_column"],
    }
    options |= {f"input.{name}": given[name] for name in ("dataset", "root", "id_column")}
    return load_config(given["config_file"], given["settings"], options)


def _summary(outcome: Any, out: str) -> Iterator[str]:
    sums = outcome.sums
    turns = f", {sums.turns:,} turns of other rows" if sums.turns else ""
    yield (
        f"dataset {outcome.dataset}: {sums.rows:,} of {outcome.rows:,} rows removed{turns}, "
        f"{outcome.shards:,} shards"
    )
    for name, counter in (("reason", sums.reasons), ("source", sums.sources),
                          ("stage", sums.stages)):  # fmt: skip
        if counter:
            counts = ", ".join(f"{value} {count:,}" for value, count in sorted(counter.items()))
            yield f"  by {name}: {counts}"
    if sums.problems:
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(sums.problems.items()))
        yield f"named but NOT removed: {counts}; listed in {out}/removal/not_removed.parquet"
    for place in outcome.not_removed[:SHOWN]:
        yield f"  {place}"
    for shard, reason in outcome.errors[:SHOWN]:
        yield f"shard {shard} was not written: {reason}"
    if len(outcome.errors) > SHOWN:
        yield f"... and {len(outcome.errors) - SHOWN:,} more shards, all in the record"
    yield f"record: {outcome.record}; compare with it: scrubtrace verify {outcome.record}"
