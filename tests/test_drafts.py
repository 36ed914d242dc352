"""Drafts of exports: none stays of a command that was killed or interrupted."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command_line import code_of
from samples import FLAGGED

from scrubtrace.review.drafts import LEFT_SECONDS, draft_of, remove_drafts

URL = "sqlite:///review.sqlite"
GONE = 2**22 + 1
"""No process has this number: Linux gives none above 2^22."""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SCRUBTRACE_KEY", "ab" * 32)


def drafts() -> list[str]:
    return sorted(path.name for path in Path().glob(".*.draft"))


def left(draft: Path, pid: int) -> Path:
    """A draft as another process would have made it."""
    other = draft.with_name(draft.name.replace(f".{os.getpid()}", f".{pid}"))
    other.write_text("a text")
    return other


def test_what_an_ended_process_left_is_removed() -> None:
    path = Path("a[1].csv")
    gone = left(draft_of(path), GONE)
    part = left(draft_of(path, 3), GONE)
    running = left(draft_of(path), os.getppid())
    other = left(draft_of(Path("b.csv")), GONE)
    own = Path(".a[1].csv.notes.draft")
    own.write_text("somebody's own")
    same = Path(f".a[1].csv.{gone.name.split('.')[-3]}.{os.getpid()}.7.draft")
    same.write_text("a text")
    draft_of(path)
    assert not gone.exists()
    assert not same.exists(), "the number of the process was another's before"
    assert not part.exists()
    assert running.exists()
    assert other.exists(), "of another file"
    assert own.exists()


def test_a_draft_of_another_machine_is_removed_once_nobody_writes_to_it() -> None:
    path = Path("a.csv")
    host = Path(f".a.csv.elsewhere.{GONE}.draft")
    host.write_text("a text")
    draft_of(path)
    assert host.exists()
    long_ago = time.time() - LEFT_SECONDS - 9
    os.utime(host, (long_ago, long_ago))
    draft_of(path)
    assert not host.exists()


def test_drafts_are_removed_when_the_process_ends_without_unwinding() -> None:
    draft = draft_of(Path("a.csv"))
    draft.write_text("a text")
    remove_drafts()
    assert drafts() == []


def stopped(command: list[str], end: signal.Signals) -> None:
    """Stops the command while its event waits for the table, with its draft written."""
    locked = sqlite3.connect("review.sqlite", isolation_level=None)
    locked.execute("begin immediate")  # its event waits for this
    running = subprocess.Popen([Path(sys.executable).with_name("scrubtrace"), *command])
    for _ in range(600):
        if drafts():
            break
        time.sleep(0.05)
    assert drafts()
    running.send_signal(end)
    if end == signal.SIGKILL:
        running.wait(30)
    locked.execute("rollback")
    locked.close()
    running.wait(30)


@pytest.mark.parametrize("form", ["csv", "parquet", "sheet"])
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_export_that_is_stopped_leaves_nothing_for_long(form: str, end: signal.Signals) -> None:
    texts = [f"{FLAGGED} {number}" for number in range(5)]
    pq.write_table(pa.table({"text": texts}), "a.parquet")
    assert code_of("detect", "a.parquet", "--out", "out", "--review", URL, "--quiet") == 0
    command = ["sheet"] if form == "sheet" else ["export", "--format", form]
    name = {"csv": "made.txt", "parquet": "made.parquet", "sheet": "made.html"}[form]
    whole = ["review", *command, "--review", URL, "--out", name]
    stopped(whole, end)
    assert not Path(name).exists()
    if end == signal.SIGINT:
        assert drafts() == []
    assert code_of(*whole) == 0
    assert Path(name).exists()
    assert drafts() == []


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_seed_whose_making_was_stopped_is_made_by_the_same_command(end: signal.Signals) -> None:
    seed = ["audit", "seed", "--review", URL, "--out", "a.seed"]
    assert code_of("audit", "seed", "--review", URL, "--out", "first.seed") == 0
    stopped(seed, end)
    assert not Path("a.seed").exists(), "it is not in the log"
    assert code_of(*seed) == 0
    assert Path("a.seed").stat().st_mode & 0o777 == 0o600
    assert drafts() == []
    assert code_of(*seed) == 2, "a seed is never replaced"
