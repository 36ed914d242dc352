"""``clusters``: answers of a batch that are nearly the same."""

import sys
from collections import Counter
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import (
    config_options,
    config_sources,
    files_read,
    named_columns,
    read_config,
)
from scrubtrace.exits import Exit, UsageStop


@click.command()
@click.argument("batch", nargs=-1, required=True)
@click.option("--group-by", required=True, metavar="labeler=COL,task=COL",
              help="The columns with the labeler and the task.")  # fmt: skip
@click.option("--out", required=True, metavar="FILE", help="Parquet file, one row a member.")
@click.option("--text-column", multiple=True, default=("text",), metavar="COL",
              help="Column of the batch: text, or chat rows (default: text).")  # fmt: skip
@click.option("--id-column", metavar="COL", help="Column that names a row.")
@click.option("--similar", type=click.FloatRange(0.1, 1), default=0.5, show_default=True,
              help="Share of pairs of words in common from which on texts are joined.")  # fmt: skip
@click.option("--key-file", metavar="FILE", help="Key of the pseudonyms of labelers.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@config_options
def clusters(batch: tuple[str, ...], **given: Any) -> None:
    """Find rows of a BATCH that are nearly the same: by other labelers, or for other tasks.

    Labelers are told by pseudonyms, as in the review table.

    \b
    scrubtrace clusters 'batch/*.parquet' --group-by labeler=worker,task=task --out clusters.parquet
    """
    from scrubtrace.clusters.job import Kind, find_clusters, write_clusters
    from scrubtrace.out_file import PARQUET, check_local, check_out
    from scrubtrace.pseudonyms import shown_groups
    from scrubtrace.schemas.plan import Columns

    groups = named_columns(given["group_by"]) or {}
    if set(groups) != {"labeler", "task"}:
        raise UsageStop("--group-by takes labeler=COL,task=COL: both, and no other")
    read = files_read(given, *batch)
    check_local(given["out"])
    check_out(given["out"], read, example="clusters.parquet", writes=PARQUET)
    columns = Columns(given["text_column"], given["id_column"], None, groups)
    people = read_config(config_sources(given)).privacy.pseudonymous
    shown = shown_groups(columns, people, given["key_file"])
    counts: Counter[str] = Counter()
    found = find_clusters(batch, columns, shown, given["similar"], given["quiet"], counts)
    kinds = write_clusters(found, given["out"])
    if not given["quiet"]:
        sampled = f", 1 of {found.scale} pairs of words compared" if found.scale > 1 else ""
        click.echo(f"{len(found.rows):,} texts, {found.short:,} too short{sampled}")
        for kind in Kind:
            click.echo(f"{kinds[kind]:,} clusters: {kind}")
    if dead := counts["dead_rows"] + counts["dead_shards"]:
        text = f"scrubtrace: {dead:,} rows or shards could not be read"
        log.tell("incomplete", text, "warning", dead_letters=dead)
        sys.exit(Exit.INCOMPLETE)
