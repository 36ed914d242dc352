"""Whether a file can be written where the user says, before hours of work go into it."""

import os
import tempfile
from collections.abc import Iterable, Sequence

from scrubtrace.beam_pipelines import storage
from scrubtrace.exits import UsageStop
from scrubtrace.lock import make_output_folder


def check_out(out: str, example: str, read: Iterable[str]) -> str:
    """The absolute path of ``out``, its folder made.

    Raises `UsageStop` if it is a folder, one of the files that are ``read``, or no file can be
    written there. ``example`` is a name for the message.
    """
    path = storage.absolute(out)
    if storage.is_remote(path):
        return path
    if os.path.isdir(path):
        raise UsageStop(f"--out {out} is a folder; name a file, as {out}/{example}")
    try:
        own = os.stat(path)
    except FileNotFoundError:
        own = None
    except OSError as error:
        raise UsageStop(f"--out {out} cannot be written: {error.strerror}") from None
    try:
        folder = os.path.dirname(path)
        make_output_folder(folder)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageStop(f"--out {out} cannot be written: {error.strerror}") from None
    if own is not None:
        for other in read:
            if os.path.isfile(other) and os.path.samestat(own, os.stat(other)):
                raise UsageStop(f"--out {out} is a file that is read: name another one")
    return path


def files_of(patterns: Sequence[str]) -> list[str]:
    """Local files that paths and globs name; those that cannot be looked up are left out."""
    found: list[str] = []
    for pattern in patterns:
        if not storage.is_remote(pattern):
            found += [info.path for info in storage.match(pattern)]
    return found
