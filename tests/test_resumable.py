"""What a machine refuses in the middle of a run: exit 3, a way on, and the same result after it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace import commit, log
from scrubtrace.beam_pipelines import layout, reading, scan, storage
from scrubtrace.beam_pipelines.layout import remove_unplanned, runs_of
from scrubtrace.cli import main
from scrubtrace.exits import Exit, IncompleteStop
from scrubtrace.resumable import resumable
from scrubtrace.review.errors import ReviewError
from scrubtrace.schemas.plan import Columns, RowRange, Shard

FLAGGED = "As an AI language model, I have never seen the walnut canary."
Raises = Callable[..., Any]


def raising(error: BaseException) -> Raises:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def refusing(number: int, part: str) -> Raises:
    """`write_atomic` that the operating system refuses for paths with ``part``."""
    write = storage.write_atomic

    def write_atomic(path: str, content: bytes) -> None:
        if part in path:
            raise OSError(number, os.strerror(number), path)
        write(path, content)

    return write_atomic


@pytest.fixture(autouse=True)
def _shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    (tmp_path / "data").mkdir()
    pq.write_table(pa.table({"id": ["x", "y"], "text": [FLAGGED, "Soup."]}), "data/a.parquet")


def detect() -> int:
    arguments = ["detect", "data/*.parquet", "--out", "out", "--id-column", "id", "--quiet"]
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


LOCKED = ReviewError("database is locked")


@pytest.mark.parametrize(
    ("module", "name", "instead", "message"),
    [
        (storage, "write_atomic", refusing(errno.ENOSPC, "run.json"), "the disk is full"),
        (storage, "write_atomic", refusing(errno.ENOSPC, "plan.parquet"), "the disk is full"),
        (storage, "write_atomic", refusing(errno.EROFS, "manifest"), "system is read-only"),
        (storage, "write_atomic", refusing(errno.ENOSPC, "receipts"), "1 units could not be wri"),
        (storage, "make_folders", raising(OSError(errno.EROFS, "")), "system is read-only"),
        (commit, "upsert_items", raising(LOCKED), "database is locked; what is done is kept"),
        (commit, "record_run", raising(LOCKED), "database is locked; what is done is kept"),
        (scan, "scan_unit", raising(MemoryError("canary")), "not enough memory: use fewer"),
        (commit, "check_balance", raising(MemoryError("canary")), "not enough memory: use fewer"),
    ],
)
def test_a_machine_that_refuses_is_no_bug_and_the_same_command_goes_on(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    module: Any,
    name: str,
    instead: Raises,
    message: str,
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, name, instead)
        assert detect() == Exit.INCOMPLETE
    said = capfd.readouterr().err
    assert message in said
    assert "the same command goes on from there" in said
    assert "canary" not in said
    assert detect() == Exit.DONE
    assert [run.is_committed() for run in runs_of("out")] == [True]
    assert len(os.listdir("out/runs")) == 1


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, ""), ValueError("a bug")])
def test_other_errors_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error)), resumable():
        raise error
    with pytest.raises(IncompleteStop, match="out/x: the disk is full"), resumable():
        raise OSError(errno.ENOSPC, "", "out/x")


@pytest.mark.parametrize(
    ("keeps", "way_on"),
    [
        (True, "the same command goes on from"),
        (False, "the same command starts from the beginning"),
    ],
)
def test_the_way_on_is_that_of_the_command(keeps: bool, way_on: str) -> None:
    for error in (OSError(errno.ENOSPC, ""), MemoryError(), ReviewError("locked")):
        with log.one_command(), pytest.raises(IncompleteStop, match=way_on), resumable(keeps):
            raise error
    with log.one_command():
        with resumable(keeps):
            pass
        assert way_on in log.interruption("interrupted")
    assert "from the beginning" in log.interruption("interrupted")


def test_rows_that_do_not_fit_into_memory_are_not_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "decode", raising(pa.ArrowMemoryError("malloc")))
    monkeypatch.setattr(reading, "check_unchanged", lambda *_: None)
    shard = Shard("data/a.parquet", "a.parquet", 0, "", "", 2)
    with pytest.raises(MemoryError):
        list(reading.read_range(RowRange(shard, 0, 2), Columns("text"), 10, 1000))


def test_only_run_folders_without_a_plan_are_removed() -> None:
    assert detect() == Exit.DONE
    unplanned = Path("out/runs") / layout.new_run_id([])
    (unplanned / "receipts").mkdir(parents=True)
    (unplanned / ".part-x").touch()
    (Path("out/runs") / "mine").mkdir()
    before = [run.id for run in runs_of("out")]
    remove_unplanned("out")
    assert sorted(os.listdir("out/runs")) == sorted([*before, "mine"])
