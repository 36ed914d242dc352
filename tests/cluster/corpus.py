"""Shards for the cluster tests, and the command that scans them."""

import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines.layout import runs_of

KEY = "ab" * 32
SHARDS = 6
UNITS_OF_SHARD = 4
UNIT_ROWS = 3000
UNITS = SHARDS * UNITS_OF_SHARD

_WORDS = "soup was too salty we ate it near green river while old dogs slept under wooden tables"
_FLAGGED = "As an AI language model, I have never tasted soup."
_SCRUBTRACE = Path(sys.executable).with_name("scrubtrace")


def write_shards(folder: Path) -> Path:
    """Shards of plain sentences, every fiftieth row with a phrase that is flagged."""
    rng = random.Random(7)
    words = _WORDS.split()
    for shard in range(SHARDS):
        rows = range(UNITS_OF_SHARD * UNIT_ROWS)
        texts = [" ".join(rng.choices(words, k=60)) + "." for _ in rows]
        texts[::50] = [f"{_FLAGGED} {text}" for text in texts[::50]]
        table = pa.table({"id": [f"{shard}-{row}" for row in rows], "text": texts})
        pq.write_table(table, folder / f"{shard}.parquet", row_group_size=UNIT_ROWS)
    return folder


def detect(
    shards: Path, out: Path, beam_options: Sequence[str] = (), start_only: bool = False
) -> Any:
    """Runs ``scrubtrace detect`` to its end, or gives the process that runs it."""
    command = [str(_SCRUBTRACE), "detect", f"{shards}/*.parquet", "--out", os.path.relpath(out)]
    command += ["--id-column", "id", "--quiet", "--set", f"scan.unit_rows={UNIT_ROWS}"]
    command += ["--", *beam_options] if beam_options else []
    environment = {"SCRUBTRACE_KEY": KEY, **os.environ}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, text=True, env=environment, **pipes)
    if start_only:
        return process
    output, errors = process.communicate(timeout=600)
    return subprocess.CompletedProcess(command, process.returncode, output, errors)


def results(out: Path) -> dict[str, bytes]:
    """What the newest run of an output folder wrote, and the plan it was made from."""
    folder = Path(runs_of(str(out))[-1].path)
    names = ("parts", "receipts", "id_hashes", "counts", "dead_letters", "plan.parquet")
    paths = (path for name in names for path in [folder / name, *(folder / name).rglob("*")])
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}
