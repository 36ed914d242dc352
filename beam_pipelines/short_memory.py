"""Memory that runs out: the process ends at once, before half of it waits for the other half.

A thread that cannot be started, or that ends with MemoryError, is one that others wait for: Beam
and gRPC then hang, or abort the process. It happens where the address space of a process is limited
(``ulimit -v``, ``prlimit --as``, some schedulers), so that memory is refused; a machine without
such a limit ends a process instead. Imports little, so that it can be asked before anything else.
"""

import ctypes
import errno
import logging
import mmap
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

HELP = "not enough memory: use fewer --workers, or a smaller scan.batch_bytes"

NO_THREAD = "can't start new thread"
"""What Python says when there is no memory for the stack of another thread."""

OUT_OF_MEMORY = errno.ENOMEM
"""Exit code of a worker process that was refused memory."""

NOT_LOADED = "failed to map segment"
"""What the loader says of a library of code that finds no room."""

RESERVE_BYTES = 32 << 20
"""Address space that is kept for the end of a process that was refused more."""

M_ARENA_MAX = -8
"""The number of this parameter in ``malloc.h`` of the GNU C library."""

ARENAS = 2
FRUGAL = {"MALLOC_ARENA_MAX": str(ARENAS), "ARROW_DEFAULT_MEMORY_POOL": "system"}
"""Each arena of malloc reserves 64 MiB or more, the default pool of Arrow 1 GiB."""


def is_shortage(error: BaseException | None) -> bool:
    """Whether an exception means that memory was refused, also for a thread or a library."""
    if isinstance(error, RuntimeError):
        return NO_THREAD in str(error)
    if isinstance(error, ImportError):
        return NOT_LOADED in str(error)
    return isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM


def address_space_limit() -> int | None:
    """Bytes of address space that this process may take; None without a limit that holds."""
    if sys.platform != "linux":
        return None
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else limit


def spare_address_space() -> None:
    """Makes this process and those that it starts reserve less; before Arrow is imported."""
    for name, value in FRUGAL.items():
        os.environ.setdefault(name, value)
    with suppress(AttributeError, OSError):  # other C libraries have no arenas
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, ARENAS)


_ends: list[Callable[[], object]] = []


def end_under_limit() -> Callable[[], object] | None:
    """What `end_when_short` was given, if the address space of this process is limited."""
    return _ends[-1] if _ends else None


def end_when_short(end: Callable[[], object]) -> None:
    """Calls ``end``, which ends the process, as soon as a thread or a library is refused memory.

    What the main thread is refused is raised there as ever.
    """
    limited = address_space_limit() is not None
    reserve = [mmap.mmap(-1, RESERVE_BYTES)] if limited else []
    if limited:
        _ends.append(end)
    earlier_thread, earlier_ignored = threading.excepthook, sys.unraisablehook
    make_record = logging.getLogRecordFactory()

    def end_if_short(error: BaseException | None) -> None:
        if is_shortage(error):
            while reserve:
                reserve.pop().close()
            end()

    def ended(thread: threading.ExceptHookArgs) -> None:
        end_if_short(thread.exc_value or thread.exc_type())
        earlier_thread(thread)

    def ignored(what: "sys.UnraisableHookArgs") -> None:
        end_if_short(what.exc_value or (what.exc_type() if what.exc_type else None))
        earlier_ignored(what)

    def logged(*arguments: Any, **named: Any) -> logging.LogRecord:
        record = make_record(*arguments, **named)
        end_if_short(record.exc_info[1] if record.exc_info else None)
        return record

    threading.excepthook, sys.unraisablehook = ended, ignored
    logging.setLogRecordFactory(logged)


def hide_lines_of_libraries() -> None:
    """Standard error for what Python writes only; libraries in C write to its number, 2."""
    sys.stderr.flush()
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
