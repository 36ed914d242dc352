"""What the verbs share: options for the configuration, and printing."""

import os
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import click

from scrubtrace.exits import UsageStop
from scrubtrace.messages import LANGUAGES, Messages
from scrubtrace.schemas.plain import plain


def config_options(command: Any) -> Any:
    """Adds ``--config`` and ``--set`` to a verb."""
    for option in (
        click.option("--set", "settings", multiple=True, metavar="KEY=VALUE",
                     help="Set a configuration key, for example policy.proof_hits=2."),
        click.option("--config", "config_file", metavar="FILE",
                     help="Configuration file (default: scrubtrace.toml here, if there is one)."),
    ):  # fmt: skip
        command = option(command)
    return command


def once(context: click.Context, option: click.Parameter, given: tuple[str, ...]) -> str | None:
    """The value of an option that names a file; two would not be read both, so they are refused."""
    if len(given) > 1:
        raise click.BadParameter("given twice, and only one file is read", context, option)
    return given[0] if given else None


def column_options(done: str) -> Callable[[Any], Any]:
    """Adds the options that name the columns of shards to a verb; ``done`` is what texts are."""
    options = (
        click.option("--text-column", metavar="COL", multiple=True,
                     help="Column with text, a list of texts, or chat rows (default: text); may be "
                     "given several times."),
        click.option("--roles", metavar="ROLE,...",
                     help=f"Roles of chat turns that are {done}, or all (default: the answering "
                     "side)."),
        click.option("--id-column", metavar="COL", help="Column that identifies rows."),
        click.option("--language-column", metavar="COL",
                     help="Column with the language of each row."),
        click.option("--group-by", metavar="NAME=COL,...",
                     help="Columns that ride along: labeler, vendor, source, stage, market, task, "
                     "created_at."),
    )  # fmt: skip

    def add(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def language_option(name: str) -> Callable[[Any], Any]:
    """Adds the option ``name`` for the language of the words that a verb writes."""
    return click.option(
        name, "words_language", metavar="TAG",
        help=f"Language of the words: {', '.join(LANGUAGES)} (default: the configuration's "
        "review.language, else en).",
    )  # fmt: skip


def messages_of(given: dict[str, Any], name: str = "--language") -> Messages:
    """Messages in the language of `language_option`, else of the configuration.

    Raises `UsageStop` for a language without messages.
    """
    tag = given["words_language"]
    if tag is None:
        return Messages(read_config(config_sources(given)).review.language)
    try:
        return Messages(tag)
    except ValueError as error:
        raise UsageStop(f"{name}: {error}") from None


def read_config(given: dict[str, Any]) -> Any:
    """The `Config` from file, settings and the options of a verb; raises `UsageStop`."""
    from scrubtrace.config import load_config
    from scrubtrace.out_file import check_local

    check_local(given["config_file"], "--config")
    for name in ("style_model", "style_calibration"):
        check_local(given.get(name), f"--{name.replace('_', '-')}")
    options = {
        "review.url": given.get("review"),
        "scan.workers": given.get("workers"),
        "scan.sample": given.get("sample"),
        "detectors.reference.index": _absolute(given.get("reference")),
        "detectors.stylometry.model": _absolute(given.get("style_model")),
        "detectors.stylometry.calibration": _absolute(given.get("style_calibration")),
        "input.group_by": named_columns(given.get("group_by")),
        "input.text_column": list(given.get("text_column") or ()) or None,
    }
    for name in ("dataset", "root", "id_column", "language_column", "roles"):
        options[f"input.{name}"] = given.get(name)
    return load_config(given["config_file"], given["settings"], options)


def config_sources(given: dict[str, Any]) -> dict[str, Any]:
    """The options of a verb that say where its configuration comes from."""
    return {name: given[name] for name in ("config_file", "settings")}


def files_read(given: dict[str, Any], *more: str | None) -> list[str | None]:
    """What a verb reads and must not write to: ``more``, configuration, keys, a SQLite table.

    The review table counts if the verb has the option ``--review``.
    """
    from scrubtrace.config import FILE

    url = given.get("review")
    if url is None and {"review", "config_file"} <= given.keys():
        url = read_config(config_sources(given)).review.url
    table = None
    if url is not None:
        from scrubtrace.review.connection import sqlite_file

        table = sqlite_file(url)
    return [*more, given.get("config_file") or FILE, given.get("key_file"), table]


def review_words(given: dict[str, Any], out: str | None = None) -> str:
    """What a command that is printed needs to find the review table of this one, or nothing.

    That is ``--review`` as it was given here, or the configuration file that was named; with
    ``out``, if the configuration names no table, that in the folder of the runs. A password is
    never repeated, nor what could hold one: then it is ``--review URL``.
    """
    from scrubtrace.beam_pipelines import storage
    from scrubtrace.review.connection import sqlite_url

    url, config_file = given["review"], given["config_file"]
    is_set = any(entry.partition("=")[0].strip() == "review.url" for entry in given["settings"])
    if url is None and not is_set:
        if out is not None and read_config(config_sources(given)).review.url is None:
            return f" --review {shlex.quote(sqlite_url(storage.join(out, 'review.sqlite')))}"
        return f" --config {shlex.quote(config_file)}" if config_file else ""
    shown = _without_password(url)
    return f" --review {'URL' if shown is None else shlex.quote(shown)}"


def _without_password(url: str | None) -> str | None:
    """A URL that has no password, also in no option; None for any other."""
    from scrubtrace.review.connection import parse_url
    from scrubtrace.review.errors import ReviewError

    try:
        parsed = None if url is None else parse_url(url)
    except ReviewError:
        return None
    return None if parsed is None or parsed.password is not None or parsed.query else url


def _absolute(path: str | None) -> str | None:
    """Workers may run in another folder; a path with a scheme is the same in any."""
    return path if path is None or "://" in path else os.path.abspath(path)


def named_columns(text: str | None) -> dict[str, str] | None:
    """``NAME=COL,...`` as names to columns; raises `UsageStop` for anything else."""
    if text is None:
        return None
    pairs = [entry.partition("=") for entry in text.split(",")]
    for name, separator, column in pairs:
        if not (name and separator and column):
            raise UsageStop(f"--group-by takes NAME=COL,..., not {text!r}")
    columns = {name.strip(): column.strip() for name, _, column in pairs}
    if len(columns) < len(pairs):
        names = [name.strip() for name, _, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise UsageStop(f"--group-by names {twice!r} twice: a group is of one column")
    return columns


def echo_lines(lines: Iterable[str]) -> None:
    """Prints lines for people; control characters in the names of data do not reach a terminal."""
    for line in lines:
        click.echo(plain(line))


def json_text(data: Any) -> str:
    """Data as JSON for people and programs."""
    import json

    return json.dumps(data, ensure_ascii=False, indent=1)
