"""Shards of made texts by many labelers, in a clean and a later period."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from samples import FLAGGED, PLAIN

CLEAN, LATER = "2022-10-05", "2023-03-07"


def work(labeler: str, day: str, texts: int, flagged: int, **more: Any) -> list[dict[str, Any]]:
    """Rows of one labeler; ``more`` are other columns with the same value in each row."""
    rows = []
    for number in range(texts):
        text = FLAGGED if number < flagged else PLAIN
        about = {"who": labeler, "day": day, "lang": "en", "origin": "letters", "client": "north"}
        rows.append({"text": f"{text} {number} {labeler}"} | about | more)
    return rows


def team(
    labelers: int, day: str, texts: int = 60, flagged: Mapping[int, int] | None = None, **more: Any
) -> list[dict[str, Any]]:
    """Rows of labelers with so many texts each, one of which is flagged for every third."""
    counts = flagged or {}
    return [
        row
        for number in range(labelers)
        for row in work(name(number), day, texts, counts.get(number, number % 3 == 0), **more)
    ]


def name(number: int) -> str:
    """The name of a labeler."""
    return f"Labeler Nr {number}"


def write(folder: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """One shard of rows."""
    path = folder / "data" / "a.parquet"
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return path
