"""The console script: one verb a job, interruptions, and what a crash may say."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import click

from scrubtrace import log
from scrubtrace.beam_pipelines.log_lines import (
    FORMAT_VARIABLE,
    FORMATS,
    error_fields,
    set_up_logging,
)
from scrubtrace.beam_pipelines.short_memory import HELP, end_when_short, is_shortage
from scrubtrace.beam_pipelines.storage import RemoteError
from scrubtrace.commands import (
    audit,
    bundle,
    calls,
    campaign,
    clusters,
    compare,
    diff,
    doctor,
    gate,
    index,
    keys,
    labelers,
    privacy,
    purge,
    report,
    review,
    review_quality,
    runs,
    scan,
    style,
    texts,
)
from scrubtrace.exits import Exit, Stop

EXIT_HELP = (
    "Exit codes: 0 done, 1 crash, 2 usage or configuration, 3 incomplete, 4 sums that do not "
    "match, 5 a limit exceeded."
)

INTERRUPTIONS = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "interrupted by SIGTERM",
}
"""The signals that ask a command to end, as the keyboard and schedulers send them."""


@click.group(epilog=EXIT_HELP)
@click.version_option(package_name="scrubtrace")
@click.option("--log-format", type=click.Choice(FORMATS), envvar=FORMAT_VARIABLE, default="text",
              help="How progress and errors are written to standard error.",
              show_default=True, show_envvar=True)  # fmt: skip
def cli(log_format: str) -> None:
    """Find traces of LLM text in training data, also scrubbed or paraphrased.

    \b
    scrubtrace detect 'data/*.parquet' --out out --review sqlite:///review.sqlite
    scrubtrace review export --review sqlite:///review.sqlite --out flagged.csv
    """
    log.choose_format(log_format)


for command in (
    scan.detect,
    scan.commit,
    diff.diff,
    gate.gate,
    doctor.doctor,
    texts.explain,
    texts.detectors,
    texts.signatures,
    review.review,
    audit.audit,
    purge.purge,
    purge.verify,
    runs.runs,
    keys.keys,
    index.index,
    compare.compare,
    clusters.clusters,
    calls.calls,
    bundle.bundle,
    labelers.labelers,
    campaign.campaign,
    style.style,
    report.report,
):
    cli.add_command(command)
for command in privacy.VERBS:
    review.review.add_command(command)

for verb in (review_quality.controls, review_quality.quality, review_quality.learn):
    review.review.add_command(verb)
review.review.add_command(audit.sample)


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    own, beam_arguments = given, []
    if "--" in given:
        own, beam_arguments = given[: given.index("--")], given[given.index("--") + 1 :]
    set_up_logging("%(name)s: %(message)s")
    threading.excepthook = _tell_thread
    if arguments is None:
        end_when_short(lambda: log.end_at_once("out_of_memory", HELP))
    with log.one_command():
        code, cause = _run(own, beam_arguments)
    if cause is not None and arguments is None:
        _end_at_once(code)
    if code:
        sys.exit(code)


def _end_at_once(code: Exit) -> NoReturn:
    """Ends the process without waiting for threads and without freeing what they use.

    After a failure both may wait for an answer that never comes. Every file is written atomically
    and every transaction is whole.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _run(arguments: list[str], beam_arguments: list[str]) -> tuple[Exit, Exception | None]:
    """Runs the command; what ends it early is told, and becomes its exit code.

    Its cause is given, too: as long as it is kept, so are Beam's servers, whose end may hang.
    """
    try:
        with _prompt_interruption():
            cli.main(arguments, prog_name="scrubtrace", standalone_mode=False, obj=beam_arguments)
    except Stop as stop:
        _tell_stop(str(stop), stop.code)
        return stop.code, stop
    except click.ClickException as error:
        if log.is_json():
            _tell_stop(error.format_message(), Exit.USAGE)
        else:
            error.show()
        return Exit.USAGE, error
    except (click.Abort, KeyboardInterrupt):
        _tell_interruption()
        return Exit.INCOMPLETE, None
    except Exception as error:
        if is_shortage(error):
            _tell_stop(HELP, Exit.INCOMPLETE)
            return Exit.INCOMPLETE, error
        if isinstance(error, RemoteError):
            _tell_stop(str(error), Exit.USAGE)
            return Exit.USAGE, error
        _tell_crash(error)
        return Exit.CRASH, error
    return Exit.DONE, None


@contextmanager
def _prompt_interruption() -> Iterator[None]:
    """Ends the process at once when it is interrupted by the keyboard or told to end."""

    def end(number: int, _: object) -> NoReturn:
        log.end_at_once("interrupted", INTERRUPTIONS[signal.Signals(number)])

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, end) for number in INTERRUPTIONS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def _tell_stop(message: str, code: Exit) -> None:
    log.tell("stopped", f"scrubtrace: {message}", "error", exit_code=int(code), message=message)


def _tell_interruption() -> None:
    text = log.interruption("interrupted")
    log.tell("interrupted", text, "warning", exit_code=int(Exit.INCOMPLETE))


def _tell_thread(ended: threading.ExceptHookArgs) -> None:
    """What ended a thread, without its message, which may hold text of a row.

    A connection of Beam's to a dead worker is left out: the command says itself what that means.
    """
    name = ended.exc_type.__name__
    if name != "RpcError" and ended.thread is not None:
        text = f"scrubtrace: thread {ended.thread.name} ended with {name}"
        log.tell("thread_ended", text, "error", thread=ended.thread.name, error=name)


def _tell_crash(error: Exception) -> None:
    """The traceback without messages of exceptions, which may hold text of a row."""
    places = "".join(traceback.format_tb(error.__traceback__))
    text = f"{places}\nscrubtrace: crashed with {type(error).__name__}; this is a bug"
    log.tell("crashed", text, "critical", exit_code=int(Exit.CRASH), **error_fields(error))
