"""Imports killed at random moments (``make drill``): all of a file is stored, or nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from decision_files import events, item, key, line, saved, stored
from sqlalchemy import Engine

from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.store import upsert_items
from scrubtrace.review.trail.verify import verify

KILLS, LINES = 50, 1_500
IMPORT = """
import sys
from pathlib import Path
from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
engine = open_review(sys.argv[1])
print("ready", flush=True)
import_decisions(engine, Path(sys.argv[2]), sys.argv[3])
print("done", flush=True)
"""


def _import(url: str, path: Path, reviewer: str, after: float | None) -> float:
    """Starts an import and kills it ``after`` seconds, or waits; gives the seconds it took."""
    command = [sys.executable, "-c", IMPORT, url, str(path), reviewer]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    started = time.monotonic()
    if after is None:
        assert child.stdout.readline() == "done\n"
        took = time.monotonic() - started
    else:
        time.sleep(after)
        took = after
        child.send_signal(signal.SIGKILL)
    child.communicate()
    return took


def _one_kill(engine: Engine, url: str, path: Path, number: int, after: float) -> str:
    """Kills one import of a file of its own, then imports it whole; gives what was found."""
    word = ("concur", "dismiss")[number % 2]
    path.write_bytes(saved([line(n, word, "", f"round {number}") for n in range(LINES)]))
    before = len(stored(engine)), events(engine)
    reviewer = f"reviewer {number}"
    _import(url, path, reviewer, after)
    now = len(stored(engine)), events(engine)
    assert now in (before, (before[0] + LINES, before[1] + 1)), (number, before, now)
    assert verify(engine).problems == []
    again = import_decisions(engine, path, reviewer)
    assert again.stored + (now[0] - before[0]) == LINES
    assert verify(engine).problems == []
    return "nothing" if now == before else "all"


def test_imports_killed_at_random_moments(url: str, tmp_path: Path) -> None:
    engine = open_review(url)
    upsert_items(engine, [item(number) for number in range(LINES)], "run1")
    path = tmp_path / "decided.csv"
    path.write_bytes(saved([line(n, "concur", "", "first") for n in range(LINES)]))
    whole = max(_import(url, path, name, None) for name in ("anna", "ben", "cara"))
    chance = random.Random(7)
    kills = int(os.environ.get("SCRUBTRACE_KILLS", KILLS))
    found = [_one_kill(engine, url, path, n, chance.uniform(0, 3 * whole)) for n in range(kills)]
    nothing, whole_file = found.count("nothing"), found.count("all")
    sys.stdout.write(f"{kills} kills within {whole:.2f} s: {nothing} times nothing stored, ")
    sys.stdout.write(f"{whole_file} times all\n")
    assert key(0) in {row["item_key"] for row in stored(engine)}
    engine.dispose()
