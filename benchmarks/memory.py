"""Peak memory of the main job at two sizes: ``make bench``.

Runs ``scrubtrace detect`` as a user does, on made-up shards, and reads the peak resident set size
of the whole process from the operating system.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from corpus import write_shards


def peak_mebibytes(folder: Path) -> tuple[float, float]:
    """Peak resident set size in MiB and CPU seconds of one run over the shards of a folder."""
    out = tempfile.mkdtemp()
    scrubtrace = str(Path(sys.executable).with_name("scrubtrace"))
    arguments = [f"{folder}/*.parquet", "--out", out, "--id-column", "id", "--quiet"]
    try:
        process = subprocess.Popen(
            [scrubtrace, "detect", *arguments, "--key-file", f"{out}/key"], env=dict(os.environ)
        )
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        shutil.rmtree(out)
    if status:
        raise SystemExit(f"scrubtrace detect ended with status {os.waitstatus_to_exitcode(status)}")
    assert isinstance(usage, resource.struct_rusage)
    return usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def main() -> None:
    """Prints the peak at both sizes and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", type=int, default=100_000)
    parser.add_argument("--large", type=int, default=1_000_000)
    parser.add_argument("--chars", type=int, default=300)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks"))
    given = parser.parse_args()
    peaks = []
    for rows in (given.small, given.large):
        folder = given.folder / f"memory-{rows}x{given.chars}"
        write_shards(folder, 10, rows // 10, given.chars)
        peak, cpu = peak_mebibytes(folder)
        peaks.append(peak)
        print(
            f"{rows:9,} rows: peak {peak:6.0f} MiB, {cpu:7.1f} CPU-s, {rows / cpu:,.0f} rows/CPU-s"
        )
    print(f"peak at {given.large:,} rows / peak at {given.small:,} rows: {peaks[1] / peaks[0]:.3f}")


if __name__ == "__main__":
    main()
