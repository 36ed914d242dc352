"""Write the example shards from the rows in ``rows/*.toml``.

The TOML files are the source of truth: every text was written for this example.
A missing ``lang`` or ``text`` key becomes a null. Rows are ordered by id and dealt
round-robin over three Parquet shards, so that every shard spans the whole period.
The same rows and the same pyarrow version give byte-identical files.

Usage: ``python examples/make_shards.py`` (needs Python 3.11 and pyarrow).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).resolve().parent
ROWS_DIR = HERE / "rows"
SHARDS_DIR = HERE / "shards"
SHARD_COUNT = 3
ROW_GROUP_SIZE = 40

Row = dict[str, Any]

SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("text", pa.string()),
        pa.field("lang", pa.string()),
        pa.field("labeler", pa.string(), nullable=False),
        pa.field("vendor", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("created_at", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("expect", pa.string(), nullable=False),
        pa.field("note", pa.string(), nullable=False),
    ]
)

ALLOWED: dict[str, frozenset[str | None]] = {
    "lang": frozenset({"en", "zh", "ja", "de", "id", None}),
    "labeler": frozenset(f"L{number:02d}" for number in range(1, 10)),
    "vendor": frozenset({"north", "south"}),
    "source": frozenset({"product_qa", "summaries", "essays", "support_replies", "code_help"}),
    "expect": frozenset({"flag", "pass"}),
}


def check_row(row: Row, path: Path) -> None:
    """Raise ValueError when a row has an unknown key, lacks one or has a wrong value."""
    where = f"{path.name}: row {row.get('id', '?')}"
    unknown = row.keys() - set(SCHEMA.names)
    if unknown:
        raise ValueError(f"{where}: unknown keys {sorted(unknown)}")
    missing = [field.name for field in SCHEMA if not field.nullable and field.name not in row]
    if missing:
        raise ValueError(f"{where}: missing keys {missing}")
    for column, allowed in ALLOWED.items():
        if row.get(column) not in allowed:
            raise ValueError(f"{where}: {column} = {row.get(column)!r} is not allowed")


def load_rows(rows_dir: Path) -> list[Row]:
    """Read and check all rows of a folder of TOML files, ordered by id."""
    rows: dict[str, Row] = {}
    for path in sorted(rows_dir.glob("*.toml")):
        for row in tomllib.loads(path.read_text(encoding="utf-8"))["row"]:
            check_row(row, path)
            if row["id"] in rows:
                raise ValueError(f"{path.name}: id {row['id']} occurs twice")
            rows[row["id"]] = row
    return [rows[key] for key in sorted(rows)]


def write_shards(rows: list[Row], shards_dir: Path) -> list[tuple[Path, int]]:
    """Deal the rows over the shards, write them and return each path with its row count."""
    shards_dir.mkdir(parents=True, exist_ok=True)
    written: list[tuple[Path, int]] = []
    for number in range(SHARD_COUNT):
        part = rows[number::SHARD_COUNT]
        table = pa.Table.from_pylist(part, schema=SCHEMA)
        path = shards_dir / f"answers-{number:05d}.parquet"
        pq.write_table(table, path, row_group_size=ROW_GROUP_SIZE, compression="zstd")
        written.append((path, len(part)))
    return written


def main() -> None:
    """Write the shards and print one line for each."""
    for path, count in write_shards(load_rows(ROWS_DIR), SHARDS_DIR):
        print(f"{path.relative_to(HERE)}: {count} rows")


if __name__ == "__main__":
    main()
