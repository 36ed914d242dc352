"""The file with the digest keys: made, and changed in one step."""

import errno
import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from scrubtrace.exits import UsageStop
from scrubtrace.schemas.identity import KEY_BYTES, DigestKey, KeyRing, key_digits

NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.ENOSYS)
"""What a file system says that has no hard links."""

LOCK_SECONDS = 10
"""How long to wait for another command that changes the same file."""


def make_key(path: Path) -> DigestKey:
    """A new key in a new file that only its owner reads; raises `UsageStop`."""
    digits = secrets.token_hex(KEY_BYTES)
    try:
        _make(path, f"{digits}\n")
    except OSError as error:
        raise UsageStop(f"cannot make the digest key {path}: {error.strerror}") from None
    return DigestKey.from_hex(digits)


def make_first_key(path: Path) -> None:
    """As `make_key`, unless another command makes the file at the same time: its key stays."""
    try:
        make_key(path)
    except UsageStop:
        if not path.exists():
            raise


def _make(path: Path, text: str) -> None:
    """A new file that is whole as soon as it has its name; raises OSError, also if it exists."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = _written(path.parent, path.name, text)
    try:
        os.link(temporary, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
    _sync(path.parent)


def rotate(path: Path) -> KeyRing:
    """Put a new key on top of the file; the others are retired. Gives the new ring.

    Raises `UsageStop`; then the file is as it was.
    """
    with _changing(path) as real:
        text = _read(real)
        _parsed(real, text)
        rotated = f"{secrets.token_hex(KEY_BYTES)}\n{text}"
        ring = _parsed(real, rotated)
        _replace(real, rotated)
    return ring


def drop(path: Path, key_id: str) -> KeyRing:
    """Take a retired key out of the file, with the comment behind it; gives the ring left.

    Raises `UsageStop`, also if the file has no such retired key; then the file is as it was.
    """
    with _changing(path) as real:
        text = _read(real)
        if key_id not in _parsed(real, text).retired_ids:
            raise UsageStop(f"{path} has no retired key {key_id}")
        kept = "".join(_without_key(text, key_id))
        ring = _parsed(real, kept)
        _replace(real, kept)
    return ring


def _without_key(text: str, key_id: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        digits = list(key_digits(line))
        kept = [key for key in digits if DigestKey.from_hex(key).id != key_id]
        if len(kept) == len(digits):
            yield line
        elif kept:
            yield " ".join(kept) + "\n"


@contextmanager
def _changing(path: Path) -> Iterator[Path]:
    """The file that ``path`` stands for, links followed, while nobody else changes it."""
    real = path.resolve()
    if not real.is_file():
        raise UsageStop(f"there is no key file {path}; the first run of detect makes one")
    try:
        with FileLock(f"{real}.lock", timeout=LOCK_SECONDS):
            yield real
    except Timeout:
        raise UsageStop(f"another command is changing {path}; call this one again") from None
    except OSError as error:
        raise UsageStop(f"cannot change {path}: {error.strerror}") from None


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageStop(f"{path} is not UTF-8; write keys as hexadecimal digits") from None


def _parsed(path: Path, text: str) -> KeyRing:
    try:
        return KeyRing.parse(text)
    except ValueError as error:
        raise UsageStop(f"{path}: {error}") from None


def _replace(path: Path, text: str) -> None:
    """Write another file, flush it to disk, rename it; its owner, and nobody else, reads it."""
    temporary = _written(path.parent, path.name, text, path.stat())
    try:
        os.replace(temporary, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync(path.parent)


def _written(folder: Path, name: str, text: str, owner: os.stat_result | None = None) -> str:
    """Another file in the folder, flushed to disk, that its owner alone reads."""
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=folder)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
            os.fchmod(descriptor, 0o600)
            if owner and os.geteuid() != owner.st_uid:  # root, for the user of a scheduled job
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _sync(folder: Path) -> None:
    """Flushes the names in the folder to disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
