"""Long drill (``make drill``): nested columns with more than 2 GiB of text in one batch.

Takes some seconds and 8 GB of memory; the file has 50 KB.
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines import reading
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.schemas.plan import Columns, RowRange

ROWS, TURNS, CHARS = 500, 5, 1 << 20


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chat rows of 5 MiB each, all turns the same text, which the file holds once."""
    path = tmp_path_factory.mktemp("large") / "a.parquet"
    turns = ROWS * TURNS
    content = pa.DictionaryArray.from_arrays(pa.array([0] * turns, pa.int32()), ["x" * CHARS])
    role = pa.array(["assistant"] * turns)
    struct = pa.StructArray.from_arrays([role, content], ["role", "content"])
    offsets = pa.array(range(0, turns + 1, TURNS), pa.int32())
    table = pa.table({"chat": pa.ListArray.from_arrays(offsets, struct)})
    pq.write_table(table, path, store_schema=False)
    return path


def read(path: Path, batch_bytes: int) -> Iterator[Rows]:
    (shard,) = read_inputs([str(path)], Columns("chat")).shards
    return reading.read_range(RowRange(shard, 0, ROWS), Columns("chat"), 1024, batch_bytes)


def test_pyarrow_refuses_a_batch_of_more_than_2_gib(shard: Path) -> None:
    with pytest.raises(pa.ArrowNotImplementedError, match="Nested data conversions"):
        next(pq.ParquetFile(shard).iter_batches(ROWS, use_threads=False))


@pytest.mark.parametrize("batch_bytes", [8 << 20, 1 << 42])
def test_every_row_comes_once_all_the_same(shard: Path, batch_bytes: int) -> None:
    rows = texts = 0
    for piece in read(shard, batch_bytes):
        assert piece.start == rows
        assert not piece.dead
        rows += len(piece)
        texts += len(piece.texts)
    assert (rows, texts) == (ROWS, ROWS * TURNS)
