"""Whether a limit of the address space leaves room for a scan, found before it starts.

With too little of it gRPC aborts the process, and so does the loader of libraries. Imports little.
"""

import os
import sys

from scrubtrace.beam_pipelines.short_memory import address_space_limit, spare_address_space
from scrubtrace.exits import IncompleteStop

MIB = 1 << 20

LAUNCHER_MIB, LAUNCHER_THREADS = 650, 20
EACH_WORKER_MIB, EACH_WORKER_THREADS = 95, 11
"""What a launcher takes, and more of it for each of its workers, with its threads."""

WORKER_MIB, WORKER_THREADS = 980, 30
"""What a worker takes before it has read a row."""

CORES, CORE_MIB = 2, 56
"""The machine that these were measured on, with a tenth to spare; a core more takes so much."""

STACK_BYTES = 8 * MIB
"""What the stack of each of these threads took."""


def needed_bytes(workers: int, cores: int, stack: int) -> int:
    """Address space that any process of a scan takes, apart from long rows; ``stack`` in bytes."""
    more = CORE_MIB * MIB * max(cores - CORES, 0)
    threads = max(LAUNCHER_THREADS + EACH_WORKER_THREADS * workers, WORKER_THREADS)
    taken = max(LAUNCHER_MIB + EACH_WORKER_MIB * workers, WORKER_MIB)
    return taken * MIB + more + threads * max(stack - STACK_BYTES, 0)


def check_address_space(workers: int) -> None:
    """Makes the most of a limited address space; `IncompleteStop` if a scan does not fit into it.

    Nothing is read and nothing is written.
    """
    limit = address_space_limit()
    if limit is None:
        return
    spare_address_space()
    needed = needed_bytes(workers, os.cpu_count() or 1, _stack_bytes())
    if limit < needed:
        raise IncompleteStop(
            f"not enough memory: the address space of a process is limited to {limit // MIB:,} MiB "
            f"(ulimit -v, prlimit --as), and --workers {workers} takes {needed // MIB:,} MiB here, "
            "and more for long rows; raise the limit, or use fewer workers; the same command goes "
            "on"
        )


def _stack_bytes() -> int:
    """What the stack of a thread reserves."""
    if sys.platform != "linux":
        return STACK_BYTES
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_STACK)
    return STACK_BYTES if limit == resource.RLIM_INFINITY else limit
