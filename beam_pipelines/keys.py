"""Reading the digest key where a worker runs: from the environment or a file."""

import os

from scrubtrace.schemas.identity import DigestKey

KEY_VARIABLE = "SCRUBTRACE_KEY"
"""Environment variable that holds the digest key as 64 hexadecimal digits."""


class DigestKeyError(ValueError):
    """A digest key that is missing, malformed, or not the one that the run was planned with."""


def read_key(path: str | None, expected_id: str | None = None) -> DigestKey:
    """The key from the file, or from `KEY_VARIABLE` if ``path`` is None.

    Raises `DigestKeyError` if there is none, or if its id is not ``expected_id``.
    """
    place = path or f"the environment variable {KEY_VARIABLE}"
    try:
        text = _text_of(path) if path else os.environ[KEY_VARIABLE]
        key = DigestKey.from_hex(text)
    except KeyError:
        raise DigestKeyError(f"no digest key: {place} is not set") from None
    except OSError as error:
        raise DigestKeyError(f"cannot read the digest key {place}: {error.strerror}") from None
    except ValueError as error:
        raise DigestKeyError(f"{place}: {error}") from None
    if expected_id is not None and key.id != expected_id:
        problem = f"{place} holds key {key.id}, but key {expected_id} is needed"
        raise DigestKeyError(f"{problem}; digests made with different keys cannot be compared")
    return key


def _text_of(path: str) -> str:
    """The text of a small file; raises OSError, or ValueError if it is not text."""
    with open(path, encoding="ascii") as file:
        return file.read()
