"""The digest key of this user: found, or made on first use."""

import os
import secrets
from pathlib import Path

import click

from scrubtrace.beam_pipelines.keys import KEY_VARIABLE, DigestKeyError, read_key
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.identity import KEY_BYTES, DigestKey


def default_key_file() -> Path:
    """Where the key lies unless ``--key-file`` says otherwise."""
    return Path(click.get_app_dir("scrubtrace")) / "digest.key"


def find_key(key_file: str | None, used: set[str]) -> tuple[DigestKey, str | None]:
    """The key and its file (None: it came from the environment).

    Order: ``key_file``, the environment variable, the default file. A file that does not exist
    is made, readable by its owner only, unless digests made with another key exist already:
    ``used`` holds the ids of those. Raises `UsageStop` for a key that is unreadable, lost or
    another one.
    """
    path = _place(key_file)
    if path is not None and not os.path.exists(path):
        _refuse_if_lost(path, used)
        _make_key(Path(path))
    key = _read(path)
    check_same_key(key.id, used)
    return key, path


def check_same_key(key_id: str, used: set[str]) -> None:
    """Raises `UsageStop` if a review table that was made with the keys ``used`` has another key."""
    if used - {key_id}:
        known = ", ".join(sorted(used - {key_id}))
        raise UsageStop(
            f"the digest key changed: this run has key {key_id}, but the review table was made "
            f"with key {known}; give that key with --key-file, or review into a new table"
        )


def existing_key(key_file: str | None) -> tuple[DigestKey | None, str | None]:
    """The key and its file, without making one; raises `UsageStop` for one that is unusable."""
    path = _place(key_file)
    if path is not None and not os.path.exists(path):
        return None, path
    return _read(path), path


def _place(key_file: str | None) -> str | None:
    if key_file is None and KEY_VARIABLE in os.environ:
        return None
    return str(Path(key_file).absolute() if key_file else default_key_file())


def _read(path: str | None) -> DigestKey:
    try:
        return read_key(path)
    except DigestKeyError as error:
        raise UsageStop(str(error)) from None


def _refuse_if_lost(path: str, used: set[str]) -> None:
    if used:
        known = ", ".join(sorted(used))
        raise UsageStop(
            f"the digest key is lost: there is no {path}, but the review table was made with key "
            f"{known}; restore the file, or review into a new table"
        )


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise UsageStop(f"cannot make the digest key {path}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
