"""Bringing decisions into the review table: all of a file, or nothing of it."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from scrubtrace.review.connection import writing
from scrubtrace.review.controls.store import controls_by_key, issued_by_key
from scrubtrace.review.decisions.file import BadLine, DecidedLine, DecisionFile, read_decisions
from scrubtrace.review.decisions.label_studio import read_tasks
from scrubtrace.review.decisions.origin import Origin, origin_of
from scrubtrace.review.decisions.record import FORM, content_line, id_of
from scrubtrace.review.decisions.stored import Said, said_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.table import (
    review_comments,
    review_decisions,
    review_items,
    review_salts,
    review_versions,
)
from scrubtrace.review.texts import chunks, text_ids
from scrubtrace.review.trail.events import (
    EventKind,
    append_event,
    lines_sha256,
    lock_log,
    next_event,
    sha256_of,
)
from scrubtrace.review.trail.salted import PERSON, Person, new_salt, person_of, remember, salted
from scrubtrace.schemas.review import Scope

NAME_CHARS = 100
"""Longest name of a reviewer."""

_KEY = re.compile("r[0-9a-f]{32}")
_UNCLEAR = "this same file was imported before, and decided otherwise since"
_ERASED = "its comment was erased: take the comment out of the file"
_ABOUT = ("text_digest", "key_id", "evidence_fingerprint", "last_run")


class Repeated(StrEnum):
    """What a line of a file that came before is, if the reviewer decided otherwise since."""

    KNOWN = "known"
    """The file is an old one: the later decision stands."""
    NEW = "new"
    """The reviewer went back to it."""


@dataclass
class Imported:
    """What became of a file's lines.

    ``known`` were in the table already, or repeat what the reviewer said last; ``stale`` of those
    stored were made on an earlier version of their item. ``undecided`` and ``notes`` as in
    `DecisionFile`, and ``unit``. With ``bad`` lines nothing is stored, unless the others were asked
    for; ``unclear`` of them need a `Repeated`.
    """

    stored: int = 0
    stale: int = 0
    known: int = 0
    undecided: int = 0
    notes: int = 0
    unit: str = "line"
    bad: list[BadLine] = field(default_factory=list)
    unclear: int = 0


@dataclass(frozen=True)
class _About:
    """What a line is about: its item as it was in the version that was decided on."""

    line: DecidedLine
    values: dict[str, str]
    is_stale: bool


def import_decisions(
    engine: Engine,
    path: Path,
    reviewer: str,
    *,
    keep_going: bool = False,
    decided_at: datetime | None = None,
    annotator: str | None = None,
    repeated: Repeated | None = None,
) -> Imported:
    """Store the decisions of a file in one transaction, with one event.

    A file that ends in .json is one of Label Studio; ``annotator`` chooses whose annotations count.

    A line that repeats what the reviewer said last of the item is not stored again, unless
    ``decided_at`` says when the decisions were made (default: the time of the import): then only
    what was said of the item at that time is known. A file that the reviewer gave before changes
    nothing, unless something else was said of an item since: ``repeated`` tells whether such a line
    is an old one or decided again, as a ``decided_at`` does that is before or after what was said
    since. Without either it is bad. A comment that was erased is not brought back by a line that
    says the rest. With ``keep_going`` good lines are stored beside bad ones. Holds the decided
    lines in memory, not the others. Raises ReviewError.
    """
    reviewer = checked_reviewer(reviewer)
    if decided_at is not None and decided_at > datetime.now(UTC):
        raise ReviewError("the decisions cannot have been made in the future")
    is_tasks = path.suffix.lower() == ".json"
    content = read_tasks(path, annotator) if is_tasks else read_decisions(path)
    return store_decisions(engine, content, reviewer, keep_going, decided_at, repeated)


def store_decisions(
    engine: Engine,
    content: DecisionFile,
    reviewer: str,
    keep_going: bool = False,
    decided_at: datetime | None = None,
    repeated: Repeated | None = None,
) -> Imported:
    """Store what a file says, as `import_decisions` does; ``reviewer`` is a checked name."""
    counted = {"undecided": content.undecided, "notes": content.notes}
    found = Imported(**counted, unit=content.unit, bad=[*content.bad])
    once = _without_conflicts(content.decided, found)
    with writing(engine) as connection:
        lock_log(connection)
        about = _without_text_conflicts(connection, list(_known(connection, once, found)), found)
        person = person_of(connection, reviewer)
        origin = origin_of(connection, content, person)
        new = _new(connection, about, person, origin, decided_at, repeated, found)
        found.bad.sort(key=lambda bad: bad.number)
        # A file without anything new is remembered, too: it may come again as an old one.
        is_told = new or (about and not origin.is_repeated)
        if is_told and (keep_going or not found.bad):
            _store(connection, new, person, origin, decided_at, found)
        else:
            found.stale = 0
    return found


def checked_reviewer(name: str) -> str:
    """The name in one form of Unicode, without spaces around it; raises ReviewError."""
    name = unicodedata.normalize("NFC", name).strip()
    if not name or len(name) > NAME_CHARS or not name.isprintable():
        raise ReviewError(f"the name of a reviewer has 1 to {NAME_CHARS} printable characters")
    if PERSON.fullmatch(name):
        raise ReviewError("this is what the table calls a person: give the name of a reviewer")
    return name


def _without_conflicts(lines: Iterable[DecidedLine], found: Imported) -> list[DecidedLine]:
    """One line for each item; lines that contradict each other are bad, all of them."""
    by_item: dict[str, list[DecidedLine]] = {}
    for line in lines:
        by_item.setdefault(line.item_key, []).append(line)
    kept = []
    for same in by_item.values():
        if len({line.said for line in same}) == 1:
            kept.append(same[0])
            found.known += len(same) - 1
        else:
            found.bad += _contradictions(same, found.unit, "the same item")
    return kept


def _contradictions(lines: Sequence[DecidedLine], unit: str, what: str) -> Iterator[BadLine]:
    numbers = sorted({line.number for line in lines})
    for number in numbers:
        others = ", ".join(str(other) for other in numbers if other != number) or "itself"
        yield BadLine(
            number, f"contradicts {unit} {others} about {what}: leave one, or empty its decision"
        )


def _known(
    connection: Connection, lines: Sequence[DecidedLine], found: Imported
) -> Iterator[_About]:
    """What each line is about; lines whose item or version the table does not have are bad."""
    by_key = {line.item_key: line for line in lines}
    for keys in chunks(by_key):
        current = _rows_of(connection, review_items, keys, "dataset")
        versions = _rows_of(connection, review_versions, keys)
        stored = dict(current.keys())
        # Only keys that could be those of controls: reviewers may have no right to know of them.
        others = [key for key in keys if key not in stored and _KEY.fullmatch(key)]
        controls = _controls(connection, others)
        for key in keys:
            line = by_key[key]
            now = stored.get(key)
            values = current.get((key, line.row_version)) or versions.get((key, line.row_version))
            if key in controls:
                now, values = controls[key]
                values = values if 1 <= line.row_version <= now else None
            if values is None or now is None:
                found.bad.append(BadLine(line.number, _unknown(line, now)))
            else:
                dataset = current[key, now]["dataset"] if key not in controls else ""
                yield _About(line, values | {"dataset": dataset}, line.row_version != now)


def _controls(
    connection: Connection, keys: Sequence[str]
) -> dict[str, tuple[int, dict[str, str] | None]]:
    """Row version, and what a decision is about, of those keys under which a control was given out.

    The key of the control stands for its text, so that no decision on it is about a text of the
    data.
    """
    issued = issued_by_key(connection, keys)
    controls = controls_by_key(connection, {one.control_key for one in issued.values()})
    about: dict[str, tuple[int, dict[str, str] | None]] = {}
    for key, one in issued.items():
        if (control := controls.get(one.control_key)) is not None:
            values = (control.control_key, control.key_id, control.evidence_fingerprint, "")
            about[key] = one.row_version, dict(zip(_ABOUT, values, strict=True))
    return about


def _rows_of(
    connection: Connection, table: Any, keys: Sequence[str], *more: str
) -> dict[tuple[str, int], dict[str, str]]:
    names = (*_ABOUT, *more)
    columns = [table.c[name] for name in ("item_key", "row_version", *names)]
    query = select(*columns).where(table.c.item_key.in_(keys))
    return {
        (row.item_key, row.row_version): {name: getattr(row, name) for name in names}
        for row in connection.execute(query)
    }


def _unknown(line: DecidedLine, now: int | None) -> str:
    if now is None and not _KEY.fullmatch(line.item_key):
        return (
            "item_key is not one of an export (a spreadsheet may have changed it, as 1e5 to "
            "1E+05): copy it from the export"
        )
    if now is None:
        return "no such item in this table: give the table that the file was exported from"
    if line.row_version > now:
        return f"row_version is higher than the {now} of the table: copy it from the export"
    return "the table does not remember this row_version: export the item again, and decide anew"


def _without_text_conflicts(
    connection: Connection, about: list[_About], found: Imported
) -> list[_About]:
    """Lines without those that decide differently on one text, each for all rows with it."""
    ids = text_ids(connection, (one.values["text_digest"] for one in about))
    by_text: dict[tuple[str, str], list[_About]] = {}
    for one in about:
        if one.line.scope == Scope.TEXT:
            text = ids[one.values["text_digest"]]
            by_text.setdefault((text, one.values["evidence_fingerprint"]), []).append(one)
    bad: set[int] = set()
    for same in by_text.values():
        if len({one.line.decision for one in same}) > 1:
            found.bad += _contradictions([one.line for one in same], found.unit, "the same text")
            bad.update(one.line.number for one in same)
    return [one for one in about if one.line.number not in bad]


def _new(
    connection: Connection,
    about: Sequence[_About],
    person: Person,
    origin: Origin,
    decided_at: datetime | None,
    repeated: Repeated | None,
    found: Imported,
) -> list[_About]:
    """The lines that say something new; those of which it cannot be told are bad."""
    said = said_of(connection, person, [one.line.item_key for one in about])
    new = []
    for one in about:
        earlier = said.get(one.line.item_key, [])
        if origin.is_repeated:
            is_new = _is_new_again(one.line, earlier, decided_at, repeated)
        else:
            is_new = _is_new(one.line, earlier, decided_at)
        if isinstance(is_new, str):
            found.bad.append(BadLine(one.line.number, is_new))
            found.unclear += is_new == _UNCLEAR
        elif is_new:
            new.append(one)
        else:
            found.known += 1
    found.stale = sum(one.is_stale for one in new)
    return new


def _is_new(line: DecidedLine, said: Sequence[Said], decided_at: datetime | None) -> bool:
    """Whether a line of a new file is not what the reviewer said last, or said at that time."""
    if decided_at is None:
        return not (said and said[-1].is_like(line))
    return not any(one.decided_at == decided_at and one.is_like(line) for one in said)


def _is_new_again(
    line: DecidedLine,
    said: Sequence[Said],
    decided_at: datetime | None,
    repeated: Repeated | None,
) -> bool | str:
    """The same of a file that came before, or why its line cannot be used.

    What was said of another version of the item is no change of mind.
    """
    own = [one for one in said if one.row_version == line.row_version]
    alike = [one for one in own if one.is_like(line)]
    if not alike:
        return True
    if own[-1].is_like(line) or any(one.decided_at == decided_at for one in alike):
        return False
    if decided_at is None and repeated is None:
        return _UNCLEAR
    is_new = decided_at > own[-1].decided_at if decided_at else repeated == Repeated.NEW
    if is_new and line.comment and any(one.comment is None for one in alike):
        return _ERASED
    return is_new


def _row(one: _About, named: dict[str, Any], salt: str) -> dict[str, Any]:
    line, values = one.line, one.values
    row = named | {
        "text_digest": values["text_digest"],
        "key_id": values["key_id"],
        "item_key": line.item_key,
        "dataset": values["dataset"],
        "scope": str(line.scope),
        "decision": str(line.decision),
        "reason": line.reason,
        "comment": "",
        "comment_digest": salted(salt, line.comment) if line.comment else "",
        "run_id": values["last_run"],
        "evidence_fingerprint": values["evidence_fingerprint"],
        "row_version": line.row_version,
        "line": line.number,
    }
    return row | {"decision_id": id_of(row)}


def _store(
    connection: Connection,
    new: Sequence[_About],
    person: Person,
    origin: Origin,
    decided_at: datetime | None,
    found: Imported,
) -> None:
    event, now = next_event(connection)
    times = {"decided_at": (decided_at or now).astimezone(UTC), "imported_at": now}
    named = {"reviewer": person.person, "batch": origin.batch, "event": event}
    salts = [new_salt() for _ in new]
    rows = [_row(one, named | times, salt) for one, salt in zip(new, salts, strict=True)]
    comments = [
        {"decision_id": row["decision_id"], "comment": one.line.comment, "salt": salt}
        for one, row, salt in zip(new, rows, salts, strict=True)
        if one.line.comment
    ]
    remember(connection, person)
    for table, values in ((review_decisions, rows), (review_comments, comments)):
        for start in range(0, len(values), 1_000):
            connection.execute(insert(table), values[start : start + 1_000])
    connection.execute(insert(review_salts), {"event": event, "salt": origin.salt})
    found.stored = len(rows)
    payload = {
        "form": FORM,
        "batch": origin.batch,
        "said": origin.said,
        "salt": sha256_of(origin.salt),
        "reviewer": person.person,
        "decisions": len(rows),
        "sha256": lines_sha256(content_line(row) for row in rows),
        "known": found.known,
        "bad": len(found.bad),
    }
    append_event(connection, EventKind.IMPORT, payload, at=now)
