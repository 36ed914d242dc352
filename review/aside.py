"""Files of an earlier export with work that nobody has imported: they are moved aside."""

import json
from collections.abc import Mapping
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from scrubtrace.review.connection import reading
from scrubtrace.review.decisions.file import DecisionFile, read_decisions
from scrubtrace.review.decisions.label_studio import read_tasks
from scrubtrace.review.decisions.origin import was_imported
from scrubtrace.review.decisions.stored import said_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.trail.salted import person_of

_PARQUET = b"PAR1"
_HEAD_BYTES = 4_096


def move_aside(engine: Engine, files: Mapping[Path, str]) -> Mapping[Path, Path]:
    """Gives another name to each file that holds what the table does not have.

    That is a decision, or a reason or a comment alone, or anything that cannot be read. ``files``
    have the reviewer whose they are, or an empty name. ``flagged.csv`` becomes ``flagged.1.csv``,
    or the next number that is free. Gives the new paths by the old ones.
    """
    moved = {}
    for path, reviewer in files.items():
        if path.is_file() and _holds_more(engine, path, reviewer):
            moved[path] = path.rename(_free_name(path))
    return moved


def is_parquet(path: Path) -> bool:
    """Whether there is a file that begins as Parquet does."""
    return path.is_file() and _head(path).startswith(_PARQUET)


def _holds_more(engine: Engine, path: Path, reviewer: str) -> bool:
    if not _head(path).strip() and path.stat().st_size <= _HEAD_BYTES:
        return False
    is_tasks = path.suffix.lower() == ".json"
    try:
        found = read_tasks(path) if is_tasks else read_decisions(path)
    except ReviewError:
        return not (is_tasks and _is_without_annotations(path))
    return bool(found.bad or found.notes) or not _are_known(engine, found, reviewer)


def _are_known(engine: Engine, found: DecisionFile, reviewer: str) -> bool:
    """Whether the file was imported for its reviewer, with each of its decisions."""
    if not found.decided:
        return True
    with reading(engine) as connection:
        person = person_of(connection, reviewer) if reviewer else None
        if not was_imported(connection, found, person):
            return False
        said = said_of(connection, person, {line.item_key for line in found.decided})
    return all(
        any(one.is_like(line) for one in said.get(line.item_key, ())) for line in found.decided
    )


def _is_without_annotations(path: Path) -> bool:
    """Whether it is a list of tasks as an export writes it."""
    try:
        tasks = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(tasks, list) and not any(
        not isinstance(task, dict) or "annotations" in task for task in tasks
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
