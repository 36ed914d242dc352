"""Entry point of the worker processes of ``--workers``: Beam's own, without its chatter."""

import logging
import sys

BEAM_WORKER = "apache_beam.runners.worker.sdk_worker_main"


def main() -> None:
    """Runs Beam's SDK worker; logging is set up before Beam is imported, which logs as well."""
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger(BEAM_WORKER).setLevel(logging.ERROR)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
