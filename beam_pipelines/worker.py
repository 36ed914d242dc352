"""Entry point of the worker processes of ``--workers``: Beam's own, without its chatter."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from scrubtrace.beam_pipelines import short_memory
from scrubtrace.beam_pipelines.log_lines import set_up_logging

BEAM_WORKER = "apache_beam.runners.worker.sdk_worker_main"
WATCH_SECONDS = 1.0
FAILED_INSTRUCTION = "Error processing instruction"

BROKEN = {"RpcError", "_MultiThreadedRendezvous", "_InactiveRpcError"}
"""What gRPC raises where a connection ended."""


def run(parent: int) -> None:
    """Runs Beam's SDK worker until it ends or the process ``parent``, its own, is gone.

    Ends the process with `short_memory.OUT_OF_MEMORY` if one of its threads is refused memory.
    """
    threading.excepthook = tell_thread
    short_memory.end_when_short(lambda: os._exit(short_memory.OUT_OF_MEMORY))
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    quiet_logging()
    from apache_beam.runners.worker import data_plane, log_handler, sdk_worker, sdk_worker_main

    # It prints and logs the traceback of an instruction that fails and answers with it, too, and
    # of each connection that ends with the launcher: the launcher tells.
    for module in (sdk_worker, log_handler):
        vars(module)["print"] = _print_nothing
    logging.getLogger(sdk_worker.__name__).addFilter(is_no_answer)
    for module in (data_plane, sdk_worker_main):
        logging.getLogger(module.__name__).addFilter(is_no_broken_connection)
    try:
        sdk_worker_main.main(sys.argv)
    except Exception as error:
        if type(error).__name__ in BROKEN:
            os._exit(1)
        raise


@contextmanager
def deaf_to_interruptions() -> Iterator[None]:
    """Processes that are started inside never hear an interruption, from keyboard or scheduler.

    The launcher does, and they end with it. They inherit the blocked signals, so that none of them
    is hit while it starts.
    """
    earlier = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, earlier)


def tell_thread(ended: threading.ExceptHookArgs) -> None:
    """What ended a thread, without traceback and message; a broken connection is the launcher's."""
    if ended.exc_type.__name__ not in BROKEN and ended.thread is not None:
        logging.error("thread %s ended with %s", ended.thread.name, ended.exc_type.__name__)


def is_no_answer(record: logging.LogRecord) -> bool:
    """Whether a record of Beam's worker is about something else than an instruction that failed."""
    return not str(record.msg).startswith(FAILED_INSTRUCTION)


def is_no_broken_connection(record: logging.LogRecord) -> bool:
    """Whether a record is about something else than a connection that ended."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in BROKEN


def _print_nothing(*_: object, **__: object) -> None:
    """Stands for `print`."""


def quiet_logging() -> None:
    """Logging as the run has it; to be called before Beam is imported, which logs as well."""
    if short_memory.address_space_limit() is not None:
        short_memory.hide_lines_of_libraries()
    set_up_logging(logging.BASIC_FORMAT)
    logging.getLogger(BEAM_WORKER).setLevel(logging.ERROR)


def end_with_parent(parent: int) -> None:
    """Ends this process when its parent is gone.

    A killed parent cannot end its workers, and their connection may take minutes to fail. An event
    that nobody sets is waited for: a sleep may fail when the clock is set.
    """
    never = threading.Event()
    while os.getppid() == parent:
        never.wait(WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    run(int(sys.argv[1]))
