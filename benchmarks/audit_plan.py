"""What drawing costs: rows a CPU second and peak memory, by kind of rows and number of rows.

    python benchmarks/audit_plan.py [--rows 1000000] [--shards 4] [--kind NAME]

Shards are made for it in a temporary folder. No scan is needed: ranges are drawn from directly, in
a process of its own for each line, as workers do it, with a thousand texts kept of each stratum.
``ids only`` reads no text, ``lengths`` looks which are empty, ``texts`` decodes all, as where rows
are dead, ``language`` identifies the language of each, of fewer rows.
"""

import argparse
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines.drawing.partial import Keep, Partial
from scrubtrace.beam_pipelines.drawing.projecting import Held
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Known, Task, draw_range
from scrubtrace.beam_pipelines.drawing.ranking import Ranker
from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.schemas.plan import Columns, RowRange, RunSpec

TASK_ROWS = 1 << 17
SEED = bytes(32)
WORDS = ("kettle", "water", "minute", "boil", "litre", "lid", "steam", "pour", "cup", "a", "the")
KINDS = {
    "ids only": (Held.ALL, False),
    "lengths": (Held.ALIVE, False),
    "texts": (Held.UNKNOWN, False),
    "language": (Held.UNKNOWN, True),
}


def write_shards(folder: Path, shards: int, rows: int) -> None:
    """Shards with ids, four vendors, twelve months, five languages and texts of 800 characters."""
    chance = np.random.default_rng(7)
    pool = [" ".join(chance.choice(WORDS, 160)) for _ in range(5_000)]
    for number in range(shards):
        writer: Any = None
        for first in range(0, rows // shards, TASK_ROWS):
            count = min(TASK_ROWS, rows // shards - first)
            texts = chance.integers(0, len(pool), count)
            months = chance.integers(1, 13, count)
            table = pa.table(
                {
                    "id": [f"row-{number}-{first + n}" for n in range(count)],
                    "vendor": [f"vendor-{n}" for n in chance.integers(0, 4, count)],
                    "created_at": [f"2025-{month:02d}-15T10:00:00" for month in months],
                    "lang": chance.choice(["en", "de", "zh", "ja", "id"], count),
                    "text": [f"{first + n} {pool[t]}" for n, t in enumerate(texts)],
                }
            )
            writer = writer or pq.ParquetWriter(folder / f"{number}.parquet", table.schema)
            writer.write_table(table)
        writer.close()


def peak_mib() -> float:
    """Most memory that this process has held; the count of its parent would include the parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def measure(folder: Path, kind: str, most: int) -> None:
    """Draws from all shards and prints what it cost."""
    held, identify = KINDS[kind]
    groups = {"vendor": "vendor", "created_at": "created_at"}
    columns = Columns("text", "id", None if identify else "lang", groups)
    run = RunSpec("data", columns, (), "", None, "", 1024, 8 << 20, 8, 500)
    spec = DrawSpec(run, ("vendor", "language", "month"), Keep(1_000, 1_000), identify)
    found = read_inputs([f"{folder}/*.parquet"], columns)
    ranker, total = Ranker(SEED), Partial(spec.keep)
    started, before = time.process_time(), peak_mib()
    for number, shard in enumerate(found.shards):
        for first in range(0, most, TASK_ROWS):
            rows = RowRange(shard, first, min(first + TASK_ROWS, most))
            total.merge(draw_range(Task(number, rows, held), spec, ranker, Known()))
    spent = time.process_time() - started
    peak = peak_mib()
    kept = sum(len(s.candidates[False]) for s in total.strata.values())
    print(
        f"{kind:9} {total.rows:11,} rows {spent:7.1f} s {total.rows / spent:10,.0f} rows/CPU s "
        f"{peak:6,.0f} MiB (+{peak - before:,.0f}) {len(total.strata):4} strata "
        f"{kept:9,} texts held, {len(total.to_bytes()) / 2**20:,.1f} MiB as a partial result"
    )


def main() -> None:
    """Measures each kind on all rows and on a quarter of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--kind", choices=KINDS, default=None)
    given = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        write_shards(Path(folder), given.shards, given.rows)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        print(f"{given.rows:,} rows in {given.shards} shards, {size / 2**20:,.0f} MiB")
        for kind in [given.kind] if given.kind else KINDS:
            shard = given.rows // given.shards
            fewest, all_rows = (
                (shard // 20, shard // 4) if kind == "language" else (shard // 4, shard)
            )
            for most in (fewest, all_rows):
                process = context.Process(target=measure, args=(Path(folder), kind, most))
                process.start()
                process.join()


if __name__ == "__main__":
    main()
