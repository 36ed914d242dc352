"""The console script: one verb a job, interruptions, and what a crash may say."""

import logging
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from scrubtrace.commands import keys, review, scan, texts
from scrubtrace.exits import Exit, Stop

EXIT_HELP = (
    "Exit codes: 0 done, 1 crash, 2 usage or configuration, 3 incomplete, 4 sums that do not "
    "match, 5 a limit exceeded."
)
INTERRUPTED = "scrubtrace: interrupted; the same command goes on from here"
SHOW_CURSOR = "\x1b[?25h"


@click.group(epilog=EXIT_HELP)
@click.version_option(package_name="scrubtrace")
def cli() -> None:
    """Find traces of LLM text in training data, also scrubbed or paraphrased.

    \b
    scrubtrace detect 'data/*.parquet' --out out --review sqlite:///review.sqlite
    scrubtrace review export --review sqlite:///review.sqlite --out flagged.csv
    """


for command in (
    scan.detect,
    scan.commit,
    texts.explain,
    texts.detectors,
    texts.signatures,
    review.review,
    keys.keys,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, beam_arguments = given, []
    if "--" in given:
        own, beam_arguments = given[: given.index("--")], given[given.index("--") + 1 :]
    logging.basicConfig(level=logging.ERROR, format="%(name)s: %(message)s")
    try:
        with _prompt_interruption():
            cli.main(own, prog_name="scrubtrace", standalone_mode=False, obj=beam_arguments)
    except Stop as stop:
        click.echo(f"scrubtrace: {stop}", err=True)
        sys.exit(stop.code)
    except click.ClickException as error:
        error.show()
        sys.exit(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo(INTERRUPTED, err=True)
        sys.exit(Exit.INCOMPLETE)
    except Exception as error:
        _report_crash(error)
        sys.exit(Exit.CRASH)


@contextmanager
def _prompt_interruption() -> Iterator[None]:
    """Ends the process at once on an interruption from the keyboard.

    Unwinding would wait for Beam's workers. Every file is written atomically and every
    transaction is whole, so that nothing is lost.
    """

    def end(*_: object) -> NoReturn:
        if sys.stderr.isatty():
            click.echo(SHOW_CURSOR, err=True, nl=False)
        click.echo(INTERRUPTED, err=True)
        os._exit(Exit.INCOMPLETE)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


def _report_crash(error: Exception) -> None:
    """The traceback without messages of exceptions, which may hold text of a row."""
    click.echo("".join(traceback.format_tb(error.__traceback__)), err=True)
    click.echo(f"scrubtrace: crashed with {type(error).__name__}; this is a bug", err=True)
