"""Reading the digest keys where a worker runs: from the environment or a file."""

import os

from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import RunSpec

KEY_VARIABLE = "SCRUBTRACE_KEY"
"""Environment variable that holds the digest keys, as `KeyRing.parse` reads them."""


class DigestKeyError(ValueError):
    """Digest keys that are missing, malformed, or not those that the run was planned with."""


def read_keys(path: str | None) -> KeyRing:
    """The keys in the file, or in `KEY_VARIABLE` if ``path`` is None.

    Raises `DigestKeyError`, which never repeats what stands there.
    """
    place = key_place(path)
    try:
        return KeyRing.parse(_text_of(path) if path else os.environ[KEY_VARIABLE])
    except KeyError:
        raise DigestKeyError(f"no digest key: {place} is not set") from None
    except OSError as error:
        raise DigestKeyError(f"cannot read the digest key {place}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise DigestKeyError(f"{place}: not UTF-8; write keys as hexadecimal digits") from None
    except ValueError as error:
        raise DigestKeyError(f"{place}: {error}") from None


def planned_keys(spec: RunSpec) -> KeyRing:
    """The keys that the run was planned with, wherever they stand here.

    By id, not by order: the keys may be rotated while a run goes on. Raises `DigestKeyError` if
    one is not here.
    """
    keys = read_keys(spec.key_file)
    try:
        return keys.selected(spec.key_id, spec.retired_key_ids)
    except KeyError as missing:
        held = ", ".join(keys.ids)
        raise DigestKeyError(
            f"{key_place(spec.key_file)} holds key {held}, but key {missing.args[0]} is needed: "
            "give every worker the keys that the run was planned with"
        ) from None


def key_place(path: str | None) -> str:
    """Where the keys are, for messages."""
    return path or f"the environment variable {KEY_VARIABLE}"


def _text_of(path: str) -> str:
    """The text of a small file; raises OSError, or UnicodeDecodeError if it is not text."""
    with open(path, encoding="utf-8-sig") as file:
        return file.read()
