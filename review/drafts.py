"""Files that are written under a hidden name until they are whole, and what is left of them.

A draft holds texts of rows, so none may stay: not of a command that was interrupted, and not of one
that was killed.
"""

import glob
import os
import re
import socket
import time
from contextlib import suppress
from pathlib import Path

LEFT_SECONDS = 86_400
"""A draft of another machine that nobody has written to for so long is left over."""

_PID = re.compile(r"\.(?P<host>[^.]*)\.(?P<pid>\d+)(?:\.\d+)?\.draft")
_begun: set[Path] = set()


def draft_of(path: Path, part: int | None = None) -> Path:
    """The hidden name for the content of a file, or of a part of it; what was left is removed."""
    _remove_left(path)
    number = "" if part is None else f".{part}"
    draft = path.with_name(f".{path.name}.{_host()}.{os.getpid()}{number}.draft")
    _begun.add(draft)
    return draft


def remove_drafts() -> None:
    """Removes every draft of this process, which is about to end without unwinding."""
    for draft in _begun:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def _remove_left(path: Path) -> None:
    for name in glob.glob(f".{glob.escape(path.name)}.*.draft", root_dir=path.parent):
        draft = path.parent / name
        found = _PID.fullmatch(name.removeprefix(f".{path.name}"))
        with suppress(OSError):
            if found and _is_left(draft, found["host"], int(found["pid"])):
                draft.unlink(missing_ok=True)


def _is_left(draft: Path, host: str, pid: int) -> bool:
    if host != _host():
        return time.time() - draft.stat().st_mtime > LEFT_SECONDS
    if pid == os.getpid():
        return draft not in _begun
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it runs, for another user
        return False
    return False


def _host() -> str:
    return re.sub(r"[^\w-]", "_", socket.gethostname())
