"""One run at a time on one output folder."""

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from scrubtrace.beam_pipelines.storage import is_remote
from scrubtrace.exits import UsageStop


@contextmanager
def output_lock(out: str) -> Iterator[None]:
    """Holds the output folder for this process; the lock goes with the process, however it ends.

    Raises `UsageStop` that says who holds it. Object stores have no locks: there the caller's
    scheduler has to keep two runs apart.
    """
    if is_remote(out):
        yield
        return
    Path(out).mkdir(parents=True, exist_ok=True)
    holder = Path(out) / ".lock.json"
    lock = FileLock(Path(out) / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageStop(f"{out} is in use by {_described(holder)}; wait for it to end") from None
    try:
        started = datetime.now(UTC).isoformat(timespec="seconds")
        about = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        holder.write_text(json.dumps(about))
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _described(holder: Path) -> str:
    try:
        about = json.loads(holder.read_text())
        return f"process {about['pid']} on {about['host']}, since {about['started']}"
    except (OSError, ValueError, KeyError):
        return "another process"
