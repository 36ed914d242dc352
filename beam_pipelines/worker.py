"""Entry point of the worker processes of ``--workers``: Beam's own, without its chatter."""

import logging
import os
import sys
import threading
import time

from scrubtrace.beam_pipelines.log_lines import set_up_logging

BEAM_WORKER = "apache_beam.runners.worker.sdk_worker_main"
WATCH_SECONDS = 1.0


def main(launcher: int) -> None:
    """Runs Beam's SDK worker until it ends or the process ``launcher``, its parent, is gone.

    Logging is set up before Beam is imported, which logs as well.
    """
    threading.Thread(target=_end_with, args=(launcher,), daemon=True).start()
    set_up_logging(logging.BASIC_FORMAT)
    logging.getLogger(BEAM_WORKER).setLevel(logging.ERROR)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


def _end_with(launcher: int) -> None:
    """A killed launcher cannot end its workers, and their connection may take minutes to fail."""
    while os.getppid() == launcher:
        time.sleep(WATCH_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
