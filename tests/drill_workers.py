"""Long drill (``make drill``): worker processes lose no row, of a million, in run after run.

Beam's in-process runner with worker processes has been reported to lose elements silently. Here
every row is found again three times over: in the receipts, in the manifest, and, for rows that
have evidence by construction, in the parts.
"""

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.beam_pipelines.layout import runs_of

SCRUBTRACE = str(Path(sys.executable).with_name("scrubtrace"))
RUNS = 5
SHARDS, SHARD_ROWS, UNIT_ROWS = 40, 25_000, 4_000
ROWS = SHARDS * SHARD_ROWS
UNITS = 4 * SHARDS
EVERY = 500
"""One row in so many has boilerplate."""


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short rows whose language is given, so that units pass quickly and often."""
    folder = tmp_path_factory.mktemp("shards")
    for number in range(SHARDS):
        ids = range(number * SHARD_ROWS, (number + 1) * SHARD_ROWS)
        texts = [
            "As an AI language model, I cannot swim." if i % EVERY == 0 else f"Row {i}, plain."
            for i in ids
        ]
        table = pa.table({"id": pa.array(ids), "text": texts, "lang": ["en"] * SHARD_ROWS})
        pq.write_table(table, folder / f"{number:02}.parquet", row_group_size=7_000 + number)
    return folder


@pytest.fixture(scope="module")
def outs(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Output folders of five runs with two workers."""
    folders = [tmp_path_factory.mktemp("out") for _ in range(RUNS)]
    for out in folders:
        arguments = [f"{shards}/*.parquet", "--out", str(out), "--workers", "2", "--quiet"]
        arguments += ["--id-column", "id", "--language-column", "lang"]
        arguments += ["--set", f"scan.unit_rows={UNIT_ROWS}", "--key-file", str(shards / "key")]
        subprocess.run([SCRUBTRACE, "detect", *arguments], check=True)
    return folders


def test_receipts_cover_every_row_of_every_shard_once(outs: list[Path]) -> None:
    for out in outs:
        (run,) = runs_of(str(out))
        seen: Counter[str] = Counter()
        at: dict[str, int] = {}
        for unit in sorted(run.scanned_units()):
            for found in run.read_receipt(unit).ranges:
                assert found.start == at.get(found.shard, 0)
                at[found.shard] = found.stop
                for name, tally in found.detectors.items():
                    seen[name] += tally.rows
        assert at == {f"{number:02}.parquet": SHARD_ROWS for number in range(SHARDS)}
        assert set(seen.values()) == {ROWS}
        assert len(run.scanned_units()) == UNITS


def test_the_manifest_has_all_rows(outs: list[Path]) -> None:
    for out in outs:
        (run,) = runs_of(str(out))
        manifest = json.loads(Path(run.manifest).read_text())
        assert manifest["rows"] == ROWS
        assert sum(manifest["flagged"].values()) == ROWS // EVERY


def test_every_row_that_has_evidence_is_found(outs: list[Path]) -> None:
    for out in outs:
        parts = sorted(out.glob("runs/*/parts/boilerplate/*.parquet"))
        ids = [int(i) for part in parts for i in pq.read_table(part).column("row_id").to_pylist()]
        assert sorted(ids) == list(range(0, ROWS, EVERY))


def test_all_runs_wrote_the_same_bytes(outs: list[Path]) -> None:
    digests = [
        {
            str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
            for name in ("parts", "receipts", "id_hashes", "counts")
            for path in sorted((run / name).rglob("*"))
            if path.is_file()
        }
        for out in outs
        for run in (out / "runs").iterdir()
    ]
    assert len(digests) == RUNS
    assert digests[0]
    assert all(found == digests[0] for found in digests)
