"""Entry point of the worker processes of ``--workers``: Beam's own, without its chatter."""

import logging
import os
import sys
import threading

from scrubtrace.beam_pipelines import short_memory
from scrubtrace.beam_pipelines.log_lines import set_up_logging

BEAM_WORKER = "apache_beam.runners.worker.sdk_worker_main"
WATCH_SECONDS = 1.0


def run(parent: int) -> None:
    """Runs Beam's SDK worker until it ends or the process ``parent``, its own, is gone.

    Ends the process with `short_memory.OUT_OF_MEMORY` if one of its threads is refused memory.
    """
    short_memory.end_when_short(lambda: os._exit(short_memory.OUT_OF_MEMORY))
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()
    quiet_logging()
    from apache_beam.runners.worker import sdk_worker, sdk_worker_main

    # It prints the traceback of an instruction that fails and answers with it; the launcher tells.
    vars(sdk_worker)["print"] = _print_nothing
    sdk_worker_main.main(sys.argv)


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
