"""What ``audit run`` costs: counting the flags of a data set, by rows and findings.

    python benchmarks/audit_flags.py [--rows 1000000] [--labelers 1000]

Every tenth row of made shards has a phrase that flags. They are scanned for it with the detector
of phrases, into a temporary folder; then flags are counted in a process of its own for each line,
with as many labelers as are given, four vendors and twelve months.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.audit.flags import count_flags
from scrubtrace.config import load_config

FLAGGED = "As an AI language model, I cannot boil the kettle in minute"
PLAIN = "The kettle was on the stove and the lid was off in minute"
SHARDS = 4
GROUPS = "labeler=labeler,vendor=vendor,created_at=created_at"


def write_shards(folder: Path, rows: int, labelers: int) -> None:
    """Shards of short texts, a tenth of them flagged."""
    chance = np.random.default_rng(7)
    each = rows // SHARDS
    for number in range(SHARDS):
        table = {
            "text": [f"{PLAIN if n % 10 else FLAGGED} {number}-{n}." for n in range(each)],
            "labeler": [f"labeler-{n}" for n in chance.integers(0, labelers, each)],
            "vendor": [f"vendor-{n}" for n in chance.integers(0, 4, each)],
            "created_at": [f"2025-{n:02d}-15" for n in chance.integers(1, 13, each)],
            "lang": ["en"] * each,
        }
        pq.write_table(pa.table(table), folder / f"{number}.parquet")


def scan(folder: Path, dataset: str) -> None:
    """Scans the shards by the command line."""
    program = str(Path(sys.executable).with_name("scrubtrace"))
    command = [
        program, "detect", f"{folder}/*.parquet", "--quiet",
        "--out", f"{folder}/out", "--review", f"sqlite:///{folder}/review.sqlite",
        "--dataset", dataset, "--group-by", GROUPS, "--language-column", "lang",
        "--set", "scan.detectors=['boilerplate']",
    ]  # fmt: skip
    subprocess.run(command, check=True, env=os.environ | {"SCRUBTRACE_KEY": "ab" * 32})


def peak_mib() -> float:
    """Most memory that this process has held."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(folder: Path, dataset: str, rows: int) -> None:
    """Counts flags and prints what it cost."""
    config = load_config(None)
    started, before = time.process_time(), peak_mib()
    found = count_flags(f"{folder}/out", dataset, config)
    spent = time.process_time() - started
    total = found.sum_of()
    print(
        f"{rows:11,} rows {total.flagged:9,} flagged {len(found.tallies):9,} cells "
        f"{spent:7.1f} s of CPU, {total.flagged / spent:9,.0f} flagged/s, "
        f"{peak_mib():6,.0f} MiB (+{peak_mib() - before:,.0f})",
        flush=True,
    )


def main() -> None:
    """Measures a quarter of the rows and all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--labelers", type=int, default=1_000)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for rows in (given.rows // 4, given.rows):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_shards(folder, rows, given.labelers)
            scan(folder, "made")
            process = context.Process(target=measure, args=(folder, "made", rows))
            process.start()
            process.join()


if __name__ == "__main__":
    main()
