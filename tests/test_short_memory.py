"""Memory that is refused: what counts as that, what ends the process, and what is checked first."""

import errno
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from scrubtrace import address_space
from scrubtrace.address_space import MIB, check_address_space, needed_bytes
from scrubtrace.beam_pipelines import runner, short_memory, worker
from scrubtrace.beam_pipelines.runner import has_worker_processes, pipeline_options
from scrubtrace.exits import Exit, IncompleteStop

linux = pytest.mark.skipif(sys.platform != "linux", reason="limits are read on Linux only")


class Ended(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def _hooks() -> Iterator[None]:
    kept = threading.excepthook, sys.unraisablehook, logging.getLogRecordFactory()
    yield
    threading.excepthook, sys.unraisablehook = kept[:2]
    logging.setLogRecordFactory(kept[2])


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libarrow.so: failed to map segment from shared object"), True),
        (OSError(errno.ENOMEM, ""), True),
        (OSError(errno.ENOENT, ""), False),
        (RuntimeError("another"), False),
        (ImportError("No module named x"), False),
        (None, False),
    ],
    ids=str,
)
def test_what_counts_as_a_shortage(error: BaseException | None, expected: bool) -> None:
    assert short_memory.is_shortage(error) == expected


def end() -> None:
    raise Ended


@pytest.mark.usefixtures("_hooks")
@pytest.mark.parametrize("error", [MemoryError("canary"), ValueError("canary")], ids=str)
def test_a_thread_or_a_library_that_is_refused_memory_ends_the_process(error: Exception) -> None:
    earlier: list[Any] = []
    threading.excepthook = sys.unraisablehook = earlier.append
    short_memory.end_when_short(end)
    what: Any = SimpleNamespace(exc_type=type(error), exc_value=error, thread=None)

    def log() -> None:
        logging.getLogger("grpc").makeRecord(
            "grpc", logging.ERROR, "x.py", 1, "", (), (type(error), error, None)
        )

    for happen in (lambda: threading.excepthook(what), lambda: sys.unraisablehook(what), log):
        if isinstance(error, MemoryError):
            with pytest.raises(Ended):
                happen()
        else:
            happen()
    assert earlier == ([] if isinstance(error, MemoryError) else [what, what])


def test_a_thread_of_a_worker_ends_without_what_its_exception_says(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name in ("ValueError", "_MultiThreadedRendezvous"):
        thread = threading.Thread(name="reader")
        ended: Any = SimpleNamespace(exc_type=type(name, (Exception,), {}), thread=thread)
        worker.tell_thread(ended)
    assert [record.getMessage() for record in caplog.records] == [
        "thread reader ended with ValueError"
    ]


@pytest.mark.parametrize(
    ("message", "expected"), [("Error processing instruction %s. ", False), ("Another", True)]
)
def test_a_failed_instruction_is_told_by_the_launcher_alone(message: str, expected: bool) -> None:
    record = logging.LogRecord("sdk_worker", logging.ERROR, "x.py", 1, message, (), None)
    assert worker.is_no_answer(record) == expected


@pytest.mark.parametrize(
    ("kind", "expected"), [("_MultiThreadedRendezvous", False), ("ValueError", True), ("", True)]
)
def test_a_connection_that_ends_with_the_launcher_is_told_by_it_alone(
    kind: str, expected: bool
) -> None:
    error = type(kind, (Exception,), {})() if kind else None
    about = (type(error), error, None) if error else None
    record = logging.LogRecord("data_plane", logging.ERROR, "x.py", 1, "failed", (), about)
    assert worker.is_no_broken_connection(record) == expected


@pytest.mark.parametrize(("limit", "expected"), [(None, False), (4096 * MIB, True)])
def test_under_a_limit_one_worker_is_a_process_of_its_own(
    monkeypatch: pytest.MonkeyPatch, limit: int | None, expected: bool
) -> None:
    monkeypatch.setattr(runner, "address_space_limit", lambda: limit)
    assert has_worker_processes(pipeline_options([], 1)) == expected


def test_needs_grow_with_workers_cores_and_stacks() -> None:
    one = needed_bytes(1, 2, 8 * MIB)
    assert one == needed_bytes(1, 1, MIB)
    assert one < needed_bytes(8, 2, 8 * MIB)
    assert one < needed_bytes(1, 8, 8 * MIB)
    assert one < needed_bytes(1, 2, 64 * MIB)


@pytest.mark.parametrize(("mib", "fits"), [(None, True), (64 << 10, True), (600, False)])
def test_a_limit_is_checked_before_a_scan(
    monkeypatch: pytest.MonkeyPatch, mib: int | None, fits: bool
) -> None:
    monkeypatch.setattr(address_space, "spare_address_space", lambda: None)
    monkeypatch.setattr(address_space, "address_space_limit", lambda: mib and mib * MIB)
    if fits:
        check_address_space(2)
        return
    with pytest.raises(IncompleteStop, match=r"limited to 600 MiB .* the same command goes on"):
        check_address_space(2)


@linux
def test_a_command_under_a_small_limit_says_so_and_writes_nothing(tmp_path: Any) -> None:
    limited = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (500 << 20, 500 << 20));"
        "from scrubtrace.cli import main; main()"
    )
    command = [sys.executable, "-c", limited, "detect", "x", "--out", str(tmp_path / "out")]
    ran = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert ran.returncode == Exit.INCOMPLETE
    (line,) = ran.stderr.splitlines()
    assert line.startswith("scrubtrace: not enough memory: the address space")
    assert not (tmp_path / "out").exists()


@linux
def test_lines_of_c_libraries_are_hidden_and_those_of_python_are_not() -> None:
    program = (
        "import os, sys; from scrubtrace.beam_pipelines.short_memory import *;"
        "hide_lines_of_libraries(); os.write(2, b'abort'); print('said', file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ran.stderr == "said\n"
