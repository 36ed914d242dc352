"""Shares of reviewers: who looks at which text."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from scrubtrace.review.errors import ReviewError


def share_of(text: str, reviewers: Sequence[str]) -> str:
    """The reviewer who gets a text, by its id: the same one in every export.

    Rendezvous hashing (Thaler and Ravishankar, 1998): with one reviewer more or less, only the
    texts of that one change hands.
    """
    return max(reviewers, key=lambda name: (_weight(name, text), name))


def file_of(path: Path, reviewer: str) -> Path:
    """The file of one reviewer beside ``path``."""
    return path.with_name(f"{path.stem}-{reviewer}{path.suffix}")


def checked_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names that can be part of a file name, none twice; raises ReviewError."""
    for name in names:
        if not all(letter.isalnum() or letter in "._-" for letter in name) or not name:
            raise ReviewError("names to assign to have letters, digits, dots, - and _ only")
        if name.isdigit():
            raise ReviewError(f"{name} looks like the number of a split file: add a letter")
    if len({name.casefold() for name in names}) < len(names):
        raise ReviewError("a name to assign to is there twice")
    return tuple(names)


def _weight(name: str, text: str) -> str:
    return hashlib.sha256(f"{name}\0{text}".encode()).hexdigest()
