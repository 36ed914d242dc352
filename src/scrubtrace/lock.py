"""One run at a time on one output folder."""

import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from scrubtrace.beam_pipelines.storage import is_remote, make_folders
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.plan import DeadShard, Shard


def make_output_folder(out: str) -> None:
    """Makes a folder to write into, if it is local; raises `UsageStop` if a file is in the way."""
    try:
        make_folders(out)
    except (FileExistsError, FileNotFoundError, NotADirectoryError):
        places = (Path(out), *Path(out).parents)
        file = next((p for p in places if os.path.lexists(p) and not p.is_dir()), out)
        raise UsageStop(
            f"{out} cannot be a folder to write into, since {file} is no folder: name another"
        ) from None


def check_runs_folder(out: str) -> None:
    """Raises `UsageStop` if the folder of the runs is not there; object stores have no folders."""
    if not is_remote(out) and not Path(out).is_dir():
        raise UsageStop(f"there is no folder {out}: give the --out of detect")


def check_apart(
    shards: Iterable[Shard | DeadShard], inputs: Iterable[str], out: str, written: str
) -> None:
    """Nothing that is read may lie in ``written``, nor would when the command is called again.

    Raises `UsageStop`; ``written`` is ``out`` or a folder in it.
    """
    remote = is_remote(written)
    place = written.rstrip("/") + "/" if remote else f"{Path(written).resolve()}/"
    for shard in shards:
        path = shard.path if is_remote(shard.path) else str(Path(shard.path).resolve())
        if path.startswith(place):
            raise UsageStop(f"{shard.path} lies in --out {out}: give another folder")
    for pattern in inputs:
        if "**" in pattern and not is_remote(pattern) and place.startswith(_above(pattern)):
            raise UsageStop(f"{pattern} would take in --out {out}: give another folder")


def _above(pattern: str) -> str:
    """The folder that a recursive glob looks through, with a slash at its end."""
    above = pattern.partition("**")[0].rpartition("/")[0]
    folder = Path(above or ("/" if pattern.startswith("/") else ".")).resolve()
    return f"{str(folder).rstrip('/')}/"


@contextmanager
def output_lock(out: str) -> Iterator[None]:
    """Holds the output folder for this process; the lock goes with the process, however it ends.

    Raises `UsageStop` that says who holds it, or which file is in the way. Object stores have no
    locks: there the caller's scheduler has to keep two runs apart.
    """
    if is_remote(out):
        yield
        return
    make_output_folder(out)
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


def holder_of(out: str) -> str | None:
    """Who holds the output folder, in words, as far as can be told without touching the lock.

    None if nobody is known to: a process of this machine that is gone holds nothing.
    """
    about = _read(Path(out) / ".lock.json")
    if about is None:
        return None
    if about.get("host") == socket.gethostname() and not _is_running(about.get("pid")):
        return None
    return _described(Path(out) / ".lock.json")


def _described(holder: Path) -> str:
    about = _read(holder) or {}
    try:
        return f"process {about['pid']} on {about['host']}, since {about['started']}"
    except KeyError:
        return "another process"


def _read(holder: Path) -> dict[str, Any] | None:
    try:
        about = json.loads(holder.read_text())
    except (OSError, ValueError):
        return None
    return about if isinstance(about, dict) else None


def _is_running(pid: Any) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, TypeError, ValueError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
