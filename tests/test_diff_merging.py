"""Merging of sorted parts: the order, how many files are open, and what is left of them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scrubtrace.diff import merging
from scrubtrace.diff.joining import place
from scrubtrace.diff.merging import merged
from scrubtrace.schemas.edits import EDIT_PART


def finding(row: int, part: int) -> dict[str, Any]:
    """A finding; ``part`` tells those of the same place apart."""
    known: dict[str, Any] = {
        "old_shard": "a", "old_row_index": row, "new_shard": "b", "new_row_index": row,
        "field": "text", "language": "en", "old_chars": part, "new_chars": 0, "kinds": [],
        "changes": [], "changes_left_out": 0, "if_recurring": [],
    }  # fmt: skip
    return {name: known.get(name) for name in EDIT_PART.names}


def written(folder: Path, count: int) -> list[str]:
    """Parts with rows that lie between those of the others, and one row that all have."""
    paths = []
    for part in range(count):
        rows = [finding(row, part) for row in sorted([part, part + count, part + 40 * count, 7])]
        paths.append(str(folder / f"part-{part:03d}.parquet"))
        pq.write_table(pa.Table.from_pylist(rows, EDIT_PART), paths[-1])
    return paths


@pytest.mark.parametrize("count", [0, 1, 3, 4, 10, 30])
def test_any_number_of_parts_is_merged_as_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    paths = written(tmp_path, count)
    expected = sorted((row for path in paths for row in pq.read_table(path).to_pylist()), key=place)
    monkeypatch.setattr(merging, "MERGED_PARTS", 3)
    monkeypatch.setattr(merging, "DECODED_ROWS", 2)
    monkeypatch.setattr(merging, "PART_ROWS", 5)
    assert list(merged(paths, str(tmp_path))) == expected
    assert len(list(tmp_path.iterdir())) <= 3


def test_few_parts_are_open_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = pq.ParquetFile
    now, most = 0, 0

    @contextmanager
    def counted(path: str) -> Iterator[Any]:
        nonlocal now, most
        now += 1
        most = max(most, now)
        with opened(path) as file:
            yield file
        now -= 1

    paths = written(tmp_path, 20)
    monkeypatch.setattr(merging, "MERGED_PARTS", 4)
    monkeypatch.setattr(merging.pq, "ParquetFile", counted)
    assert len(list(merged(paths, str(tmp_path)))) == 80
    assert (now, most) == (0, 4)
