"""How fast the review table is on SQLite: made-up findings committed, exported, decided, imported.

    python benchmarks/review_table.py [--items 100000] [--spans 3] [--decisions 50000]

Prints findings committed per second of wall clock and of CPU, by a first run and by a later one
that finds all of them again, the seconds of the exports and of the import, and the most memory that
the process has held. A finding is a row of the table; its snippet has 500 characters.
"""

import argparse
import csv
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from review_sheet import made_item
from sqlalchemy import Engine

from scrubtrace.review.connection import open_review
from scrubtrace.review.decisions.importing import import_decisions
from scrubtrace.review.export import export_csv, export_parquet
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.review import ReviewItem

RUNS = ("20260101T000000.000000-aaaaaa", "20260102T000000.000000-aaaaaa")
PART = 20_000
"""Findings that are made at a time, outside of what is timed."""

Spent = tuple[float, float]
"""Seconds of wall clock and of CPU."""


def main() -> None:
    """Fills a table in a temporary folder and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--spans", type=int, default=3)
    parser.add_argument("--decisions", type=int, default=50_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "review.sqlite"
        engine = open_review(f"sqlite:///{table}")
        print(f"{chosen.items:,} findings with {chosen.spans} spans each")
        for name, run in zip(("first run", "later run"), RUNS, strict=True):
            wall, cpu = _commit(engine, run, chosen.items, chosen.spans)
            print(
                f"  {name}: {chosen.items / wall:,.0f} findings/s of wall clock,"
                f" {chosen.items / cpu:,.0f} of CPU"
            )
        _print_files(engine, Path(folder), chosen.decisions)
        print(f"  the table has {table.stat().st_size / 1e6:,.0f} MB")
        engine.dispose()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {peak:,.0f} MiB at most")


def _commit(engine: Engine, run: str, items: int, spans: int) -> Spent:
    """Time in the store alone; making the findings is not counted."""
    chance, wall, cpu = random.Random(1), 0.0, 0.0
    for start in range(0, items, PART):
        part = list(_made(range(start, min(start + PART, items)), spans, chance))
        spent = _spent(partial(upsert_items, engine, part, run, ran={"boilerplate"}))
        wall, cpu = wall + spent[0], cpu + spent[1]
    return wall, cpu


def _made(numbers: Sequence[int], spans: int, chance: random.Random) -> Iterator[ReviewItem]:
    for number in numbers:
        item = made_item(number, chance)
        yield replace(item, evidence=item.evidence[:spans])


def _print_files(engine: Engine, folder: Path, decisions: int) -> None:
    _print("export as CSV", _spent(lambda: export_csv(engine, folder / "f.csv")))
    _decide(folder / "f.csv", folder / "decided.csv", decisions)
    path = folder / "decided.csv"
    spent = _spent(lambda: import_decisions(engine, path, "anna"))
    _print(f"import of {decisions:,} decisions", spent)
    _print("the same again", _spent(lambda: import_decisions(engine, path, "anna")))
    _print("export as Parquet", _spent(lambda: export_parquet(engine, folder / "d.parquet")))


def _decide(exported: Path, decided: Path, decisions: int) -> None:
    """The first lines of an export, as a reviewer saves them."""
    with (
        exported.open(encoding="utf-8", newline="") as given,
        decided.open("w", encoding="utf-8", newline="") as saved,
    ):
        reader = csv.DictReader(given)
        writer = csv.DictWriter(saved, reader.fieldnames or ())
        writer.writeheader()
        words = {"decision": "dismiss", "reason": "human"}
        writer.writerows(row | words for row in islice(reader, decisions))


def _spent(function: Callable[[], Any]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - wall, time.process_time() - cpu


def _print(what: str, spent: Spent) -> None:
    print(f"  {what}: {spent[0]:.1f} s of wall clock, {spent[1]:.1f} s of CPU")


if __name__ == "__main__":
    main()
