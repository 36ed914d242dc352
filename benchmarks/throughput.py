"""Throughput in documents per CPU second: ``make bench``.

All cases read the same made-up shards, each in a process of its own, and report CPU time of that
process (user and system, imports and set-up apart). The pipeline runs on two sizes: the slope
between them is its cost a document, what is left is its fixed start-up. Ratios are what to quote;
machines are noisy.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
from corpus import write_shards
from verdicts import detectors

from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.boilerplate import Boilerplate
from scrubtrace.detectors.language import identify

BATCH = 1024


def _texts(folder: Path) -> Iterator[list[str]]:
    for path in sorted(folder.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=["text"], use_threads=False):
            yield batch.column(0).to_pylist()


def read(folder: Path) -> Callable[[], int]:
    """Bare pyarrow: decode the text column and nothing else."""
    return lambda: sum(len(texts) for texts in _texts(folder))


def boilerplate(folder: Path) -> Callable[[], int]:
    """The detector with its normalisation; texts in memory, language given."""
    detector = Boilerplate()
    detector.setup()
    batches = list(_texts(folder))

    def run() -> int:
        for texts in batches:
            detector.detect(TextBatch(texts, ["en"] * len(texts)))
        return sum(map(len, batches))

    return run


def loop(folder: Path) -> Callable[[], int]:
    """Read, identify the language, detect: what a scan does, without a pipeline."""
    found_by = detectors()
    identify("The first call loads the model of the languages.")

    def run() -> int:
        rows = 0
        for texts in _texts(folder):
            batch = TextBatch(texts, [identify(text) for text in texts])
            for detector in found_by:
                detector.detect(batch)
            rows += len(texts)
        return rows

    return run


def pipeline(folder: Path) -> Callable[[], int]:
    """The job as ``scrubtrace detect`` runs it, plan and commit included."""
    from scrubtrace.config import load_config
    from scrubtrace.detect import Job, run_job

    out = tempfile.TemporaryDirectory()
    key = str(Path(out.name) / "key")

    def run() -> int:
        config = load_config(None)
        job = Job([f"{folder}/*.parquet"], f"{out.name}/out", config, key, quiet=True)
        return run_job(job).balance.rows

    return run


CASES = {"read": read, "boilerplate": boilerplate, "loop": loop, "pipeline": pipeline}


Measured = dict[tuple[str, Path], tuple[int, float]]


def measure(folders: list[Path], repeats: int) -> Measured:
    """Rows and the least CPU seconds of each case on each folder, every run in a fresh process.

    The cases take turns, so that a machine that slows down does so for all of them.
    """
    found: Measured = {}
    for _, folder, case in itertools.product(range(repeats), folders, CASES):
        command = [sys.executable, __file__, "--case", case, "--folder", str(folder)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        result = json.loads(ran.stdout.splitlines()[-1])
        least = min(result["cpu"], found.get((case, folder), (0, result["cpu"]))[1])
        found[case, folder] = result["rows"], least
    return found


def _inner(case: str, folder: Path) -> None:
    run = CASES[case](folder)
    start = time.process_time()
    rows = run()
    print(json.dumps({"rows": rows, "cpu": time.process_time() - start}))


def main() -> None:
    """Prints documents per CPU second of every case, and the ratio of pipeline to loop."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--chars", type=int, default=1200)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks"))
    given = parser.parse_args()
    if given.case:
        _inner(given.case, given.folder)
        return
    small = given.folder / f"{given.rows // 4}x{given.chars}"
    large = given.folder / f"{given.rows}x{given.chars}"
    write_shards(small, 4, given.rows // 16, given.chars)
    write_shards(large, 16, given.rows // 16, given.chars)
    print(f"{given.rows:,} English texts of {given.chars:,} characters")
    slopes = {}
    measured = measure([small, large], given.repeats)
    for case in CASES:
        few, few_cpu = measured[case, small]
        many, many_cpu = measured[case, large]
        slope = (many_cpu - few_cpu) / (many - few)
        slopes[case] = slope
        fixed = max(0.0, few_cpu - few * slope)
        print(
            f"{case:12} {1 / slope:10,.0f} documents/CPU-s  {1e6 * slope:8.1f} us a document  "
            f"start-up {fixed:5.2f} s  ({many:,} documents in {many_cpu:.2f} CPU-s)"
        )
    ratio = slopes["pipeline"] / slopes["loop"]
    print(f"pipeline / loop: {ratio:.3f} (per document; start-up apart)")


if __name__ == "__main__":
    main()
