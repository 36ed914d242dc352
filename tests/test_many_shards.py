"""A run over shards of all sizes: many tiny ones packed into a unit, large ones cut into many."""

import json
from collections import Counter, defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text as sql

from scrubtrace.beam_pipelines.layout import runs_of
from scrubtrace.cli import main
from scrubtrace.review.connection import open_review

FLAGGED = "As an AI language model, I have never tasted soup."
PLAIN = "The soup was too salty, but we ate it."
TINY, TINY_ROWS = 300, 3
LARGE_ROWS, UNIT_ROWS = 2_000, 250


@pytest.fixture(scope="module", params=["1", "2"], ids="{0} workers".format)
def out(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of a run over tiny, empty and large shards, as their names sort."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(TINY):
        rows = [] if number % 50 == 7 else texts(f"tiny-{number:03}", TINY_ROWS)
        write(folder / f"tiny-{number:03}.parquet", rows)
    write(folder / "large.parquet", texts("large", LARGE_ROWS))
    arguments = ["detect", f"{folder}/*.parquet", "--out", str(folder / "out"), "--quiet"]
    arguments += ["--set", f"scan.unit_rows={UNIT_ROWS}", "--key-file", str(folder / "key")]
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "--workers", request.param])
    assert ended.value.code == 0
    return folder / "out"


def texts(shard: str, rows: int) -> list[str]:
    return [FLAGGED if is_flagged(shard, row) else PLAIN for row in range(rows)]


def is_flagged(shard: str, row: int) -> bool:
    number = 0 if shard == "large" else int(shard[-3:])
    return (number * TINY_ROWS + row) % 41 == 0


def write(path: Path, rows: list[str]) -> None:
    table = pa.table({"text": pa.array(rows, pa.string()), "lang": ["en"] * len(rows)})
    pq.write_table(table, path, row_group_size=400)


def expected_rows() -> dict[str, int]:
    tiny = {f"tiny-{n:03}": 0 if n % 50 == 7 else TINY_ROWS for n in range(TINY)}
    return tiny | {"large": LARGE_ROWS}


def test_units_pack_tiny_shards_and_cut_large_ones(out: Path) -> None:
    (run,) = runs_of(str(out))
    shards_of_unit: dict[str, set[str]] = {}
    units_of_shard: Counter[str] = Counter()
    for unit in run.scanned_units():
        shards_of_unit[unit] = {found.shard for found in run.read_receipt(unit).ranges}
        units_of_shard.update(shards_of_unit[unit])
    assert max(map(len, shards_of_unit.values())) > 80
    assert units_of_shard["large.parquet"] == 6
    assert {units_of_shard[f"tiny-{n:03}.parquet"] for n in range(TINY)} == {1}


def test_every_row_of_every_shard_is_accounted_for(out: Path) -> None:
    (run,) = runs_of(str(out))
    rows: dict[str, int] = defaultdict(int)
    for unit in run.scanned_units():
        for found in run.read_receipt(unit).ranges:
            rows[found.shard.removesuffix(".parquet")] += found.stop - found.start
    assert rows == expected_rows()
    manifest = json.loads(Path(run.manifest).read_text())
    assert manifest["rows"] == sum(expected_rows().values())


def test_every_flagged_row_is_known_by_its_shard_and_row(out: Path) -> None:
    with open_review(f"sqlite:///{out}/review.sqlite").connect() as connection:
        found = connection.execute(sql("select shard, row_index from review_items")).all()
    expected = {
        (f"{shard}.parquet", row)
        for shard, rows in expected_rows().items()
        for row in range(rows)
        if is_flagged(shard, row)
    }
    assert sorted(map(tuple, found)) == sorted(expected)
    assert len(expected) > 60
