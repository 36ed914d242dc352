"""Files on local disks and on any Beam file system, through the same few functions.

Local paths never import Beam. Writing is atomic: a reader sees the whole file or none. An OSError
is about the file: there is none, or the disk refuses. What a Beam file system cannot do is a
`RemoteError`, whatever its client raises, also while an open file is read; what is wrong while one
is written piece by piece stays as it is.
"""

import errno
import glob
import hashlib
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from typing import IO, Any

from scrubtrace.detectors.file_systems import file_systems, opened

TEMPORARY_PREFIX = ".part-"
_READ_BYTES = 1 << 20
_NOT_INSTALLED = ("Unable to get filesystem", "dependencies are not installed")
_EXTRAS = {"gs": "gcp", "s3": "aws", "azfs": "azure"}
"""Beam's extra that a scheme needs."""


class RemoteError(Exception):
    """A Beam file system is not there, cannot be reached or refuses; the message names the path.

    It is no OSError: whoever takes that for an answer about a file, for example that there is none,
    must not take an outage for one. Whoever tells or counts what went wrong catches both.

    Parameters
    ----------
    errno : the number of the error; None unless the file system gave one.
    strerror : says why, without the path.
    filename : the path.
    """

    def __init__(self, errno: int | None, strerror: str, filename: str) -> None:
        super().__init__(errno, strerror, filename)
        self.errno, self.strerror, self.filename = errno, strerror, filename

    def __str__(self) -> str:
        return f"{self.filename}: {self.strerror}"


@dataclass(frozen=True)
class FileInfo:
    """Size in bytes and time of change of one file; the time is opaque, to compare only."""

    path: str
    size: int
    modified: str


def is_remote(path: str) -> bool:
    """Whether a path names a Beam file system by a scheme."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """A path below a folder, on whichever file system the folder is."""
    if is_remote(folder):
        return "/".join([folder.rstrip("/"), *names])
    return os.path.join(folder, *names)


def match(pattern: str) -> list[FileInfo]:
    """Files that a path or a glob names, sorted by path; a literal path wins over a glob.

    In a glob ``**/`` stands for any folders or none. Raises `RemoteError`.
    """
    if is_remote(pattern):
        with _store_errors(pattern):
            if glob.has_magic(pattern) and file_systems().exists(pattern):
                entries = [file_systems().get_filesystem(pattern).metadata(pattern)]
            else:
                entries = _listed(_without_folders(pattern))
        return _infos(entries)
    paths = [pattern] if os.path.lexists(pattern) else glob.glob(pattern, recursive=True)
    return [_local_info(os.path.abspath(path)) for path in sorted(paths)]


def match_in(folder: str, pattern: str) -> list[FileInfo]:
    """Files of a Beam file system that a glob names below a folder, sorted by path.

    The name of the folder is no glob, whatever is in it. Raises `RemoteError`.
    """
    start = join(folder, "")
    scheme, mark, place = start.partition("://")
    with _store_errors(folder):
        entries = _listed([scheme + mark + re.sub(r"[*?\[]", "?", place) + pattern])
    return [info for info in _infos(entries) if info.path.startswith(start)]


def _without_folders(pattern: str) -> list[str]:
    """The glob, and those in which a ``**/`` stands for no folder: Beam needs a folder for it."""
    head, found, tail = pattern.partition("/**/")
    if not found or head.endswith(":/"):
        return [pattern]
    rests = _without_folders(f"/{tail}")
    return [head + between + rest for between in ("/**", "") for rest in rests]


def _listed(patterns: Sequence[str]) -> list[Any]:
    return [
        entry for result in file_systems().match(list(patterns)) for entry in result.metadata_list
    ]


def _infos(entries: Iterable[Any]) -> list[FileInfo]:
    """Beam's metadata of files as our own, each file once, sorted by path."""
    found = {
        entry.path: FileInfo(entry.path, entry.size_in_bytes, str(entry.last_updated_in_seconds))
        for entry in entries
    }
    return [found[path] for path in sorted(found)]


def _local_info(path: str) -> FileInfo:
    try:
        status = os.stat(path)
    except OSError:
        return FileInfo(path, 0, "")
    return FileInfo(path, status.st_size, str(status.st_mtime_ns))


@contextmanager
def open_read(path: str) -> Iterator[IO[bytes]]:
    """A seekable binary file; raises OSError, `RemoteError`, this also while it is read."""
    if not is_remote(path):
        with open(path, "rb") as local:
            yield local
        return
    with closing(_open_remote(path)) as remote:
        yield BufferedReader(_RemoteFile(path, remote))


