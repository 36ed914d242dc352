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
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from scrubtrace.beam_pipelines import storage, worker, worker_request
from scrubtrace.beam_pipelines.log_lines import error_fields

CAN_FORK = sys.platform == "linux"
"""Elsewhere libraries that are loaded here, such as a system's own BLAS, may not survive it."""

LOOK_SECONDS = 1.0
ENDED_WELL = b"0"


@contextmanager
def forked_workers(
    run: str, detectors: Collection[str], wanted: bool, on_lost: Callable[[str], object]
) -> Iterator[str | None]:
    """The command that starts a worker for the run in this folder, while the block runs.

    ``detectors`` are the names of those that the units of the run need.
    ``on_lost`` is called, in another thread, if a worker ends before its time, with how it ended.
    Beam would wait for that worker for ever.

    None if no such workers are wanted or forking is not safe: a client of an object store, with
    which a run there would be read, does not survive it. No worker outlives the block.
    """
    if not wanted or not CAN_FORK or storage.is_remote(run):
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="scrubtrace-") as folder:
        address = str(Path(folder) / "workers")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen()
            number = listener.fileno()
            command = [sys.executable, "-m", __name__, run, str(number), *sorted(detectors)]
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, pass_fds=[number]
            )
        done = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process, done, on_lost), daemon=True)
        watcher.start()
        request = [sys.executable, "-I", "-S", worker_request.__file__, address]
        try:
            yield f"exec {shlex.join(request)}"
        finally:
            done.set()
            assert process.stdin is not None
            process.stdin.close()  # its sign to end
            watcher.join()
            process.wait()


def _watch(
    process: "subprocess.Popen[str]", done: threading.Event, on_lost: Callable[[str], object]
) -> None:
    assert process.stdout is not None
    with process.stdout as ends:
        for end in ends:
            on_lost(end.strip())
    if not done.is_set():
        on_lost("with the process that it was forked from")


def main(run: str, number: int, detectors: Collection[str]) -> None:
    """Loads everything that a worker of the run needs; then forks one at each request.

    Ends, and its workers with it, when the launcher closes the pipe or is gone. An interruption
    from the keyboard is the launcher's to handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reports = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a detector may print is no report
    worker.quiet_logging()
    from scrubtrace.beam_pipelines import scan

    scan.prepare(run, detectors)
    children: set[int] = set()
    with socket.socket(fileno=number) as listener:
        while True:
            ready, _, _ = select.select([listener, sys.stdin], [], [], LOOK_SECONDS)
            for child, status in _ended(children):
                children.remove(child)
                if status:
                    reports.write(f"{_described(status)}\n")
            if sys.stdin in ready:
                break
            if listener in ready:
                children.add(_fork(listener))
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _ended(children: set[int]) -> list[tuple[int, int]]:
    """Children that have ended, and their wait statuses."""
    ends = [os.waitpid(child, os.WNOHANG) for child in children]
    return [(child, status) for child, status in ends if child]


def _described(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"with exit code {code}"
    hint = ", perhaps for want of memory" if -code == signal.SIGKILL else ""
    return f"by signal {-code}{hint}"


def _fork(listener: socket.socket) -> int:
    parent = os.getpid()
    connection, _ = listener.accept()
    with connection:
        child = os.fork()
        if not child:
            listener.close()
            _work(connection, parent)
    return child


def _work(connection: socket.socket, parent: int) -> None:
    """Runs one worker in the process that was forked for it, and ends that process."""
    code = 1
    try:
        with connection.makefile() as request:
            environment = json.loads(request.readline())
        os.environ.clear()
        os.environ.update(environment)
        worker.run(parent)
        connection.sendall(ENDED_WELL)
        code = 0
    except BaseException as error:
        about = error_fields(error)
        logging.error("a worker ended with %s in %s", about["error"], about["places"][-1])
    finally:
        os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3:])
