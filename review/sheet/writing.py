"""Writing a review sheet from the review table."""

import hashlib
import os
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TextIO

from sqlalchemy import Engine

from scrubtrace.review.connection import reading_as_one, writing
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.lines import ExportLine, Wanted, export_lines, known_run
from scrubtrace.review.sheet.data import InWords, escaped_json, sheet_item
from scrubtrace.review.sheet.page import around_data
from scrubtrace.review.trail.events import EventKind, append_event, lock_log
from scrubtrace.schemas.review import REASONS

MOST_ITEMS = 20_000
"""Items of one sheet: about 60 MB, which a browser opens in seconds."""


def write_sheet(
    engine: Engine, path: Path, wanted: Wanted, in_words: InWords, budget: int | None = None
) -> int:
    """Write the sheet and give the number of its items, at most ``budget``.

    One item a text, by priority, as `export_csv` has its lines; a page of them in memory at a time.
    The file appears whole or not at all, and is an event of the log. Raises ReviewError, also for
    more than `MOST_ITEMS` items.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        with reading_as_one(engine) as connection, draft.open("w", encoding="utf-8") as file:
            if wanted.new_since is not None:
                wanted = replace(wanted, new_since=known_run(connection, wanted.new_since))
            with closing(export_lines(connection, wanted)) as lines:
                items = _write(file, islice(lines, budget), path, in_words)
        _record(engine, wanted, draft, items, budget)
        draft.replace(path)
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise ReviewError(
            f"cannot write {path} ({why}): check the folder and the space left on the disk"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return items


def _write(file: TextIO, lines: Iterable[ExportLine], path: Path, in_words: InWords) -> int:
    """The page with its items; gives their number."""
    before, after = around_data()
    about = {
        "file": f"{path.stem}-decisions.csv",
        "reasons": {decision: dict(codes) for decision, codes in REASONS.items()},
    }
    file.write(f'{before}{{"about":{escaped_json(about)},"items":[')
    items = 0
    for line in lines:
        if items == MOST_ITEMS:
            raise ReviewError(
                f"a sheet holds at most {MOST_ITEMS:,} texts, and there are more: take the first "
                f"of them with --budget {MOST_ITEMS}, or fewer with --dataset or --new-since"
            )
        file.write("," * bool(items) + "\n" + escaped_json(sheet_item(line, in_words)))
        items += 1
    file.write(f"]}}{after}")
    return items


def _record(engine: Engine, wanted: Wanted, draft: Path, items: int, budget: int | None) -> None:
    """The event of an export, before the file gets its name."""
    with draft.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    filters = vars(wanted) | {"states": sorted(wanted.states)}
    about = {"files": [digest], "rows": items, "format": "sheet", "budget": budget}
    with writing(engine) as connection:
        lock_log(connection)
        append_event(connection, EventKind.EXPORT, about | filters)