class _RemoteFile(RawIOBase):
    """An open file of a Beam file system, whose connection may break: that is a `RemoteError`."""

    def __init__(self, path: str, file: Any) -> None:
        super().__init__()
        self._path, self._file = path, file

    def readinto(self, buffer: Any) -> int:
        """Fills the buffer, or as much of it as the file has."""
        with _store_errors(self._path):
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Goes to a place; returns it."""
        with _store_errors(self._path):
            self._file.seek(offset, whence)
            return int(self._file.tell())

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True


def _open_remote(path: str) -> Any:
    """An open file; raises `FileNotFoundError` if there is none, else `RemoteError`."""
    with _store_errors(path):
        file_systems()  # what keeps Beam from loading says nothing about the file
    try:
        with _store_errors(path):
            return opened(path)
    except RemoteError as error:
        if error.errno == errno.ENOENT or not exists(path):
            number = errno.ENOENT
            raise FileNotFoundError(number, os.strerror(number), path) from None
        raise


def read_bytes(path: str) -> bytes:
    """The whole file; raises OSError, `RemoteError`."""
    with open_read(path) as file:
        return file.read()


def sha256(file: IO[bytes]) -> str:
    """SHA-256 of an open file from its start to its end, in hexadecimal; raises what it raises."""
    file.seek(0)
    digest = hashlib.sha256()
    while content := file.read(_READ_BYTES):
        digest.update(content)
    return digest.hexdigest()


def sha256_of(path: str) -> str | None:
    """SHA-256 of a file in hexadecimal; None if there is none, or a local one cannot be read.

    Raises `RemoteError`, also if a file of a Beam file system breaks off.
    """
    try:
        with open_read(path) as file:
            return sha256(file)
    except OSError:
        return None


def write_atomic(path: str, content: bytes) -> None:
    """Writes the file under another name, flushes it to disk, then renames it.

    Raises OSError, `RemoteError`.
    """
    with open_write(path) as file, _store_errors(path):
        file.write(content)


@contextmanager
def open_write(path: str) -> Iterator[IO[bytes]]:
    """A file to write from its start on, which gets its name when the block ends without error.

    Raises OSError, `RemoteError`; then, as after any other error, there is no file, or the earlier
    one.
    """
    if is_remote(path):
        with _open_write_remote(path) as remote:
            yield remote
        return
    folder = os.path.dirname(path)
    descriptor, temporary = tempfile.mkstemp(prefix=TEMPORARY_PREFIX, dir=folder)
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def _open_write_remote(path: str) -> Iterator[IO[bytes]]:
    temporary = f"{path}{TEMPORARY_PREFIX}{os.urandom(6).hex()}"
    with _store_errors(path):
        systems = file_systems()
        file = systems.create(temporary)
    try:
        try:
            yield file
        except BaseException:
            with suppress(Exception):
                file.close()
            raise
        with _store_errors(path):
            file.close()
            _replace_remote(systems, temporary, path)
    except BaseException:
        with suppress(Exception):
            systems.delete([temporary])
        raise


def _replace_remote(systems: Any, temporary: str, path: str) -> None:
    """Object stores replace at once; where there are folders, as on HDFS, the earlier file goes."""
    try:
        systems.rename([temporary], [path])
    except OSError:
        has_folders = systems.get_filesystem(path).has_dirs()
        if not (has_folders and systems.exists(path) and systems.exists(temporary)):
            raise
        systems.delete([path])
        systems.rename([temporary], [path])


def absolute(path: str) -> str:
    """The path as it names the same file in any working directory."""
    return path if is_remote(path) else os.path.abspath(path)


def exists(path: str) -> bool:
    """Whether there is a file or folder of this name; one request on an object store.

    Raises `RemoteError`.
    """
    if not is_remote(path):
        return os.path.exists(path)
    with _store_errors(path):
        return bool(file_systems().exists(path))


def make_folders(*paths: str) -> None:
    """Makes local folders where missing; object stores need none."""
    for path in paths:
        if not is_remote(path):
            os.makedirs(path, exist_ok=True)


def names_in(folder: str) -> list[str]:
    """Names of the finished files in a folder, sorted; empty if there is no such folder."""
    if is_remote(folder):
        infos = match_in(folder, "*")
        names = [info.path.rsplit("/", 1)[1] for info in infos]
    else:
        names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(name for name in names if TEMPORARY_PREFIX not in name)


def remove_temporary(folder: str) -> None:
    """Removes what killed writers left below a local folder; no writer may be at work."""
    if is_remote(folder):
        return
    left = join(glob.escape(folder), "**", f"{TEMPORARY_PREFIX}*")
    for path in glob.glob(left, recursive=True):
        os.unlink(path)


def files_below(folder: str) -> list[FileInfo]:
    """All files below a folder, also unfinished ones, sorted by path."""
    if is_remote(folder):
        return match_in(folder, "**")
    paths = (join(place, name) for place, _, names in os.walk(folder) for name in names)
    return [_local_info(path) for path in sorted(paths)]


def remove(paths: Sequence[str]) -> None:
    """Removes files, all local or all on one Beam file system.

    Raises OSError, `RemoteError`.
    """
    if paths and is_remote(paths[0]):
        with _store_errors(paths[0]):
            file_systems().delete(list(paths))
        return
    for path in paths:
        os.unlink(path)


def remove_empty_folders(folder: str) -> None:
    """Removes a local folder and those in it, if they hold no file; object stores have none."""
    if is_remote(folder):
        return
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            os.rmdir(place)


@contextmanager
def _store_errors(path: str) -> Iterator[None]:
    """Turns what a Beam file system or its client raises into `RemoteError`; local paths raise on.

    To be put around calls of Beam alone: what a caller does with a file may raise text of a row.
    """
    try:
        yield
    except (RemoteError, MemoryError):
        raise
    except Exception as error:
        if not is_remote(path):
            raise
        number = error.errno if isinstance(error, OSError) else None
        raise RemoteError(number, _problem(path, error), path) from None


def _problem(path: str, error: Exception) -> str:
    """In one line what a store says; Beam wraps the errors of clients, at times twice."""
    inner: BaseException = error
    while details := getattr(inner, "exception_details", None):
        first = next(iter(details.values()))
        if not isinstance(first, BaseException):
            break
        inner = first
    if any(words in str(inner) for words in _NOT_INSTALLED):
        return _not_installed(path.partition("://")[0])
    says = getattr(inner, "message", None) or inner
    return f"{type(inner).__name__}: {' '.join(str(says).split())}"


def _not_installed(scheme: str) -> str:
    if scheme in _EXTRAS:
        extra = f"apache-beam[{_EXTRAS[scheme]}]"
        return f"Beam needs its extra for {scheme}:// (pip install '{extra}')"
    return f"Beam has no file system {scheme}:// (they are in lower case: {', '.join(_EXTRAS)})"
