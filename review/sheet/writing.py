"""Writing a review sheet from the review table."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from sqlalchemy import Engine

from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.drafts import draft_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.export import record_export
from scrubtrace.review.lines import ExportLine, Wanted
from scrubtrace.review.mixing import Mix, mixture
from scrubtrace.review.sheet.data import escaped_json, sheet_item
from scrubtrace.review.sheet.labels import page_labels, script_labels
from scrubtrace.review.sheet.page import around_data
from scrubtrace.review.store import PAGE_ITEMS
from scrubtrace.review.trail.events import last_erasure
from scrubtrace.review.views import View
from scrubtrace.review.wording import Wording
from scrubtrace.schemas.batches import Origin
from scrubtrace.schemas.messages import Messages

MOST_ITEMS = 20_000
"""Items of one sheet: about 60 MB, which a browser opens in seconds."""


Complete = Callable[[Sequence[ExportLine], Sequence[dict[str, Any]]], None]
"""Adds to items, given with their lines, what the review table does not have."""


class SheetResult(NamedTuple):
    """Number of items in a sheet, and of controls among them by origin."""

    items: int
    controls: Mapping[Origin, int]


def write_sheet(
    engine: Engine,
    path: Path,
    wanted: Wanted,
    wording: Wording,
    budget: int | None = None,
    complete: Complete | None = None,
    mix: Mix = Mix(),
) -> SheetResult:
    """Write the sheet, with at most ``budget`` of the items that are wanted.

    The page is in the language of ``wording``. One item a text, by priority, as `export_csv` has
    its lines; a page of them in memory at a time. ``mix`` says what else stands in it. The file
    appears whole or not at all, and is an event of the log. Raises ReviewError, also for more than
    `MOST_ITEMS` items.
    """
    draft = draft_of(path)
    try:
        with reading_as_one(engine) as connection, draft.open("w", encoding="utf-8") as file:
            erased = last_erasure(connection)
            mixed = mixture(connection, wanted, mix, budget)
            found = _items((line for line, _ in mixed.lines), wording, complete)
            items = _write(file, found, path, wording.messages)
        choices = {"format": "sheet", "budget": budget, "language": wording.messages.language}
        record_export(engine, mixed.wanted, [draft], items, erased, mix, mixed, **choices)
        draft.replace(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ReviewError(
            f"cannot write {path} ({why}): check the folder and the space left on the disk"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return SheetResult(items, mixed.origins)


def _items(
    lines: Iterator[ExportLine], wording: Wording, complete: Complete | None
) -> Iterator[dict[str, Any]]:
    while page := list(islice(lines, PAGE_ITEMS)):
        items = [sheet_item(line, wording) for line in page]
        if complete is not None and page[0].view != View.BLIND:
            complete(page, items)
        yield from items


def _write(file: TextIO, items: Iterable[dict[str, Any]], path: Path, messages: Messages) -> int:
    """The page with its items; gives their number."""
    before, after = around_data(page_labels(messages))
    about = {"file": f"{path.stem}-decisions.csv", **script_labels(messages)}
    file.write(f'{before}{{"about":{escaped_json(about)},"items":[')
    written = 0
    for item in items:
        if written == MOST_ITEMS:
            raise ReviewError(
                f"a sheet holds at most {MOST_ITEMS:,} texts, and there are more: take the first "
                f"of them with --budget {MOST_ITEMS}, or fewer with --dataset or --new-since"
            )
        file.write("," * bool(written) + "\n" + escaped_json(item))
        written += 1
    file.write(f"]}}{after}")
    return written
