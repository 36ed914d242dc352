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


def shares_of(text: str, reviewers: Sequence[str], overlap: float) -> tuple[str, ...]:
    """The reviewers who get a text: `share_of`, and for a share of texts the next one, too.

    Which texts those are depends on the text alone: with a larger share, they stay among them.
    """
    first = share_of(text, reviewers)
    others = [name for name in reviewers if name != first]
    if not others or fraction_of(f"overlap\0{text}") >= overlap:
        return (first,)
    return first, share_of(text, others)


def fraction_of(text: str) -> float:
    """A number from 0 to below 1 that depends on the text and on nothing else."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:13], 16) / 16**13


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
