"""Long drills (``make drill``): faults on purpose, millions of rows. Not part of CI."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
FAULTS = REPOSITORY / "tests" / "faults" / "run.py"
KILLS = 12
"""Kills of a drill: two in each phase, with 1 and with 2 workers."""


@pytest.mark.parametrize(
    "case",
    [
        "kill",
        "disk-full",
        "read-only",
        "shard-changed",
        "memory",
        "clock",
        "sqlite-locked",
        "postgresql-stopped",
        "two-at-once",
    ],
)
def test_after_a_fault_the_same_command_ends_with_the_same_result(case: str) -> None:
    command = [sys.executable, FAULTS, "--only", case, "--kills", str(KILLS)]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    if "skipped" in ran.stdout:
        pytest.skip(ran.stdout)


def test_a_million_rows_are_all_accounted_for() -> None:
    script = REPOSITORY / "benchmarks" / "memory.py"
    ran = subprocess.run(
        [sys.executable, script], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    ratio = float(ran.stdout.rsplit(" ", 1)[1])
    assert ratio <= 1.25, ran.stdout
