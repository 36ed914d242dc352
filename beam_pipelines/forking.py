"""Worker processes that share what they load: forked from one process that has loaded it.

Imports, signatures and language model take some CPU seconds and some hundred megabytes. Here they
take them once, not once a worker. Beam still starts its workers by a command: a small one, that
asks the process which has loaded everything to fork, and waits for the fork to end.

Forking is safe because that process is a fresh one that has started no thread of ours, no gRPC and
no reader: it is not the launcher that forks.
"""

import json
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from scrubtrace.beam_pipelines import storage, worker, worker_request
from scrubtrace.beam_pipelines.log_lines import error_fields
from scrubtrace.beam_pipelines.short_memory import OUT_OF_MEMORY, is_shortage

CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries that are loaded here, such as a system's own BLAS, may not survive it."""

LOOK_SECONDS = 1.0
LONGEST_FOLDER = 70
"""Characters; the address of a socket has at most 107 bytes."""

ENDED_WELL = b"0"


@contextmanager
def forked_workers(
    run: str, detectors: Collection[str], wanted: bool
) -> Iterator[list[str] | None]:
    """The command that starts a worker for the run in this folder, while the block runs.

    ``detectors`` are the names of those that the units of the run need. The command ends as the
    worker ends, by the same signal if it was one.

    None if no such workers are wanted or forking is not safe: a client of an object store, with
    which a run there would be read, does not survive it. No worker outlives the block.
    """
    if not wanted or not CAN_FORK or storage.is_remote(run):
        yield None
        return
    with tempfile.TemporaryDirectory(
        prefix="scrubtrace-", dir=_short_folder(), ignore_cleanup_errors=True
    ) as folder:
        address = str(Path(folder) / "workers")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            number = listener.fileno()
            command = [sys.executable, "-m", __name__, run, str(number), *sorted(detectors)]
            with worker.deaf_to_interruptions():
                process = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[number])
        try:
            yield [sys.executable, "-I", "-S", worker_request.__file__, address]
        finally:
            assert process.stdin is not None
            process.stdin.close()  # its sign to end
            process.wait()


def _short_folder() -> str | None:
    """Where the socket lies: not in a temporary folder whose name is too long for one."""
    return None if len(tempfile.gettempdir()) <= LONGEST_FOLDER else "/tmp"


def main(run: str, number: int, detectors: Collection[str]) -> None:
    """Loads everything that a worker of the run needs; then forks one at each request.

    Ends, and its workers with it, when the launcher closes the pipe or is gone.
    """
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where a summary may be expected
    worker.quiet_logging()
    from scrubtrace.beam_pipelines import scan

    scan.prepare(run, detectors)
    children: dict[int, socket.socket] = {}
    with socket.socket(fileno=number) as listener:
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [], LOOK_SECONDS)
            _report_ended(children)
            if sys.stdin in ready:
                break
            if listener in ready:
                child, connection = _fork(listener)
                children[child] = connection
        address = Path(listener.getsockname())
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    shutil.rmtree(address.parent, ignore_errors=True)  # a killed launcher could not


def _report_ended(children: dict[int, socket.socket]) -> None:
    """Tells those that asked for a worker how it ended, unless it said so by itself."""
    ends = [os.waitpid(child, os.WNOHANG) for child in children]
    for child, status in ends:
        if child:
            with children.pop(child) as connection, suppress(OSError):
                connection.sendall(str(os.waitstatus_to_exitcode(status)).encode())


def _fork(listener: socket.socket) -> tuple[int, socket.socket]:
    parent = os.getpid()
    connection, _ = listener.accept()
    child = os.fork()
    if not child:
        listener.close()
        _work(connection, parent)
    return child, connection


def _work(connection: socket.socket, parent: int) -> None:
    """Runs one worker in the process that was forked for it, and ends that process."""
    code = 1
    try:
        with connection.makefile() as request:
            environment = json.loads(request.readline())
        os.environ.clear()
        os.environ.update(environment)
        worker.run(parent)
        code = 0
        with suppress(OSError):  # on a busy machine whoever asked may not have waited
            connection.sendall(ENDED_WELL)
    except BaseException as error:
        if is_shortage(error):
            os._exit(OUT_OF_MEMORY)
        about = error_fields(error)
        logging.error("a worker ended with %s in %s", about["error"], about["places"][-1])
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
