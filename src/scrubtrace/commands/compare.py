"""``compare``: is a batch nearer to known model output than trusted human rows are?"""

import sys
from collections import Counter
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import (
    config_options,
    config_sources,
    echo_lines,
    files_read,
    named_columns,
    read_config,
)
from scrubtrace.exits import Exit, LimitStop, UsageStop


@click.command()
@click.argument("batch", nargs=-1, required=True)
@click.option("--reference", required=True, metavar="INDEX", help="Folder of the reference index.")
@click.option("--human", multiple=True, required=True, metavar="SHARDS",
              help="Human rows on the same tasks, not those given to index build.")  # fmt: skip
@click.option("--out", required=True, metavar="FILE", help="Where the report is written, as JSON.")
@click.option("--text-column", multiple=True, default=("text",), metavar="COL",
              help="Column of the batch: text, or chat rows (default: text).")  # fmt: skip
@click.option("--language-column", metavar="COL")
@click.option("--group-by", metavar="NAME=COL,...",
              help="One verdict for each, for example labeler=worker.")  # fmt: skip
@click.option("--human-column", default="text", metavar="COL", show_default=True)
@click.option("--human-language-column", metavar="COL")
@click.option("--alpha", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.05,
              show_default=True,
              help="Chance that any group is referred without cause.")  # fmt: skip
@click.option("--permutations", type=click.IntRange(99, 10_000_000), metavar="N",
              help="Permutations of a test (default: 9,999, more with many groups).")  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--gate", is_flag=True, help="Exit with 5 if a group is referred to review.")
@click.option("--key-file", metavar="FILE", help="Key of the pseudonyms of labelers.")
@click.option("--quiet", is_flag=True, help="No progress and no summary.")
@config_options
def compare(batch: tuple[str, ...], **given: Any) -> None:
    """Compare a BATCH of rows, or each of its groups, with known model output and human rows.

    Each group passes, is referred to review, or has too few or no comparable rows; the report also
    says how small a share of model text would have been seen. Labelers are told by pseudonyms, as
    in the review table.

    \b
    scrubtrace compare 'batch/*.parquet' --reference index --human 'human/*.parquet' \\
      --group-by vendor=vendor --out comparison.json
    """
    from scrubtrace.compare.job import compare as compared
    from scrubtrace.compare.job import described, write_report
    from scrubtrace.compare.judging import Settings, Verdict
    from scrubtrace.out_file import check_local, check_out
    from scrubtrace.pseudonyms import shown_groups
    from scrubtrace.schemas.plan import Columns
    from scrubtrace.schemas.vocabulary import GROUPS

    groups = named_columns(given["group_by"]) or {}
    if unknown := sorted(groups.keys() - set(GROUPS)):
        raise UsageStop(f"--group-by: unknown group {unknown[0]!r}; choices: {', '.join(GROUPS)}")
    read = files_read(given, *batch, *given["human"], given["reference"])
    check_local(given["out"])
    check_out(given["out"], read, example="comparison.json")
    columns = Columns(given["text_column"], language=given["language_column"], groups=groups)
    human = Columns(given["human_column"], language=given["human_language_column"])
    people = read_config(config_sources(given)).privacy.pseudonymous
    shown = shown_groups(columns, people, given["key_file"])
    settings = Settings(given["alpha"], given["permutations"], given["seed"])
    counts: Counter[str] = Counter()
    report = compared(
        batch, given["reference"], given["human"], columns, shown, human, settings, given["quiet"],
        counts,
    )  # fmt: skip
    write_report(report, given["out"])
    if not given["quiet"]:
        echo_lines(described(report))
    referred = sum(group["verdict"] == Verdict.REFER for group in report["groups"])
    if given["gate"] and referred:
        raise LimitStop(
            f"{referred:,} of {len(report['groups']):,} groups are referred to review: "
            f"{given['out']}"
        )
    if dead := counts["dead_rows"] + counts["dead_shards"]:
        text = f"scrubtrace: {dead:,} rows or shards could not be read"
        log.tell("incomplete", text, "warning", dead_letters=dead)
        sys.exit(Exit.INCOMPLETE)
