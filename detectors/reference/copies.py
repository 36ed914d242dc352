"""An index on a Beam file system, copied once to the disk of each machine that asks it.

Segments and trusted rows lie in folders named by the digest of their files and never change, so
that a copy of one is good for ever, and for every index that has it. Copies are checked against
their digest while they are made, and appear whole or not at all. One process of a machine copies,
the others wait for it. The manifest is read where the index is, every time.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from scrubtrace.detectors.file_systems import file_systems, opened
from scrubtrace.detectors.reference.segments import (
    DIGEST_CHARS,
    HASHED_BYTES,
    UNFINISHED,
    ReferenceIndexError,
)

CACHE_VARIABLE = "SCRUBTRACE_CACHE"
"""Environment variable with the folder for copies; an option of the detector comes before it."""

HELP = (
    f"make room, or name another folder with {CACHE_VARIABLE} or the option cache of the detector"
)


def is_remote(index: str) -> bool:
    """Whether the index is on a Beam file system, named by a scheme."""
    return "://" in index


def cache_folder(given: str | None) -> Path:
    """Where copies are kept: as given, else as `CACHE_VARIABLE` says, else of the user.

    Raises `ReferenceIndexError` if the user has no home.
    """
    if named := given or os.environ.get(CACHE_VARIABLE):
        return Path(named)
    try:
        of_user = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    except RuntimeError:
        raise ReferenceIndexError(f"there is no folder to copy an index to: {HELP}") from None
    return Path(of_user) / "scrubtrace"


def read(path: str) -> bytes:
    """A small file of an index, wherever it is; raises FileNotFoundError or another OSError."""
    if not is_remote(path):
        return Path(path).read_bytes()
    try:
        with closing(opened(path)) as file:
            content: bytes = file.read()
            return content
    except Exception as error:  # each file system raises what its client raises
        if _is_missing(path):
            raise FileNotFoundError(path) from None
        raise OSError(f"{type(error).__name__}: {error}") from None


def copy(source: str, target: Path, names: Sequence[str]) -> None:
    """Copies the files of the folder ``source`` to ``target``, whose name is their digest.

    Does nothing if ``target`` is there already. Raises `ReferenceIndexError` if a file is missing
    or altered, or the disk is full.
    """
    if target.exists():
        return
    from filelock import FileLock

    try:
        target.parent.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # it will hold texts
        target.parent.mkdir(mode=0o700, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if not target.exists():
                for left in target.parent.glob(f"{UNFINISHED}{target.name}-*"):
                    shutil.rmtree(left)  # by a process that was killed: the lock is ours
                _copied(source, target, names)
    except (OSError, NotImplementedError) as error:  # the latter where files cannot be locked
        raise ReferenceIndexError(
            f"cannot copy {source} to {target.parent}: {error}; {HELP}"
        ) from None


def _copied(source: str, target: Path, names: Sequence[str]) -> None:
    unfinished = Path(tempfile.mkdtemp(prefix=f"{UNFINISHED}{target.name}-", dir=target.parent))
    try:
        total = hashlib.sha256()
        for name in names:
            total.update(name.encode())
            with open(unfinished / name, "wb") as file:
                for piece in _pieces(f"{source}/{name}"):
                    total.update(piece)
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
        if total.hexdigest()[:DIGEST_CHARS] != target.name:
            raise ReferenceIndexError(
                f"the files in {source} are not those that it is named after: they were altered, "
                "or copied in part; copy the index there again"
            )
        unfinished.rename(target)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def _pieces(path: str) -> Iterator[bytes]:
    """The content of a file; raises `ReferenceIndexError`."""
    try:
        with closing(opened(path)) as file:
            while piece := file.read(HASHED_BYTES):
                yield piece
    except Exception as error:
        about = f"cannot be read ({type(error).__name__}: {error})"
        problem = "is missing" if _is_missing(path) else about
        raise ReferenceIndexError(f"{path} {problem}: copy the index there again") from None


def _is_missing(path: str) -> bool:
    try:
        return not file_systems().exists(path)
    except Exception:
        return False
