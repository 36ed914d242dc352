"""Which labeler gets which control task on which day: random, keyed, and never the same one twice.

The order is that of a keyed digest: with the key the same call gives the same plan, without it
nobody knows which tasks are controls.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.decoding import decode_text, shown_value
from scrubtrace.beam_pipelines.layout import read_table, table_bytes
from scrubtrace.cells import LABELER
from scrubtrace.exits import SumsDifferStop, UsageStop
from scrubtrace.labelers.canary import TOKEN, canary_word, with_canary
from scrubtrace.schemas.controls import CONTROLS, HANDOUT, Origin
from scrubtrace.schemas.identity import DigestKey, KeyRing

FORMAT = b"1"
_FORMAT_KEY, _KEY_ID = b"scrubtrace_controls", b"key_id"


@dataclass(frozen=True)
class ControlTask:
    """A task that can be given out as a control."""

    id: str
    text: str
    origin: Origin


@dataclass(frozen=True)
class Planned:
    """One control task for one labeler, by name, on one day."""

    task: ControlTask
    labeler: str
    day: date


@dataclass(frozen=True)
class Record:
    """What is in a plan: rows of `CONTROLS`."""

    rows: tuple[dict[str, str | None], ...]
    key_id: str

    @property
    def given(self) -> frozenset[tuple[str, str]]:
        """Pairs of pseudonym and task."""
        return frozenset((str(row["labeler"]), str(row["task"])) for row in self.rows)


def read_tasks(path: str, text: str, id_: str, origin: str) -> list[ControlTask]:
    """Tasks of a Parquet file; raises `UsageStop` for columns or values that are amiss."""
    try:
        table = read_table(storage.read_bytes(path))
    except (OSError, storage.RemoteError, pa.ArrowException) as error:
        raise UsageStop(f"cannot read {path}: {_why(error)}") from None
    missing = [name for name in (text, id_, origin) if name not in table.column_names]
    if missing:
        columns = ", ".join(table.column_names)
        raise UsageStop(f"{path} has no column {missing[0]!r}; columns: {columns}")
    try:
        texts, bad = decode_text(table[text].combine_chunks())
    except pa.ArrowException:
        raise UsageStop(f"{path}: {text!r} has no texts: {table[text].type}") from None
    ids, origins = (_values(table[name].combine_chunks()) for name in (id_, origin))
    tasks, seen = [], set()
    for row, (name, said, known) in enumerate(zip(ids, texts, origins, strict=True)):
        place = f"{path} row {row:,}"
        if row in bad or not said or not said.strip() or not name:
            raise UsageStop(f"{place}: a task needs an id and a text in UTF-8")
        if known not in set(Origin):
            raise UsageStop(f"{place}: {origin} is one of {', '.join(Origin)}")
        if name in seen:
            raise UsageStop(f"{place}: the id of this task was there before")
        seen.add(name)
        tasks.append(ControlTask(name, said, Origin(known)))
    return tasks


def read_labelers(path: str) -> list[str]:
    """Names of labelers, one a line; raises `UsageStop`."""
    try:
        lines = storage.read_bytes(path).decode("utf-8-sig").splitlines()
    except (OSError, storage.RemoteError, UnicodeDecodeError) as error:
        raise UsageStop(f"cannot read {path}: {_why(error)}") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise UsageStop(f"{path} names no labeler: one a line")
    return list(dict.fromkeys(names))


def plan_controls(
    tasks: Sequence[ControlTask],
    labelers: Iterable[str],
    per_labeler: int,
    days: tuple[date, date],
    ring: KeyRing,
    given: Collection[tuple[str, str]] = (),
) -> tuple[list[Planned], list[str]]:
    """Control tasks for each labeler, and who gets fewer since there are no more new ones.

    ``given`` are pairs of pseudonym and task of earlier plans: nobody gets a task twice, also if
    the key was rotated in between. Tasks that fewer labelers have are given first, in keyed order,
    so that a task that gets known does little harm. Days are the first and the last, inclusive.
    """
    key = ring.active
    keys = (key, *ring.retired)
    span = (days[1] - days[0]).days + 1
    used: defaultdict[str, int] = defaultdict(int)
    for _, had in given:
        used[had] += 1
    planned, short = [], []
    for labeler in sorted(labelers, key=lambda name: _number(key, "labeler", name)):
        names = {one.pseudonym(LABELER, labeler) for one in keys}
        fresh = [task for task in tasks if not any((name, task.id) in given for name in names)]
        fresh.sort(key=lambda task: (used[task.id], _number(key, "task", task.id, labeler)))
        chosen = fresh[:per_labeler]
        if len(chosen) < per_labeler:
            short.append(labeler)
        for task in chosen:
            used[task.id] += 1
            day = days[0] + timedelta(days=_number(key, "day", task.id, labeler) % span)
            planned.append(Planned(task, labeler, day))
    return planned, short


def record_and_handout(
    planned: Iterable[Planned], key: DigestKey, request: str | None
) -> tuple[pa.Table, pa.Table]:
    """Tables of `CONTROLS` and `HANDOUT`; with a ``request``, every task carries a canary."""
    rows: list[dict[str, str | None]] = []
    given: list[dict[str, str | None]] = []
    for one in planned:
        text, word, instruction = one.task.text, "", ""
        if request is not None:
            word = canary_word(key, one.task.id, one.labeler)
            text, instruction = with_canary(text, request, word)
        about: dict[str, str | None] = {"task": one.task.id, "day": one.day.isoformat()}
        given.append(about | {"labeler": one.labeler, "text": text})
        rows.append(
            about
            | {
                "labeler": key.pseudonym(LABELER, one.labeler),
                "origin": str(one.task.origin),
                "canary": word or None,
                "instruction": instruction or None,
                "text_digest": key.digest(text),
            }
        )
    about_key = {_FORMAT_KEY: FORMAT, _KEY_ID: key.id.encode()}
    record = pa.Table.from_pylist(sorted(rows, key=_order), CONTROLS.with_metadata(about_key))
    return record, pa.Table.from_pylist(sorted(given, key=_order), HANDOUT)


def write_tables(tables: Mapping[str, pa.Table]) -> dict[str, bytes]:
    """Writes tables as Parquet that only its owner reads, and gives the bytes, by path.

    Raises `UsageStop`, also for a file that is there and has something else: then none is written.
    """
    contents = {path: table_bytes(table) for path, table in tables.items()}
    for path, content in contents.items():
        _refuse_other(path, content)
    for path, content in contents.items():
        try:
            storage.write_atomic(storage.absolute(path), content)
            if not storage.is_remote(path):
                os.chmod(path, 0o600)
        except (OSError, storage.RemoteError) as error:
            raise UsageStop(f"cannot write {path}: {error.strerror}") from None
    return contents


def _refuse_other(path: str, content: bytes) -> None:
    try:
        if not storage.exists(path) or storage.read_bytes(path) == content:
            return
    except (OSError, storage.RemoteError) as error:
        raise UsageStop(f"cannot write {path}: {error.strerror}") from None
    raise UsageStop(
        f"there is a file {path} already, which is not what this call would write: name another, "
        "or remove it if its tasks were never given out"
    )


def read_record(path: str) -> Record:
    """A plan; raises `UsageStop` for what is none of this version."""
    try:
        table = read_table(storage.read_bytes(path))
    except (OSError, storage.RemoteError, pa.ArrowException) as error:
        raise UsageStop(f"cannot read {path}: {_why(error)}") from None
    metadata = table.schema.metadata or {}
    if metadata.get(_FORMAT_KEY) != FORMAT or not table.schema.equals(CONTROLS):
        raise UsageStop(f"{path} is no plan that labelers controls plan of this version wrote")
    return Record(tuple(table.to_pylist()), metadata[_KEY_ID].decode())


def merged_records(paths: Sequence[str]) -> Record:
    """Several plans as one; raises `UsageStop`, also for plans by different keys."""
    records = [read_record(path) for path in paths]
    other = [path for path, r in zip(paths, records, strict=True) if r.key_id != records[0].key_id]
    if other:
        raise UsageStop(f"{other[0]} was made with another key than {paths[0]}: score it by itself")
    return Record(tuple(row for record in records for row in record.rows), records[0].key_id)


def earlier_pairs(paths: Iterable[str], ring: KeyRing) -> frozenset[tuple[str, str]]:
    """What earlier plans gave out; raises `UsageStop` for a plan by a key that is gone."""
    given: frozenset[tuple[str, str]] = frozenset()
    for path in paths:
        record = read_record(path)
        if record.key_id not in ring.ids:
            raise UsageStop(
                f"{path} was made with key {record.key_id}, which the key file has no more: it "
                "cannot be told who had which task"
            )
        given |= record.given
    return given


def check_handout(record: Record, path: str, ring: KeyRing) -> int:
    """How many control tasks a handout has, if it is the one of the plan.

    Raises `SumsDifferStop` if a text, day, labeler or task differs, `UsageStop` if it cannot be
    read or the key of the plan is not here.
    """
    keys = ring.by_id
    if record.key_id not in keys:
        raise UsageStop(f"the plan was made with key {record.key_id}, which is not here")
    key = keys[record.key_id]
    try:
        table = read_table(storage.read_bytes(path))
    except (OSError, storage.RemoteError, pa.ArrowException) as error:
        raise UsageStop(f"cannot read {path}: {_why(error)}") from None
    if not table.schema.equals(HANDOUT):
        raise UsageStop(f"{path} is no handout of labelers controls plan of this version")
    given: Counter[tuple[str | None, ...]] = Counter(
        (r["task"], key.pseudonym(LABELER, r["labeler"]), r["day"], key.digest(r["text"]))
        for r in table.to_pylist()
    )
    planned: Counter[tuple[str | None, ...]] = Counter(
        (r["task"], r["labeler"], r["day"], r["text_digest"]) for r in record.rows
    )
    if given != planned:
        other, missing = (given - planned).total(), (planned - given).total()
        raise SumsDifferStop(
            f"{path} is not what the plan says: {other:,} control tasks are not in the plan as "
            f"they were given out, {missing:,} of the plan are not in it"
        )
    return given.total()


def check_request(request: str) -> str:
    """The request; raises `UsageStop` if it has no place for the word."""
    if request.count(TOKEN) != 1 or not request.replace(TOKEN, "").strip():
        raise UsageStop(f"--canary-request is a sentence with {TOKEN} in it once")
    return request.strip()


def _values(column: pa.Array) -> list[str | None]:
    return [shown_value(column, row) for row in range(len(column))]


def _number(key: DigestKey, *parts: str) -> int:
    return int(key.digest("\0".join(("control", *parts))), 16)


def _order(row: Mapping[str, str | None]) -> tuple[str, str, str]:
    return str(row["day"]), str(row["labeler"]), str(row["task"])


def _why(error: Exception) -> str:
    if isinstance(error, storage.RemoteError):
        return str(error.strerror)
    return type(error).__name__
