"""Checks of what detectors are made with; options come from configuration files."""

from collections.abc import Iterable, Mapping
from typing import Any

LEAST_MEMORY = 1 << 24
"""Below some mebibytes the automaton cannot be built, in bytes."""


def check_flag(name: str, value: Any) -> None:
    """Raises ValueError unless the option is true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} is true or false, not {value!r}")


def check_keys(name: str, value: Any, known: Iterable[str]) -> None:
    """Raises ValueError unless the option is a table with known keys only."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} is a table, not {value!r}")
    if unknown := sorted(set(value) - set(known)):
        raise ValueError(f"{name}: unknown key {unknown[0]!r}; choices: {', '.join(known)}")


def check_memory(value: Any) -> None:
    """Raises ValueError unless the option is a number of bytes that an automaton can do with."""
    if not isinstance(value, int) or value < LEAST_MEMORY:
        raise ValueError(f"max_memory is at least {LEAST_MEMORY}, not {value!r}")


def check_names(name: str, value: Any) -> None:
    """Raises ValueError unless the option is a list of texts."""
    is_list = isinstance(value, Iterable) and not isinstance(value, str | Mapping)
    if not is_list or not all(isinstance(entry, str) for entry in value):
        raise ValueError(f"{name} is a list of texts, not {value!r}")


def check_texts(name: str, value: Any) -> None:
    """Raises ValueError unless the option is a table of texts by name."""
    is_table = isinstance(value, Mapping)
    if not is_table or not all(isinstance(entry, str) for pair in value.items() for entry in pair):
        raise ValueError(f"{name} is a table of texts, not {value!r}")
