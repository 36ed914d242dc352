"""Files of `clusters` and `compare`: whole or not there, and no other file is touched."""

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scrubtrace.clusters.job import TABLE, Found, write_clusters
from scrubtrace.compare.job import write_report


def clusters(out: str) -> None:
    write_clusters(Found([], [], 1, 0), out)
    assert pq.read_schema(out).equals(TABLE)


def comparison(out: str) -> None:
    write_report({"groups": ["北"]}, out)
    assert json.loads(Path(out).read_bytes()) == {"groups": ["北"]}


@pytest.mark.parametrize("write", [clusters, comparison])
def test_a_disk_that_is_full_leaves_the_earlier_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    own = Path(".found")
    own.write_text("a file of somebody else")
    write("deep/found")
    write("found")
    assert oct(Path("found").stat().st_mode & 0o777) == "0o644"
    Path("found").write_text("from before")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="no space"):
            write("found")
    assert Path("found").read_text() == "from before"
    assert own.read_text() == "a file of somebody else"
    assert sorted(os.listdir()) == [".found", "deep", "found"]
