"""Faults on purpose, a table as the result: ``python tests/faults/run.py --kills 100``.

Each case breaks a real run in one way, runs the same command again, and compares what is left with
an undisturbed run. Needs Linux; the right to mount for the full and the read-only disk, faketime
(libfaketime) for the clocks, PostgreSQL's initdb for the server: a case that cannot run is skipped
with the reason. Exit code 1 if something was not as expected.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import clocks
import databases
import disks
import kills
import memory
import servers
import shards
import together
from harness import Trial, Work
from report import Row, add, as_markdown, write

CASES: dict[str, Callable[[Work], Iterator[Trial]]] = {
    "kill": kills.kills,
    "disk-full": disks.full,
    "read-only": disks.read_only,
    "shard-changed": shards.changed,
    "memory": memory.short,
    "clock": clocks.jumps,
    "sqlite-locked": databases.locked,
    "postgresql-stopped": servers.stopped,
    "two-at-once": together.at_once,
}


def main() -> int:
    """Runs the cases and writes ``faults.md`` and ``faults.json``."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=100, help="kills of the case 'kill'")
    parser.add_argument("--only", action="append", choices=CASES, help="this case (repeatable)")
    parser.add_argument("--seed", type=int, default=0, help="of the random moments")
    parser.add_argument(
        "--out", type=Path, help="folder for faults.md and faults.json; cases there stay"
    )
    given = parser.parse_args()
    rows: list[Row] = []
    for name in given.only or CASES:
        with tempfile.TemporaryDirectory(prefix="faults-") as folder:
            work = Work(Path(folder), random.Random(given.seed), given.kills)
            for trial in _trials(name, work):
                add(rows, name, trial)
                if given.out:
                    write(given.out, rows)
    print(as_markdown(rows))
    return int(any(row.problems for row in rows))


def _trials(name: str, work: Work) -> Iterator[Trial]:
    started = time.monotonic()
    for trial in CASES[name](work):
        trial.seconds = trial.seconds or time.monotonic() - started
        problems = "; ".join(trial.problems) or "as expected"
        print(f"{name}: {trial.variant}: exit {trial.codes}: {problems}", file=sys.stderr)
        yield trial
        started = time.monotonic()


if __name__ == "__main__":
    sys.exit(main())
