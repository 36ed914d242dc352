"""Counts in an order that depends on nothing but them."""

from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def ranked(counts: Mapping[Key, int]) -> list[tuple[Key, int]]:
    """Keys and counts, the greatest first, equal ones by name; None comes behind names."""
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0] is None, _name(pair[0])))


def _name(key: object) -> str:
    return "\0".join(map(str, key)) if isinstance(key, tuple) else str(key)
