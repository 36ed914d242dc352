"""A data set that is scanned and drawn from through the command line, with a seed beforehand."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from command_line import code_of
from samples import FLAGGED, PLAIN

from scrubtrace.review.batches.store import batch_items, find_batch
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.store import iter_items
from scrubtrace.schemas.batches import Batch, BatchItem


class Base:
    """A folder with runs, a review table and a seed that was committed before."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out, self.seed = folder / "out", folder / "march.seed"
        self.url = f"sqlite:///{folder}/review.sqlite"

    def run(self, *arguments: object) -> int:
        return code_of(*map(str, arguments), "--review", self.url)

    def make_seed(self) -> None:
        assert self.run("audit", "seed", "--out", self.seed) == 0

    def detect(self, shards: object, *options: str) -> int:
        return self.run("detect", shards, "--out", self.out, "--quiet", *options)

    def plan(self, name: str, *options: object) -> int:
        given = ("--out", self.out, "--seed-file", self.seed, "--name", name)
        return self.run("audit", "plan", *given, *options)

    def batch(self, name: str) -> tuple[Batch, list[BatchItem]]:
        engine = open_review(self.url)
        with reading(engine) as connection:
            found = find_batch(connection, name), list(batch_items(connection, name))
        engine.dispose()
        return found

    def items(self) -> dict[str, Any]:
        engine = open_review(self.url)
        found = {stored.item.item_key: stored.item for stored in iter_items(engine)}
        engine.dispose()
        return found


def small(tmp_path: Path, **columns: Any) -> Base:
    """Three texts in one shard, one of them flagged, scanned with a seed committed before."""
    base = Base(tmp_path)
    (tmp_path / "data").mkdir()
    table = {"text": [FLAGGED, PLAIN, "The bus was late."], "vendor": ["n", "n", "s"]} | columns
    pq.write_table(pa.table(table), tmp_path / "data" / "a.parquet")
    base.make_seed()
    assert base.detect(tmp_path / "data" / "*.parquet", "--group-by", "vendor=vendor") == 0
    return base
