"""Files for reviewers and for later jobs: CSV that is safe in a spreadsheet, and typed Parquet."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, count, islice, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from sqlalchemy import Connection, Engine, insert

from scrubtrace.review.aside import is_parquet, move_aside
from scrubtrace.review.assigning import checked_names, file_of
from scrubtrace.review.connection import reading_as_one, writing
from scrubtrace.review.controls.store import last_issued, store_issued
from scrubtrace.review.decisions.states import Standing
from scrubtrace.review.drafts import draft_of
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.forms import CsvForm, Form, TaskForm
from scrubtrace.review.label_studio import write_config
from scrubtrace.review.lines import ExportLine, Wanted, export_places, known_run
from scrubtrace.review.mixing import Mix, Mixture, mixture
from scrubtrace.review.store import StoredItem
from scrubtrace.review.table import review_salts
from scrubtrace.review.trail.events import (
    EventKind,
    append_event,
    head_of,
    last_erasure,
    lock_log,
    next_event,
    sha256_of,
)
from scrubtrace.review.trail.salted import new_salt, remembered, salted
from scrubtrace.review.wording import Wording
from scrubtrace.schemas.batches import Origin
from scrubtrace.schemas.review import OPEN_STATES

if TYPE_CHECKING:
    import pyarrow as pa

SHEET_ROWS = 1_048_575
"""Data rows that a spreadsheet holds below the header (Excel and LibreOffice)."""

GROUP_ROWS = 10_000
"""Rows of a row group of Parquet."""

OPEN = Wanted(states=OPEN_STATES)
"""Flagged items on which something is to be decided."""


@dataclass(frozen=True)
class ExportResult:
    """The files written, in order, the number of data rows in all of them, and of controls.

    ``aside`` has the new paths of earlier files, by the old ones, with what was not imported.
    """

    files: tuple[Path, ...]
    rows: int
    controls: Mapping[Origin, int] = field(default_factory=dict)
    aside: Mapping[Path, Path] = field(default_factory=dict)


def export_csv(
    engine: Engine,
    path: Path,
    wanted: Wanted = OPEN,
    *,
    bom: bool = False,
    rows_per_file: int = 1_000_000,
    budget: int | None = None,
    reviewers: Sequence[str] = (),
    wording: Wording | None = None,
    mix: Mix = Mix(),
) -> ExportResult:
    """Write one line a text for review to ``path``, by priority, at most ``budget`` in all.

    With ``reviewers`` each gets a share in a file of their own. More than ``rows_per_file`` rows go
    to ``path``-0001, -0002, ... instead. Files appear whole or not at all, and those left of an
    earlier export to the same path are removed, or moved aside if they hold what was not imported.
    ``bom`` is for Excel, which otherwise does not read UTF-8. With ``wording`` the reasons are in
    its language; all else stays in codes. ``mix`` says what else stands in it. The export is an
    event of the log, and controls that are new in it are stored with it. Raises ReviewError.
    """
    encoding = "utf-8-sig" if bom else "utf-8"
    make = partial(CsvForm, encoding, wording)
    return _export(
        engine, path, wanted, mix, make, rows_per_file, budget, reviewers, "csv", wording
    )


def export_tasks(
    engine: Engine,
    path: Path,
    wanted: Wanted = OPEN,
    *,
    wording: Wording,
    rows_per_file: int = 1_000_000,
    budget: int | None = None,
    reviewers: Sequence[str] = (),
    mix: Mix = Mix(),
) -> ExportResult:
    """Write tasks for Label Studio, otherwise as `export_csv`; its configuration stands beside."""
    make = partial(TaskForm, wording)
    found = _export(
        engine, path, wanted, mix, make, rows_per_file, budget, reviewers, "label-studio", wording
    )
    config = path.with_suffix(".xml")
    with _files_errors(config):
        write_config(config)
    return replace(found, files=(*found.files, config))


def _export(
    engine: Engine,
    path: Path,
    wanted: Wanted,
    mix: Mix,
    make: Callable[[], Form],
    rows_per_file: int,
    budget: int | None,
    reviewers: Sequence[str],
    name: str,
    wording: Wording | None,
) -> ExportResult:
    if not 1 <= rows_per_file <= SHEET_ROWS:
        raise ReviewError(f"rows per file must be 1 to {SHEET_ROWS:,}, not {rows_per_file:,}")
    paths = {name: file_of(path, name) for name in checked_names(reviewers)} or {"": path}
    with _files_errors(path), ExitStack() as stack:
        drafts = {
            reviewer: stack.enter_context(_Drafts(own, make(), rows_per_file))
            for reviewer, own in paths.items()
        }
        with reading_as_one(engine) as connection:
            erased = last_erasure(connection)
            mixed = mixture(connection, wanted, mix, budget, list(paths))
            for line, names in mixed.lines:
                for reviewer in names:
                    drafts[reviewer].add(line)
        made = list(chain.from_iterable(draft.finished() for draft in drafts.values()))
        rows = sum(draft.rows for draft in drafts.values())
        choices = {"format": name, "budget": budget, "reviewers": [*reviewers]}
        choices |= _language(wording)
        record_export(engine, mixed.wanted, made, rows, erased, mix, mixed, **choices)
        replaced = {reviewer: draft.replaced() for reviewer, draft in drafts.items()}
        aside = move_aside(engine, {file: own for own, its in replaced.items() for file in its})
        files = chain.from_iterable(drafts[own].publish(its) for own, its in replaced.items())
        return ExportResult(tuple(files), rows, mixed.origins, aside)


def export_parquet(engine: Engine, path: Path, wanted: Wanted = Wanted()) -> ExportResult:
    """Write one row a place with its state and decisions, typed as `schemas.decided.DECIDED`.

    Texts that are not flagged are in it as soon as somebody has decided on them. The file appears
    whole or not at all; what stands in its place and is no Parquet is moved aside, if it holds what
    was not imported. The export is an event of the log. Raises ReviewError.
    """
    import pyarrow.parquet as pq

    from scrubtrace.schemas.decided import DECIDED

    rows = 0
    with _files_errors(path):
        draft = draft_of(path)
        try:
            with reading_as_one(engine) as connection:
                erased = last_erasure(connection)
                schema = DECIDED.with_metadata({"review_head": head_of(connection)})
                places = export_places(connection, _resolved(connection, wanted), decided=True)
                with _arrow_errors(path), pq.ParquetWriter(draft, schema) as writer:
                    while page := list(islice(places, GROUP_ROWS)):
                        writer.write_table(_table(page, schema))
                        rows += len(page)
            record_export(engine, wanted, [draft], rows, erased, format="parquet")
            aside = {} if is_parquet(path) else move_aside(engine, {path: ""})
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
    return ExportResult((path,), rows, aside=aside)


def _language(wording: Wording | None) -> dict[str, str]:
    """The language of an export, which its event has if it was given one."""
    return {} if wording is None else {"language": wording.messages.language}


def _resolved(connection: Connection, wanted: Wanted) -> Wanted:
    since = wanted.new_since
    return wanted if since is None else replace(wanted, new_since=known_run(connection, since))


def _table(places: Sequence[tuple[StoredItem, Standing]], schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    rows = []
    for stored, standing in places:
        own = vars(stored.item) | stored.item.groups | vars(stored)
        own |= {
            "state": str(standing.state),
            "decision": standing.verdict and str(standing.verdict),
            "reviewers": [opinion.reviewer for opinion in standing.counted],
            "decision_ids": [opinion.decision_id for opinion in standing.counted],
        }
        rows.append({name: own.get(name) for name in schema.names})
    return pa.Table.from_pylist(rows, schema)


def record_export(
    engine: Engine,
    wanted: Wanted,
    files: Sequence[Path],
    rows: int,
    erased: int,
    mix: Mix = Mix(),
    mixed: Mixture | None = None,
    **choices: Any,
) -> None:
    """The event of an export, before its files get their names; stores controls that are new.

    It has salted digests of the files, and persons for the names of reviewers: what is in them may
    have to be erased. Of the controls the event has one digest, which tells neither which lines
    they are nor how many: its lines hold keys that nobody can guess. ``erased`` is `last_erasure`
    as of the files: raises ReviewError if there is a later one, as they may hold what it erased,
    or if another export gave out controls meanwhile, as the two would be twice the share.
    """
    digests, salt = [], new_salt()
    for path in files:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            digests.append(salted(salt, digest))
    filters = vars(wanted) | {"states": sorted(wanted.states)}
    payload = {"files": digests, "salt": sha256_of(salt), "rows": rows, **choices, **filters}
    if mixed is not None:
        shown = {"blind": mixed.blind, "sampled": mix.sampled, "overlap": mix.overlap}
        payload |= shown
    with writing(engine) as connection:
        lock_log(connection)
        _check_nothing_came_between(connection, erased, mixed)
        names = choices.get("reviewers", ())
        payload["reviewers"] = [remembered(connection, name) for name in names]
        event, now = next_event(connection)
        connection.execute(insert(review_salts), {"event": event, "salt": salt})
        if mixed is not None and mix.controls:
            payload["issued"] = store_issued(connection, mixed.issued, event)
        append_event(connection, EventKind.EXPORT, payload, at=now)


def _check_nothing_came_between(connection: Connection, erased: int, mixed: Mixture | None) -> None:
    """Raises ReviewError for events since the files were begun that they would have to know of."""
    if last_erasure(connection) != erased:
        raise ReviewError("something was erased while the file was written: export again")
    if mixed is None or not mixed.issued:
        return
    if last_issued(connection, mixed.wanted.batch) != mixed.last_issued:
        raise ReviewError("another export gave out controls meanwhile: export again")


class _Drafts:
    """Files under temporary names beside their places; removed unless they are published."""

    def __init__(self, path: Path, form: Form, rows_per_file: int) -> None:
        self.path = path
        self.rows = 0
        self._form = form
        self._rows_per_file = rows_per_file
        self._drafts: list[Path] = []

    def __enter__(self) -> "_Drafts":
        self._begin()
        return self

    def __exit__(self, *_: object) -> None:
        self.finished()
        for draft in self._drafts:
            draft.unlink(missing_ok=True)

    def add(self, line: ExportLine) -> None:
        """Write a line, into the next file if this one is full."""
        if self.rows == len(self._drafts) * self._rows_per_file:
            self._begin()
        self._form.write(self._file, line)
        self.rows += 1

    def _begin(self) -> None:
        self.finished()
        draft = draft_of(self.path, len(self._drafts))
        self._drafts.append(draft)
        self._file: TextIO = draft.open("w", encoding=self._form.encoding, newline="")
        self._form.begin(self._file)

    def finished(self) -> list[Path]:
        """The drafts, all closed; without a line there is one, which has none."""
        if self._drafts and not self._file.closed:
            with self._file as file:
                self._form.end(file)
        return self._drafts

    def publish(self, earlier: Sequence[Path]) -> tuple[Path, ...]:
        """Give the files their names, and remove the rest of an earlier export."""
        files = self._files()
        for draft, file in zip(self._drafts, files, strict=True):
            draft.replace(file)
        for stale in earlier:
            if stale not in files:
                stale.unlink(missing_ok=True)
        return tuple(files)

    def replaced(self) -> list[Path]:
        """What publishing overwrites or removes, if it is there."""
        return list(dict.fromkeys([*_earlier(self.path), *self._files()]))

    def _files(self) -> list[Path]:
        """The names of the drafts' files."""
        parts = [_part(self.path, number) for number, _ in enumerate(self._drafts, start=1)]
        return [self.path] if len(self._drafts) == 1 else parts


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
        # Arrow's own words name the draft.
        why = os.strerror(error.errno) if error.errno else type(error).__name__
        raise _not_written(path, why) from error


@contextmanager
def _arrow_errors(path: Path) -> Iterator[None]:
    """Arrow's other errors, which would pass for errors of the database: some are ValueErrors."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise _not_written(path, type(error).__name__) from None


def _not_written(path: Path, why: str) -> ReviewError:
    return ReviewError(
        f"cannot write {path} ({why}): check the folder and the space left on the disk"
    )
