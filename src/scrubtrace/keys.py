"""The digest keys of this user: found, or the first one made."""

import os
from collections.abc import Sequence
from pathlib import Path

import click

from scrubtrace.beam_pipelines.keys import KEY_VARIABLE, DigestKeyError, key_place, read_keys
from scrubtrace.exits import UsageStop
from scrubtrace.key_file import make_first_key
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import RunSpec


def default_key_file() -> Path:
    """Where the keys lie unless ``--key-file`` says otherwise."""
    return Path(click.get_app_dir("scrubtrace")) / "digest.key"


def find_keys(key_file: str | None, used: set[str]) -> tuple[KeyRing, str | None]:
    """The keys and their file (None: they came from the environment).

    Order: ``key_file``, the environment variable, the default file. A file that does not exist
    is made, readable by its owner only, unless digests made with another key exist already:
    ``used`` holds the ids of those. Raises `UsageStop` for keys that are unreadable, lost or
    others.
    """
    path = place_of_keys(key_file)
    if path is not None and not os.path.exists(path):
        _refuse_if_lost(path, used)
        make_first_key(Path(path))
    keys = read_ring(path)
    check_same_key(keys.ids, used)
    return keys, path


def check_same_key(held: Sequence[str], used: set[str]) -> None:
    """Raises `UsageStop` if a review table has digests of a key that is not ``held``.

    ``held`` are the ids of the active and the retired keys, ``used`` those that the items need.
    """
    if missing := used - set(held):
        known = ", ".join(sorted(missing))
        raise UsageStop(
            f"the digest key changed: this run has key {', '.join(held)}, but the review table was "
            f"made with key {known}; give that key with --key-file, add it below yours as a "
            "retired key, or review into a new table (after a rotation, call detect again, not "
            "commit)"
        )


def existing_keys(key_file: str | None) -> tuple[KeyRing | None, str | None]:
    """The keys and their file, without making one; raises `UsageStop` for unusable ones."""
    path = place_of_keys(key_file)
    if path is not None and not os.path.exists(path):
        return None, path
    return read_ring(path), path


def place_of_keys(key_file: str | None) -> str | None:
    """The file with the keys, which may not exist yet; None if they are in the environment."""
    if key_file is None and KEY_VARIABLE in os.environ:
        return None
    return str(Path(key_file).absolute() if key_file else default_key_file())


def read_ring(path: str | None) -> KeyRing:
    """The keys in the file, or in the environment if ``path`` is None; raises `UsageStop`."""
    try:
        return read_keys(path)
    except DigestKeyError as error:
        raise UsageStop(str(error)) from None


def keys_of_run(spec: RunSpec) -> KeyRing:
    """The keys that a scanned run was planned with, from its file or where they usually are.

    Those of its retired keys that are still there: what it recognised by others is in its parts.
    Raises `UsageStop` if its active key is missing.
    """
    recorded = spec.key_file if spec.key_file and os.path.exists(spec.key_file) else None
    path = place_of_keys(recorded)
    ring = read_ring(path)
    if spec.key_id not in ring.by_id:
        raise UsageStop(
            f"{key_place(path)} holds key {', '.join(ring.ids)}, but the run was made with key "
            f"{spec.key_id}: put it below the first one there, or call detect again"
        )
    retired = [key_id for key_id in spec.retired_key_ids if key_id in ring.by_id]
    return ring.selected(spec.key_id, retired)


def _refuse_if_lost(path: str, used: set[str]) -> None:
    if used:
        known = ", ".join(sorted(used))
        raise UsageStop(
            f"the digest key is lost: there is no {path}, but the review table was made with key "
            f"{known}; restore the file, give the digests up with `scrubtrace keys drop ID --force`"
            ", or review into a new table"
        )
