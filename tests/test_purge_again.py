"""What is done to a finished purge: its quarantine deleted, its shards damaged, called again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from command_line import code_of
from purges import decisions, purge, text, write_data

RECORD = "purged/removal/record.json"
SHARD = Path("purged/shards/p0.parquet")
GIVEN = ("--decisions", "decided.parquet")


@pytest.fixture(autouse=True)
def _purged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows went from two of three shards, each a unit of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)
    monkeypatch.setattr("scrubtrace.purge.job.UNIT_SHARDS", 1)
    write_data()
    decisions([(0, 3), (1, 4)])
    assert purge(*GIVEN) == 0


def files() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path("purged").rglob("*") if path.is_file()}


def input_put_back() -> None:
    shutil.copy("data/p0.parquet", SHARD)


def a_byte_added() -> None:
    SHARD.write_bytes(SHARD.read_bytes() + b"\0")


def digests_gone() -> None:
    Path("purged/removal/digests/p0.parquet").unlink()


def one_of_the_quarantine_gone() -> None:
    Path("purged/quarantine/p0.parquet").unlink()


@pytest.mark.parametrize(
    "damage", [SHARD.unlink, input_put_back, a_byte_added, digests_gone, one_of_the_quarantine_gone]
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_damaged_shard_is_written_again(
    damage: Callable[[], Any], finished: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = files()
    other = Path("purged/shards/p1.parquet").stat().st_mtime_ns
    damage()
    if not finished:
        Path(RECORD).unlink()
    assert purge(*GIVEN) == 0
    assert "shard p0.parquet was not as it was written: written again" in capsys.readouterr().err
    assert files() == whole
    assert Path("purged/shards/p1.parquet").stat().st_mtime_ns == other
    assert code_of("verify", RECORD) == 0
    capsys.readouterr()
    assert purge(*GIVEN) == 0
    assert "written again" not in capsys.readouterr().err


def test_a_damaged_shard_is_not_written_again_from_another_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scrubtrace.purge.job._begin", lambda *_: None)
    SHARD.unlink()
    before = files()
    path = Path("data/p0.parquet")
    path.write_bytes(path.read_bytes().replace(text(0, 9).encode(), text(0, 8).encode()))
    assert purge(*GIVEN) == 4
    told = capsys.readouterr().err
    assert "shard p0.parquet is not as it was written, and its input is another one" in told
    assert files() == before


def test_a_deleted_quarantine_is_told_and_no_problem(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.rmtree("purged/quarantine")
    assert code_of("verify", RECORD) == 0
    told = capsys.readouterr()
    assert "3 shards are as the record says" in told.out
    assert "the quarantine is gone (2 files of the record)" in told.err
    assert purge(*GIVEN) == 0
    assert not list(Path("purged/quarantine").rglob("*.parquet"))
    assert code_of("verify", RECORD) == 0


def test_a_deleted_quarantine_stays_deleted_when_a_shard_is_written_again() -> None:
    before = files()
    shutil.rmtree("purged/quarantine")
    SHARD.unlink()
    assert purge(*GIVEN) == 0
    assert files() == {name: own for name, own in before.items() if "/quarantine/" not in name}


@pytest.mark.parametrize("change", [one_of_the_quarantine_gone, None])
def test_a_single_file_of_the_quarantine_is_a_problem(
    change: Callable[[], Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if change is None:
        Path("purged/quarantine/p0.parquet").write_bytes(b"")
    else:
        change()
    assert code_of("verify", RECORD) == 4
    assert "quarantine/p0.parquet: " in capsys.readouterr().out
