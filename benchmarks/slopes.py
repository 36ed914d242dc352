"""How the cost of a run grows with rows, shards and findings: ``python benchmarks/slopes.py``.

Each series changes one of them and keeps the others. Texts are short and their language is given,
so that what is not the work of the detectors shows. Two worker processes scan, so that the
launcher's memory is that of plan and commit. Cost a unit is what lies between two sizes, which
leaves the start-up out: if it stays the same from size to size, the cost is linear.

``--review postgresql://...`` puts the review table there instead of into a SQLite file; its items
are removed before each run.
"""

import argparse
import itertools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from measuring import Cost, measured
from sqlalchemy import create_engine, make_url, text

SHARD_ROWS = 250_000
PHRASE = "As an AI language model, I cannot swim. Row "
PLAIN = "The ferry was late again and nobody minded. Row "
ARGUMENTS = ("--id-column", "id", "--language-column", "lang", "--workers", "2")

MEASURES: dict[str, Callable[[Cost], float]] = {
    "plan, CPU-s": lambda cost: cost.plan,
    "scan and start, CPU-s": lambda cost: cost.scan,
    "commit, CPU-s": lambda cost: cost.commit,
    "commit, wall s": lambda cost: cost.commit_wall,
    "launcher's peak, MiB": lambda cost: cost.launcher_peak,
    "all processes' peak, MiB": lambda cost: cost.peak,
    "run folder, files": lambda cost: cost.files,
    "run folder, bytes": lambda cost: cost.bytes,
    "review table, bytes": lambda cost: cost.table_bytes,
}


@dataclass(frozen=True)
class Data:
    """Made-up shards: rows and findings are those of all shards together."""

    rows: int
    shards: int
    findings: int

    def write(self, folder: Path) -> None:
        """Writes the shards, with findings spread evenly over the rows."""
        every = self.rows // self.findings
        for number in range(self.shards):
            start = number * self.rows // self.shards
            stop = (number + 1) * self.rows // self.shards
            ids = pa.array(range(start, stop), pa.int64())
            found = pa.array([row % every == 0 for row in range(start, stop)])
            begins = pc.if_else(found, PHRASE, PLAIN)
            texts = pc.binary_join_element_wise(begins, ids.cast(pa.string()), "")
            table = pa.table({"id": ids, "text": texts, "lang": ["en"] * len(ids)})
            pq.write_table(table, folder / f"{number:06}.parquet", compression="zstd")


def rows_series(sizes: Sequence[int]) -> Iterator[tuple[int, Data]]:
    """Rows grow, in shards of up to 250,000; 100 findings."""
    for rows in sizes:
        yield rows, Data(rows, -(-rows // SHARD_ROWS), 100)


def shards_series(sizes: Sequence[int]) -> Iterator[tuple[int, Data]]:
    """Shards grow; 100,000 rows and 100 findings."""
    for shards in sizes:
        yield shards, Data(100_000, shards, 100)


def findings_series(sizes: Sequence[int]) -> Iterator[tuple[int, Data]]:
    """Findings grow; as many rows as the most findings, in four shards."""
    for findings in sizes:
        yield findings, Data(max(sizes), 4, findings)


SERIES = {"rows": rows_series, "shards": shards_series, "findings": findings_series}
SIZES = {
    "rows": [10_000, 100_000, 1_000_000, 10_000_000],
    "shards": [1, 100, 5_000, 10_000],
    "findings": [100, 10_000, 1_000_000],
}


def cost_of(data: Data, review: str | None) -> Cost:
    """What one run over the data costs."""
    with tempfile.TemporaryDirectory(prefix="scrubtrace-slopes-") as folder:
        data.write(Path(folder))
        arguments = [f"{folder}/*.parquet", "--dataset", "slopes", *ARGUMENTS]
        if review:
            _empty(review)
            arguments += ["--review", review]
        return measured(arguments)


def _empty(url: str) -> None:
    """Removes the tables that a run before left in a PostgreSQL database."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        for table in ("review_items", "review_runs", "review_schema_version"):
            connection.execute(text(f"drop table if exists {table} cascade"))
    engine.dispose()


def show(series: str, costs: dict[int, Cost]) -> None:
    """Every measure at every size, and between sizes what one more costs."""
    sizes = list(costs)
    print(f"\n{series:26}" + "".join(f"{size:>16,}" for size in sizes))
    for name, value in MEASURES.items():
        print(f"{name:26}" + "".join(f"{value(costs[size]):16,.2f}" for size in sizes))
    print(f"one more of the {series}, from one size to the next:")
    for name, value in MEASURES.items():
        steps = [
            (value(costs[high]) - value(costs[low])) / (high - low)
            for low, high in itertools.pairwise(sizes)
        ]
        print(f"{name:26}" + " " * 16 + "".join(f"{step:16,.2e}" for step in steps), flush=True)


def main() -> None:
    """Prints the series asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("series", nargs="*", help=f"of {', '.join(SERIES)} (default: all)")
    parser.add_argument("--sizes", type=int, nargs="*", help="sizes of a single series")
    parser.add_argument("--review", metavar="URL", help="review table on a PostgreSQL server")
    given = parser.parse_args()
    for series in given.series or SERIES:
        costs = {}
        for size, data in SERIES[series](given.sizes or SIZES[series]):
            costs[size] = cost_of(data, given.review)
            print(f"{series} {size:,}: {costs[size]}", flush=True)
        show(series, costs)


if __name__ == "__main__":
    main()
