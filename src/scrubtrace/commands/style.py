"""``style``: ranking texts by how they are written, among the user's own human rows."""

import sys
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import config_options, echo_lines, read_config
from scrubtrace.exits import Exit
from scrubtrace.schemas.plain import many
from scrubtrace.schemas.style import LEAST_ALPHA, STYLOMETRY


@click.group()
def style() -> None:
    """Train the style lane's model, and calibrate it on your own human rows."""


@style.command()
@click.argument("shards", nargs=-1, required=True)
@click.option(
    "--model",
    metavar="FILE",
    help="Style model (default: that of the configuration, else the shipped one, for English).",
)
@click.option("--out", required=True, metavar="FILE", help="The calibration, as .npz.")
@click.option("--origin", required=True, metavar="TEXT",
              help="Who vouches that the rows are by humans; how they were sampled.")  # fmt: skip
@click.option("--sampling", type=click.Choice(["random", "all"]), default="random",
              show_default=True, help="How SHARDS were chosen of those rows; nothing else may "
              "calibrate.")  # fmt: skip
@click.option("--text-column", multiple=True, metavar="COL",
              help="Column with text, a list of texts, or chat rows (default: text).")  # fmt: skip
@click.option("--roles", metavar="ROLE,...", help="Roles of chat turns that are taken, or all.")
@click.option("--source-column", metavar="COL",
              help="Column with the source of each row, as --group-by source=COL.")  # fmt: skip
@click.option("--group-by", metavar="NAME=COL,...", help="As for detect; source is used.")
@click.option("--language", metavar="CODE", help="Language of all rows (default: identified).")
@click.option("--language-column", metavar="COL", help="Column with the language of each row.")
@click.option("--alpha", type=click.FloatRange(LEAST_ALPHA, 0.5), metavar="ALPHA",
              help="Strata merge until this can be reached (default: policy.style.alpha, else "
              "0.01).")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@config_options
def calibrate(shards: tuple[str, ...], **given: Any) -> None:
    """Calibrate on SHARDS: human rows of the kind that will be judged.

    A row calibrates its language, its source and texts of its length, nothing else. Rows that
    reviewers dismissed cannot calibrate: they were picked by their score.

    \b
    scrubtrace style calibrate 'human/*.parquet' --model style.npz --out human.npz \\
      --source-column source --origin 'Data team; random 5,000 rows a source, written before 2020'
    """
    from scrubtrace.style.calibrate import Request, calibrate_style
    from scrubtrace.style.table import described_calibration

    config = read_config(given)
    names = ("model", "out", "origin", "sampling", "source_column", "language", "alpha", "quiet")
    given["model"] = given["model"] or config.detectors.get(STYLOMETRY, {}).get("model")
    request = Request(shards, config, **{name: given[name] for name in names})
    manifest = calibrate_style(request)
    if not given["quiet"]:
        told = described_calibration(manifest, request.level, request.out, request.conditional)
        echo_lines(told)
    counts = manifest.counts
    _stop_if_incomplete(counts.get("dead_rows", 0) + counts.get("dead_shards", 0))


@style.command()
@click.option("--human", multiple=True, required=True, metavar="SHARDS",
              help="Rows that people wrote (repeatable).")  # fmt: skip
@click.option("--llm", multiple=True, required=True, metavar="SHARDS|INDEX",
              help="Rows that models wrote, or a reference index (repeatable).")  # fmt: skip
@click.option("--out", required=True, metavar="FILE", help="The model, as .npz; its card beside.")
@click.option("--text-column", multiple=True, metavar="COL",
              help="Column with text, a list of texts, or chat rows (default: text).")  # fmt: skip
@click.option("--roles", metavar="ROLE,...", help="Roles of chat turns that are taken, or all.")
@click.option("--source-column", metavar="COL",
              help="Column with the source of each row (default: human/ or llm/, and its shard's "
              "name with its folders).")  # fmt: skip
@click.option("--group-by", metavar="NAME=COL,...", help="As for detect; source is used.")
@click.option("--relatives", multiple=True, metavar="SOURCE,...",
              help="Sources that are held out together (repeatable).")  # fmt: skip
@click.option("--language", metavar="CODE", help="Language of all rows (default: identified).")
@click.option("--language-column", metavar="COL", help="Column with the language of each row.")
@click.option("--most", type=click.IntRange(min=200), default=4_000, show_default=True,
              help="Rows used of each language, source and label.")  # fmt: skip
@click.option("--base", default="shipped", metavar="shipped|none|FILE", show_default=True,
              help="Model whose score is one more part, where it has the language.")  # fmt: skip
@click.option("--terms", default="", metavar="TEXT",
              help="What the model card says of licences and generators' terms.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress and no table.")
@config_options
def train(**given: Any) -> None:
    """Train a model on your own human rows and model output.

    Whole sources are held out first, and how the model does there is printed and kept in its card;
    then it is fitted on all rows.

    \b
    scrubtrace style train --human 'human/*.parquet' --llm 'api/*.parquet' --out style.npz \\
      --source-column source
    """
    from scrubtrace.style.train import Request, train_style

    config = read_config(given)
    names = ("human", "llm", "out", "source_column", "language", "most", "terms", "base",
             "quiet")  # fmt: skip
    relatives = [tuple(n.strip() for n in entry.split(",")) for entry in given["relatives"]]
    request = Request(config=config, relatives=relatives, **{n: given[n] for n in names})
    found, dead = train_style(request)
    for trained in found:
        if not given["quiet"]:
            echo_lines(trained.lines())
    _stop_if_incomplete(dead)


def _stop_if_incomplete(dead: int) -> None:
    if dead:
        what = many(dead, "row or shard", "rows or shards")
        log.tell("incomplete", f"{what} could not be read", "warning", dead=dead)
        sys.exit(Exit.INCOMPLETE)
