"""Rows of the groups in ``open_pack.toml``, from the evaluation folder and the extra rows."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
from open_table import Group, Table

COLUMNS = ["text", "label", "generator", "domain", "lang", "attack", "licence"]


@dataclass(frozen=True)
class Row:
    """A text to be fitted on, its writer and group, and the evaluation file it is from, if any."""

    text: str
    generator: str
    group: Group
    file: str


def digest(text: str) -> bytes:
    """SHA-256 of a text: rows are taken in its order, so that the same are always taken."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def select(table: Table, data: Path, extra: Path | None) -> list[Row]:
    """Rows of every group, at most ``group.most``, no text twice; without ``extra`` those of
    the evaluation folder alone."""
    seen: set[str] = set()
    rows: list[Row] = []
    for group in table.groups:
        if group.repository and extra is None:
            continue
        found = dict(_texts(group, data, extra))
        own = sorted(found.keys() - seen, key=digest)[: group.most]
        seen |= set(own)
        rows += [Row(text, found[text], group, group.file) for text in own]
    return rows


def _texts(group: Group, data: Path, extra: Path | None) -> Iterator[tuple[str, str]]:
    """Texts of a group and their generators; raises ValueError for a row of another licence."""
    if group.repository:
        assert extra is not None
        table = pq.read_table(extra / f"{group.name}.parquet", columns=["text", "generator"])
        yield from ((row["text"], row["generator"]) for row in table.to_pylist())
        return
    for row in pq.read_table(data / f"{group.file}.parquet", columns=COLUMNS).to_pylist():
        if row["text"] and group.takes(row):
            if row["licence"] != group.column:
                raise ValueError(
                    f"{group.name}: the licence of a row is {row['licence']!r}, in open_pack.toml "
                    f"it is {group.column!r}"
                )
            yield row["text"], row["generator"]
