"""A PostgreSQL server of the tests' own, as the faults have it."""

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def own_server() -> Iterator[Any]:
    """A running `faults.postgresql.Server`; skips the test with a reason if there can be none."""
    place = Path(__file__).parents[1] / "faults" / "postgresql.py"
    found = importlib.util.spec_from_file_location("postgresql", place)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    if why := module.missing():
        pytest.skip(why)
    with module.server() as running:
        yield running
