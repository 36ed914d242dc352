"""Speed and memory of ``scrubtrace purge`` beside a bare read and write by pyarrow.

    python benchmarks/purge_speed.py --gigabytes 5 --folder DATA

Makes a shard of that size in the folder, from pieces of made-up text (words as frequent as in
language, after Zipf), and a decisions file about
some of its rows. Then each runs in a process of its own: a loop that reads the shard in batches and
writes it again row group by row group, and the command as a user calls it. CPU seconds and the peak
of memory are those of the operating system. The shard is deleted afterwards, unless it is kept.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.schemas.decided import DECIDED
from scrubtrace.schemas.identity import DigestKey, item_key

KEY = "ab" * 32
GROUP_ROWS = 50_000
CHARS = 1_000
PIECES = 8
WORDS = 4_000_000


def main() -> None:
    """Makes the shard, measures both, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.5)
    parser.add_argument("--share", type=float, default=0.01, help="share of rows that go")
    parser.add_argument("--compression", default="snappy")
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/purge"))
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--bare", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    shard = given.folder / "data" / "part-0.parquet"
    if given.bare:
        bare(*given.bare)
        return
    if given.make:
        make(shard, given.gigabytes, given.share, given.compression)
        return
    shard.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Of a process of its own: what this one held would count as memory of those it starts.
        subprocess.run([sys.executable, *sys.argv, "--make"], check=True)
        report(given.folder, shard)
    finally:
        if not given.keep:
            shutil.rmtree(given.folder)


def report(folder: Path, shard: Path) -> None:
    """Runs both and prints what they cost."""
    rows = pq.ParquetFile(shard).metadata.num_rows
    gone = pq.ParquetFile(folder / "decided.parquet").metadata.num_rows
    copy, out = folder / "bare.parquet", folder / "purged"
    size = shard.stat().st_size / 1e9
    print(f"shard of {size:.2f} GB, {rows:,} rows, {gone:,} to go")
    command = [sys.executable, __file__, "--bare", str(shard), str(copy)]
    alone = cost(command)
    print(
        f"bare read and write: {alone[0]:7.1f} CPU-s, {alone[1]:7.1f} s, peak {alone[2]:6.0f} MiB"
    )
    scrubtrace = str(Path(sys.executable).with_name("scrubtrace"))
    command = [
        scrubtrace, "purge", str(shard), "--decisions", str(folder / "decided.parquet"),
        "--id-column", "id", "--out", str(out), "--hold-decision", "none", "--quiet",
    ]  # fmt: skip
    own = cost(command)
    left = pq.ParquetFile(out / "shards" / shard.name).metadata.num_rows
    assert left == rows - gone, f"{left} rows are left"
    print(f"scrubtrace purge:    {own[0]:7.1f} CPU-s, {own[1]:7.1f} s, peak {own[2]:6.0f} MiB")
    record = str(out / "removal" / "record.json")
    again = cost([scrubtrace, "verify", record, "--every-row"])
    print(
        f"verify --every-row:  {again[0]:7.1f} CPU-s, {again[1]:7.1f} s, peak {again[2]:6.0f} MiB"
    )
    side = sum(path.stat().st_size for path in (out / "removal").rglob("*") if path.is_file())
    print(f"beside the record: {side / 1e6:.1f} MB, {side / rows:.1f} bytes a row")
    print(f"speed of purge / speed of bare read and write: {alone[0] / own[0]:.2f}")


def cost(command: Sequence[str]) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak MiB of a process and those that it started."""
    started = time.monotonic()
    process = subprocess.Popen(command, env=os.environ | {"SCRUBTRACE_KEY": KEY})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with exit code {process.returncode}")
    cpu = usage.ru_utime + usage.ru_stime
    return cpu, time.monotonic() - started, usage.ru_maxrss / 1024


def bare(source: str, target: str) -> None:
    """Reads and writes a shard, one row group at a time, in one thread."""
    file = pq.ParquetFile(source, buffer_size=1 << 20, pre_buffer=False)
    compression = file.metadata.row_group(0).column(0).compression
    with pq.ParquetWriter(target, file.schema_arrow, compression=compression) as writer:
        for group in range(file.metadata.num_row_groups):
            batches = file.iter_batches(8_192, [group], use_threads=False)
            table = pa.Table.from_batches(list(batches))
            writer.write_table(table, row_group_size=table.num_rows)


def make(shard: Path, gigabytes: float, share: float, compression: str) -> None:
    """Writes the shard, and the decisions beside its folder."""
    rng = random.Random(5)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10)))
             for _ in range(20_000)]  # fmt: skip
    zipf = [1 / rank for rank in range(1, len(words) + 1)]
    text = " ".join(rng.choices(words, zipf, k=WORDS))
    key, numbers = DigestKey.from_hex(KEY), np.random.default_rng(5)
    decided: list[dict[str, Any]] = []
    rows, writer = 0, None
    while writer is None or shard.stat().st_size < gigabytes * 1e9:
        starts = numbers.integers(0, len(text) - CHARS, (GROUP_ROWS, PIECES)).tolist()
        size = CHARS // PIECES
        texts = ["".join(text[s : s + size] for s in own) for own in starts]
        table = pa.table(
            {
                "id": [f"row-{rows + n}" for n in range(GROUP_ROWS)],
                "text": texts,
                "source": pa.array([f"source {s[0] % 9}" for s in starts]).dictionary_encode(),
                "score": numbers.random(GROUP_ROWS),
                "label": pa.array(numbers.integers(0, 5, GROUP_ROWS), pa.int8()),
            }
        )
        if writer is None:
            writer = pq.ParquetWriter(shard, table.schema, compression=compression)
        writer.write_table(table, row_group_size=GROUP_ROWS)
        for row in np.flatnonzero(numbers.random(GROUP_ROWS) < share).tolist():
            decided.append(_decided(shard.name, rows + row, key.digest(texts[row]), key.id))
        rows += GROUP_ROWS
    writer.close()
    pq.write_table(pa.Table.from_pylist(decided, DECIDED), shard.parents[1] / "decided.parquet")


def _decided(shard: str, row: int, digest: str, key_id: str) -> dict[str, Any]:
    known: dict[str, Any] = {
        "item_key": item_key("data", shard, row, f"row-{row}", 0, "text"), "row_version": 1,
        "dataset": "data", "shard": shard, "row_index": row, "row_id": f"row-{row}",
        "occurrence": 0, "field": "text", "language": "en", "text_digest": digest,
        "key_id": key_id, "evidence_fingerprint": "e", "flagged": True, "kind": "llm_text",
        "priority": 1, "first_run": "r", "last_run": "r", "state": "concur",
        "decision": "concur", "reviewers": ["anna"], "decision_ids": ["d"],
    }  # fmt: skip
    return {name: known.get(name) for name in DECIDED.names}


if __name__ == "__main__":
    main()
