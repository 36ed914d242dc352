"""What commands tell on standard error: text for people, or events as JSON, one a line."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from scrubtrace.beam_pipelines.log_lines import FORMAT_VARIABLE, is_json, json_line
from scrubtrace.exits import Exit
from scrubtrace.review.drafts import remove_drafts

__all__ = [
    "STARTS_AGAIN",
    "about_run",
    "choose_format",
    "end_at_once",
    "goes_on",
    "interruption",
    "is_json",
    "one_command",
    "tell",
]

SHOW_CURSOR = "\x1b[?25h"
GOES_ON = "the same command goes on from here"
STARTS_AGAIN = "the same command starts from the beginning"

_way_on = STARTS_AGAIN
_run: str | None = None
"""The run that events are about; of the process, since progress is told by a thread of its own."""


@contextmanager
def one_command() -> Iterator[None]:
    """What is chosen and told inside holds for one command only."""
    global _run, _way_on
    earlier, _run, _way_on = os.environ.get(FORMAT_VARIABLE), None, STARTS_AGAIN
    try:
        yield
    finally:
        _run, _way_on = None, STARTS_AGAIN
        os.environ.pop(FORMAT_VARIABLE, None)
        if earlier is not None:
            os.environ[FORMAT_VARIABLE] = earlier


def choose_format(name: str) -> None:
    """``text`` or ``json``, for this process and for worker processes that it starts."""
    os.environ[FORMAT_VARIABLE] = name


def about_run(run: str) -> None:
    """Names the run that later events are about."""
    global _run
    _run = run


def goes_on(keeps: bool) -> None:
    """Says whether the command keeps what is done from now on, should it be interrupted."""
    global _way_on
    _way_on = GOES_ON if keeps else STARTS_AGAIN


def interruption(what: str) -> str:
    """What a command says that ends early: what happened, and how it can be called again."""
    return f"scrubtrace: {what}; {_way_on}"


def tell(event: str, text: str | None, level: str = "info", **fields: Any) -> None:
    """One event: ``text`` for people (None: nothing), or its name and fields as JSON.

    Neither may hold text of a row.
    """
    if is_json():
        click.echo(json_line(level, event, _run, fields), err=True)
    elif text is not None:
        click.echo(text, err=True)


def end_at_once(event: str, what: str, **fields: Any) -> NoReturn:
    """Tells what happened and ends the process as incomplete, from any thread.

    Unwinding would wait for Beam's workers. Every file is written atomically and every transaction
    is whole, so that nothing is lost; drafts of exports are removed.
    """
    remove_drafts()
    if sys.stderr.isatty() and not is_json():
        click.echo(SHOW_CURSOR, err=True, nl=False)
    code = Exit.INCOMPLETE
    tell(event, interruption(what), "warning", exit_code=int(code), **fields)
    os._exit(code)
