"""Files of an earlier export with decisions that nobody has imported: they are moved aside."""

from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

from sqlalchemy import Engine

from scrubtrace.review.connection import reading
from scrubtrace.review.decisions.file import DecisionFile, read_decisions
from scrubtrace.review.decisions.stored import said_of
from scrubtrace.review.errors import ReviewError


def move_aside(engine: Engine, files: Iterable[Path]) -> Mapping[Path, Path]:
    """Gives another name to each file that holds a decision which the table does not have.

    ``flagged.csv`` becomes ``flagged.1.csv``, or the next number that is free. Files that cannot be
    read as an export are left alone. Gives the new paths by the old ones.
    """
    moved = {}
    for path in files:
        if path.is_file() and _holds_more(engine, path):
            moved[path] = path.rename(_free_name(path))
    return moved


def _holds_more(engine: Engine, path: Path) -> bool:
    try:
        found = read_decisions(path)
    except ReviewError:
        return False
    return bool(found.bad) or not _are_known(engine, found)


def _are_known(engine: Engine, found: DecisionFile) -> bool:
    """Whether somebody said each of the decisions of a file, so that it was imported."""
    if not found.decided:
        return True
    with reading(engine) as connection:
        said = said_of(connection, None, {line.item_key for line in found.decided})
    return all(
        any(one.is_like(line) for one in said.get(line.item_key, ())) for line in found.decided
    )


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.stem}.{number}{path.suffix}") for number in count(1))
    return next(name for name in names if not name.exists())
