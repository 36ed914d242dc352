"""``keys``: the keys of the text digests, shown by their ids, made, rotated and dropped."""

from pathlib import Path
from typing import Any

import click

from scrubtrace.commands.options import config_options, echo_lines, read_config
from scrubtrace.exits import UsageStop

_KEY_FILE = click.option(
    "--key-file", metavar="FILE", help="File with the keys (default: where detect finds them)."
)
_REVIEW = click.option(
    "--review", metavar="URL", help="Review table (default: the configuration's)."
)


@click.group()
def keys() -> None:
    """Work with the keys of the text digests; no command prints a key itself."""


@keys.command()
@_KEY_FILE
@_REVIEW
@config_options
def show(key_file: str | None, **given: Any) -> None:
    """List the keys by id and, with a review table, how many items need each."""
    from scrubtrace.key_use import key_lines
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError

    url = read_config(given).review.url
    try:
        engine = open_review(url, must_exist=True) if url else None
        echo_lines(key_lines(key_file, engine))
    except ReviewError as error:
        raise UsageStop(str(error)) from None


@keys.command()
@click.argument("file", metavar="FILE")
def new(file: str) -> None:
    """Make a key in the new file FILE, which only you can read."""
    from scrubtrace.key_file import make_key

    click.echo(f"key {make_key(Path(file)).id} written to {file}")


@keys.command()
@_KEY_FILE
def rotate(key_file: str | None) -> None:
    """Put a new key on top of the key file; the present ones are kept as retired keys."""
    from scrubtrace.beam_pipelines.keys import KEY_VARIABLE
    from scrubtrace.key_file import rotate as rotate_file
    from scrubtrace.keys import place_of_keys

    path = place_of_keys(key_file)
    if path is None:
        raise UsageStop(
            f"the keys come from the environment variable {KEY_VARIABLE}, which no command can "
            "change; make a key with `scrubtrace keys new FILE` and put it in front of those in "
            "the variable, with a comma behind it"
        )
    ring = rotate_file(Path(path))
    click.echo(
        f"{path}: key {ring.active.id} is active now, key {ring.retired[0].id} is retired\n"
        "Back the file up, and copy it to wherever workers read it. The next run of detect scans "
        "every shard once and carries the review table over. `scrubtrace keys show --review URL` "
        "says when a retired key is no longer needed."
    )


@keys.command()
@click.argument("key_id", metavar="ID")
@_KEY_FILE
@_REVIEW
@click.option("--force", is_flag=True, help="Also if items need it: their digests are given up.")
@config_options
def drop(key_id: str, key_file: str | None, force: bool, **given: Any) -> None:
    """Remove the retired key ID from the key file, if no item of the review table needs it.

    With --force the key may be lost already: the review table can then be used with the keys
    that are left. Texts of its items count as changed when a run sees them again.
    """
    from scrubtrace.key_use import drop_key
    from scrubtrace.review.connection import open_review
    from scrubtrace.review.errors import ReviewError

    url = read_config(given).review.url
    if url is None:
        raise UsageStop("name the review table with --review, or as review.url in scrubtrace.toml")
    try:
        engine = open_review(url, must_exist=True)
        echo_lines(drop_key(key_file, key_id, engine, force))
    except ReviewError as error:
        raise UsageStop(str(error)) from None
