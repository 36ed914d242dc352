"""What worker processes cost and gain: ``python benchmarks/workers.py``.

Runs ``scrubtrace detect`` with 1 and 2 workers in turns, over made-up English shards of several
sizes and over folders of your own, and reports CPU seconds of launcher and workers apart, the wall
clock, and memory. The least CPU time of the turns counts, and the least wall-clock time: other
programs on the machine make both longer. It also checks that both wrote the same parts.
"""

import argparse
import hashlib
from pathlib import Path

from corpus import write_shards
from measuring import Cost, measured

ROWS = (100_000, 300_000, 1_000_000)
SHARDS = 20


def part_digests(out: Path) -> list[str]:
    """SHA-256 of every part of the only run in an output folder, by the part's name."""
    parts = sorted((out / "runs").glob("*/parts/*/*.parquet"))
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in parts]


def in_turns(folder: Path, workers: int, repeats: int, extra: list[str]) -> dict[int, list[Cost]]:
    """Costs of one worker and of several, run by run in turns; ends if their parts differ."""
    costs: dict[int, list[Cost]] = {1: [], workers: []}
    wrote: list[list[str]] = []
    for _ in range(repeats):
        for number, found in costs.items():
            arguments = [f"{folder}/*.parquet", "--workers", str(number), *extra]
            found.append(measured(arguments, check=lambda out: wrote.append(part_digests(out))))
            if wrote[-1] != wrote[0]:
                raise SystemExit(f"{folder}: {number} workers wrote other parts")
    return costs


def show(name: str, costs: dict[int, list[Cost]]) -> None:
    """One line for each number of workers, and the ratios."""
    least = {number: min(found, key=lambda cost: cost.cpu) for number, found in costs.items()}
    walls = {number: min(cost.wall for cost in found) for number, found in costs.items()}
    for number, cost in least.items():
        print(
            f"{name:>24} {number} workers: {cost.cpu:7.2f} CPU-s (launcher {cost.launcher:6.2f}, "
            f"workers {cost.workers:6.2f}), wall {walls[number]:7.2f} s, peak {cost.peak:6.0f} MiB"
        )
    one, many = least[1], least[max(least)]
    print(
        f"{name:>24} CPU x {many.cpu / one.cpu:.3f} (+{many.cpu - one.cpu:.2f} s), "
        f"wall x {walls[max(walls)] / walls[1]:.3f}",
        flush=True,
    )


def main() -> None:
    """Prints costs and ratios for every size and folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="folders with shards of your own")
    parser.add_argument("--rows", type=int, nargs="*", default=ROWS)
    parser.add_argument("--chars", type=int, default=600)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks"))
    given = parser.parse_args()
    for rows in given.rows:
        folder = given.folder / f"workers-{rows}x{given.chars}"
        write_shards(folder, SHARDS, rows // SHARDS, given.chars)
        costs = in_turns(folder, given.workers, given.repeats, ["--id-column", "id"])
        show(f"{rows:,} rows", costs)
    for folder in given.folders:
        show(folder.name, in_turns(folder, given.workers, given.repeats, []))


if __name__ == "__main__":
    main()
