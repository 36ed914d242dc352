"""``review controls``, ``quality`` and ``learn``: how good reviewers and signatures are."""

from pathlib import Path
from typing import Any

import click

from scrubtrace import log
from scrubtrace.commands.options import (
    config_options,
    config_sources,
    echo_lines,
    json_text,
    read_config,
)
from scrubtrace.commands.review import opened
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.plain import plain

REVIEW = click.option(
    "--review", metavar="URL", help="Review table (default: the configuration's)."
)


@click.group()
def controls() -> None:
    """Texts of known origin, which exports mix in unmarked."""


@controls.command()
@click.argument("file", metavar="FILE.parquet")
@REVIEW
@click.option("--text-column", default="text", show_default=True, metavar="COL")
@click.option("--origin-column", default="origin", show_default=True, metavar="COL",
              help="Column that says human or llm.")  # fmt: skip
@click.option("--language-column", metavar="COL", help="Column with the language of each row.")
@click.option("--source", metavar="NAME", help="Where they are from (default: the file's name).")
@click.option("--key-file", metavar="FILE", help="File with the digest keys.")
@click.option("--reference", metavar="INDEX", help="Compare with this reference index, too.")
@click.option("--style-model", metavar="FILE", help="Your own model of writing style.")
@click.option("--style-calibration", metavar="FOLDER", help="Calibration of the style detector.")
@config_options
def add(file: str, **given: Any) -> None:
    """Add rows of known origin, with the evidence that a scan would find in them.

    Use the configuration of the scan. The same text again is known; it takes today's evidence.
    With a bad row nothing is stored (exit code 2).
    """
    from scrubtrace.controls import judged_controls, known_texts, refuse_rows
    from scrubtrace.keys import find_keys
    from scrubtrace.review.controls.store import add_controls
    from scrubtrace.review.rotation import key_ids

    names = ("reference", "style_model", "style_calibration")
    config = read_config(config_sources(given) | {name: given[name] for name in names})
    columns = (given["text_column"], given["origin_column"], given["language_column"])
    with opened(given) as engine:
        texts = known_texts(file, *columns)
        keys, _ = find_keys(given["key_file"], key_ids(engine))
        source = given["source"] or Path(file).stem
        found = add_controls(engine, list(judged_controls(texts, source, config, keys)))
    if found.bad:
        refuse_rows(file, {line.number: line.problem for line in found.bad})
    if found.erased:
        text = f"{found.erased:,} rows were left out: their text was erased"
        log.tell("left_out", text, "warning", rows=found.erased)
    click.echo(
        f"{found.human + found.llm:,} controls added ({found.human:,} human, {found.llm:,} llm), "
        f"{found.known:,} known already ({found.renewed:,} with other evidence now)"
    )


@controls.command("list")
@REVIEW
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_options
def list_(as_json: bool, **given: Any) -> None:
    """Count controls by origin, language and kind, and those that were never given out."""
    from scrubtrace.review.controls.store import control_counts

    with opened(given) as engine:
        counts = [vars(count) for count in control_counts(engine)]
    if as_json:
        click.echo(json_text(counts))
        return
    if not counts:
        raise UsageStop("there are no controls: add some with review controls add")
    rows: list[tuple[str, ...]] = [("origin", "language", "kind", "controls", "never given out")]
    rows += [tuple(f"{value:,}" if isinstance(value, int) else str(value)
                   for value in count.values()) for count in counts]  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(plain("  ".join(cells).rstrip()))


@click.command()
@REVIEW
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_options
def quality(as_json: bool, **given: Any) -> None:
    """Say how good reviewers are, how far they agree, and how precise signatures are."""
    from scrubtrace.quality import quality_data, quality_lines
    from scrubtrace.review.connection import reading_as_one
    from scrubtrace.review.quality.precision import decided_texts, exports_by_view
    from scrubtrace.review.quality.reviewers import (
        group_agreement,
        pair_agreements,
        reviewer_quality,
    )

    with opened(given) as engine, reading_as_one(engine) as connection:
        found = (
            reviewer_quality(connection),
            pair_agreements(connection),
            group_agreement(connection),
            decided_texts(connection),
            exports_by_view(connection),
        )
    if as_json:
        click.echo(json_text(quality_data(*found)))
    else:
        echo_lines(quality_lines(*found))


@click.command()
@REVIEW
@click.option("--below", type=click.FloatRange(0, 1, min_open=True, max_open=True), default=0.5,
              show_default=True, metavar="SHARE",
              help="Share of texts in which a signature must be right.")  # fmt: skip
@click.option("--least", type=click.IntRange(min=1), default=10, show_default=True, metavar="N",
              help="Look only at those with N or more decided texts.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@config_options
def learn(below: float, least: int, as_json: bool, **given: Any) -> None:
    """Say which signatures the decisions speak against; changes nothing."""
    from scrubtrace.quality import learned_data, learned_lines, to_switch_off
    from scrubtrace.review.connection import reading_as_one
    from scrubtrace.review.quality.precision import decided_texts
    from scrubtrace.review.quality.precision import learn as learned

    config = read_config(config_sources(given))
    with opened(given) as engine, reading_as_one(engine) as connection:
        found = learned(decided_texts(connection), below, least)
    off = to_switch_off(found.suspects, config)
    click.echo(
        json_text(learned_data(found, off))
        if as_json
        else "\n".join(learned_lines(found, below, least, off))
    )
