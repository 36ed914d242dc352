"""Files on local disks and on any Beam file system, through the same few functions.

Local paths never import Beam. Writing is atomic: a reader sees the whole file or none.
"""

import glob
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, Any

TEMPORARY_PREFIX = ".part-"
_READ_BYTES = 1 << 20


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
    """Files that a path or a glob names, sorted by path; a literal path wins over a glob."""
    if is_remote(pattern):
        results = _beam().match([pattern])
        found = [
            FileInfo(entry.path, entry.size_in_bytes, str(entry.last_updated_in_seconds))
            for result in results
            for entry in result.metadata_list
        ]
        return sorted(found, key=lambda info: info.path)
    paths = [pattern] if os.path.lexists(pattern) else glob.glob(pattern, recursive=True)
    return [_local_info(os.path.abspath(path)) for path in sorted(paths)]


def _local_info(path: str) -> FileInfo:
    try:
        status = os.stat(path)
    except OSError:
        return FileInfo(path, 0, "")
    return FileInfo(path, status.st_size, str(status.st_mtime_ns))


@contextmanager
def open_read(path: str) -> Iterator[IO[bytes]]:
    """A seekable binary file; raises OSError."""
    if not is_remote(path):
        with open(path, "rb") as local:
            yield local
        return
    from apache_beam.io.filesystem import CompressionTypes

    with closing(_beam().open(path, compression_type=CompressionTypes.UNCOMPRESSED)) as remote:
        yield remote


def read_bytes(path: str) -> bytes:
    """The whole file; raises OSError."""
    with open_read(path) as file:
        return file.read()


def sha256(file: IO[bytes]) -> str:
    """SHA-256 of an open file from its start to its end, in hexadecimal; raises OSError."""
    file.seek(0)
    digest = hashlib.sha256()
    while content := file.read(_READ_BYTES):
        digest.update(content)
    return digest.hexdigest()


def write_atomic(path: str, content: bytes) -> None:
    """Writes the file under another name, flushes it to disk, then renames it; raises OSError."""
    with open_write(path) as file:
        file.write(content)


@contextmanager
def open_write(path: str) -> Iterator[IO[bytes]]:
    """A file to write from its start on, which gets its name when the block ends without error.

    Raises OSError; then, as after any other error, there is no file, or the earlier one.
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
    systems = _beam()
    temporary = f"{path}{TEMPORARY_PREFIX}{os.urandom(6).hex()}"
    try:
        with systems.create(temporary) as file:
            yield file
        _replace_remote(systems, temporary, path)
    except BaseException:
        with suppress(Exception):
            systems.delete([temporary])
        raise


def _replace_remote(systems: Any, temporary: str, path: str) -> None:
    """Object stores replace at once; elsewhere, as on HDFS, the earlier file must go first."""
    try:
        systems.rename([temporary], [path])
    except OSError:
        if not (systems.exists(path) and systems.exists(temporary)):
            raise
        systems.delete([path])
        systems.rename([temporary], [path])


def absolute(path: str) -> str:
    """The path as it names the same file in any working directory."""
    return path if is_remote(path) else os.path.abspath(path)


def exists(path: str) -> bool:
    """Whether there is a file or folder of this name; one request on an object store."""
    return bool(_beam().exists(path)) if is_remote(path) else os.path.exists(path)


def make_folders(*paths: str) -> None:
    """Makes local folders where missing; object stores need none."""
    for path in paths:
        if not is_remote(path):
            os.makedirs(path, exist_ok=True)


def names_in(folder: str) -> list[str]:
    """Names of the finished files in a folder, sorted; empty if there is no such folder."""
    if is_remote(folder):
        infos = match(join(folder, "*"))
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
        return match(join(folder, "**"))
    paths = (join(place, name) for place, _, names in os.walk(folder) for name in names)
    return [_local_info(path) for path in sorted(paths)]


def remove(paths: Sequence[str]) -> None:
    """Removes files, all local or all on one Beam file system; raises OSError."""
    if paths and is_remote(paths[0]):
        _beam().delete(list(paths))
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


def _beam() -> Any:
    """Beam's file systems, with its default options where no pipeline has set others yet."""
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import PipelineOptions
    from apache_beam.options.value_provider import RuntimeValueProvider

    if FileSystems._pipeline_options is None and not RuntimeValueProvider.runtime_options:
        FileSystems.set_options(PipelineOptions([]))
    return FileSystems
