"""CSV files for reviewers: RFC 4180, safe to open in a spreadsheet, split where one is full."""

import csv
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, count, islice, takewhile
from pathlib import Path

from sqlalchemy import Engine

from scrubtrace.review.cells import guard, plain_cell, snippet_cell
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import StoredItem, iter_items
from scrubtrace.schemas.review import DECISION_COLUMNS
from scrubtrace.schemas.vocabulary import GROUPS

SHEET_ROWS = 1_048_575
"""Data rows that a spreadsheet holds below the header (Excel and LibreOffice)."""

Cells = dict[str, Callable[[StoredItem], str]]


@dataclass(frozen=True)
class ExportResult:
    """The files written, in order, and the number of data rows in all of them."""

    files: tuple[Path, ...]
    rows: int


def export_csv(
    engine: Engine,
    path: Path,
    *,
    bom: bool = False,
    rows_per_file: int = 1_000_000,
    include_reported: bool = False,
    dataset: str | None = None,
    kind: str | None = None,
) -> ExportResult:
    """Write the flagged items for review to ``path``, by priority; others too if asked.

    More than ``rows_per_file`` rows go to ``path``-0001, -0002, ... instead. Files appear whole
    or not at all, and those left of an earlier export to the same path are removed. ``bom`` is
    for Excel, which otherwise does not read UTF-8. Raises ReviewError.
    """
    if not 1 <= rows_per_file <= SHEET_ROWS:
        raise ReviewError(f"rows per file must be 1 to {SHEET_ROWS:,}, not {rows_per_file:,}")
    flagged = None if include_reported else True
    items = iter_items(engine, dataset=dataset, kind=kind, flagged=flagged)
    encoding = "utf-8-sig" if bom else "utf-8"
    with _files_errors(path), closing(items), _Drafts(path, encoding) as drafts:
        rows = drafts.write_all(items, rows_per_file)
        return ExportResult(drafts.publish(), rows)


class _Drafts:
    """Files under temporary names beside their places; removed unless they are published."""

    def __init__(self, path: Path, encoding: str) -> None:
        self.path = path
        self.encoding = encoding
        self.drafts: list[Path] = []

    def __enter__(self) -> "_Drafts":
        return self

    def __exit__(self, *_: object) -> None:
        for draft in self.drafts:
            draft.unlink(missing_ok=True)

    def write_all(self, items: Iterator[StoredItem], rows_per_file: int) -> int:
        """Write every item; returns their number. Without items there is one file, empty."""
        rows = self._write(islice(items, rows_per_file))
        for item in items:
            rows += self._write(chain([item], islice(items, rows_per_file - 1)))
        return rows

    def _write(self, items: Iterable[StoredItem]) -> int:
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}-{len(self.drafts)}.draft")
        self.drafts.append(draft)
        rows = 0
        with draft.open("w", encoding=self.encoding, newline="") as file:
            writer = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
            writer.writerow(COLUMNS)
            for item in items:
                writer.writerow([cell(item) for cell in _CELLS.values()])
                rows += 1
        return rows

    def publish(self) -> tuple[Path, ...]:
        """Give the files their names, and remove the rest of an earlier export."""
        whole = [self.path]
        parts = [_part(self.path, number) for number, _ in enumerate(self.drafts, start=1)]
        files = whole if len(self.drafts) == 1 else parts
        for draft, file in zip(self.drafts, files, strict=True):
            draft.replace(file)
        for stale in _earlier(self.path):
            if stale not in files:
                stale.unlink(missing_ok=True)
        return tuple(files)


def _part(path: Path, number: int) -> Path:
    return path.with_name(f"{path.stem}-{number:04d}{path.suffix}")


def _earlier(path: Path) -> list[Path]:
    """What exports wrote to this path, last part first so that no gap is left on the way.

    Parts count from 1 without a gap: review-2024.csv beside review.csv is somebody's own.
    """
    parts = takewhile(Path.exists, (_part(path, number) for number in count(1)))
    return [*reversed(list(parts)), path]


@contextmanager
def _files_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ReviewError(
            f"cannot write {path} ({why}): check the folder and the space left on the disk"
        ) from error


def _number(name: str) -> Callable[[StoredItem], str]:
    """Cell of a number of the item, empty for null."""

    def cell(stored: StoredItem) -> str:
        value: int | None = getattr(stored.item, name)
        return "" if value is None else str(value)

    return cell


def _text(name: str) -> Callable[[StoredItem], str]:
    """Cell of a text of the item, empty for null."""
    return lambda stored: plain_cell(getattr(stored.item, name) or "")


def _snippet(stored: StoredItem) -> str:
    item = stored.item
    offsets = ((span.get("start"), span.get("end")) for span in item.evidence)
    spans = [(start, end) for start, end in offsets if start is not None and end is not None]
    return snippet_cell(item.snippet, item.snippet_start, spans)


def _groups(stored: StoredItem) -> str:
    groups = stored.item.groups
    return plain_cell("; ".join(f"{name}={groups[name]}" for name in GROUPS if name in groups))


def _detectors(stored: StoredItem) -> str:
    names = {f"{detector['name']} {detector['version']}" for detector in stored.item.detectors}
    return plain_cell("; ".join(sorted(names)))


def _signals(stored: StoredItem) -> str:
    return plain_cell("; ".join(sorted({span["signal"] for span in stored.item.evidence})))


_CELLS: Cells = {
    "item_key": _text("item_key"),
    "row_version": lambda stored: str(stored.row_version),
    **{name: lambda _: "" for name in DECISION_COLUMNS},
    "priority": _number("priority"),
    "kind": _text("kind"),
    "flagged": lambda stored: "yes" if stored.item.flagged else "no",
    "why": _text("why"),
    "snippet": _snippet,
    "language": _text("language"),
    "groups": _groups,
    "dataset": _text("dataset"),
    "shard": _text("shard"),
    "row_index": _number("row_index"),
    "row_id": _text("row_id"),
    "occurrence": _number("occurrence"),
    "field": _text("field"),
    "turn": _number("turn"),
    "detectors": _detectors,
    "signals": _signals,
    "text_digest": _text("text_digest"),
    "key_id": _text("key_id"),
    "evidence_fingerprint": _text("evidence_fingerprint"),
    "first_run": lambda stored: guard(stored.first_run),
    "last_run": lambda stored: guard(stored.last_run),
}

COLUMNS = tuple(_CELLS)
"""Header of the CSV: the columns for the reviewer right after what identifies the row."""
