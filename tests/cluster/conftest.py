"""Shards of the cluster tests, and what one process makes of them."""

from pathlib import Path

import pytest
from corpus import detect, results, write_shards


@pytest.fixture(scope="session")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="session")
def local(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process writes."""
    out = tmp_path_factory.mktemp("local")
    assert detect(shards, out).returncode == 0
    return results(out)
