"""Answers to control tasks: found by task and labeler, flagged or not, with the canary or not.

Nothing is scanned here: whether an answer is flagged is what the current results say of its row.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged, check_unchanged
from scrubtrace.beam_pipelines.columns import ColumnError, find_columns, leaf_paths
from scrubtrace.beam_pipelines.decoding import column_of
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.cells import LABELER
from scrubtrace.commit import judged_texts
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.keys import keys_of_run
from scrubtrace.labelers.canary import Carried, carried
from scrubtrace.labelers.cells import Current
from scrubtrace.labelers.controls import Record
from scrubtrace.labelers.work import shown_column
from scrubtrace.schemas.controls import Origin
from scrubtrace.schemas.identity import DigestKey
from scrubtrace.schemas.plan import Columns, RowRange, Shard
from scrubtrace.stats.intervals import interval

TASK = "task"

LEAST_ANSWERS = 20
"""A labeler with fewer answers has no numbers."""

BATCH_ROWS = 1_024
BATCH_BYTES = 8 << 20
COLUMN_ROWS = 65_536


@dataclass(frozen=True)
class Share:
    """A share with its exact 95% interval (Clopper and Pearson, 1934)."""

    hits: int
    n: int
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, n: int) -> "Share":
        """The share of ``hits`` in ``n``."""
        return cls(hits, n, *interval(hits, n))


@dataclass(frozen=True)
class Scored:
    """Answers of one origin, of all labelers or of one.

    ``canary`` is the share with a canary among those whose task had one, None if none had;
    ``quoted`` counts those that only repeat the request.
    """

    origin: Origin
    flagged: Share
    kinds: Mapping[str, int]
    canary: Share | None
    quoted: int


@dataclass(frozen=True)
class ControlScore:
    """What became of the control tasks of a plan.

    Parameters
    ----------
    planned, answered : control tasks, and those with an answer among the rows.
    by_others : answers to tasks of the plan by labelers whom it does not give the task.
    repeated : further answers by the same labeler, of which the first one in the data counts.
    unread : answers that could not be read, and are not counted.
    origins : over all labelers, for each origin with answers.
    labelers : pseudonym and score by labeler with at least ``least`` answers of one origin; not of
        tasks that were to be answered with a model.
    too_few : labelers with answers, but fewer.
    """

    planned: Mapping[str, int]
    answered: int
    by_others: int
    repeated: int
    unread: int
    origins: tuple[Scored, ...]
    labelers: tuple[tuple[str, Scored], ...]
    too_few: int
    least: int

    @property
    def unanswered(self) -> int:
        """Control tasks without an answer among the rows."""
        return sum(self.planned.values()) - self.answered - self.unread


class _Place(NamedTuple):
    shard: str
    row: int


@dataclass
class _Answer:
    """One answer to a control task, as far as it is known."""

    plan: Mapping[str, str | None]
    labeler: str
    carried: Carried = Carried.NO
    kind: str | None = None
    unread: bool = False


@dataclass
class _Found:
    answers: dict[_Place, _Answer] = field(default_factory=dict)
    pairs: set[tuple[str, str]] = field(default_factory=set)
    by_others: int = 0
    repeated: int = 0


def score_controls(
    current: Current,
    record: Record,
    shards: Sequence[str] | None = None,
    least: int = LEAST_ANSWERS,
) -> ControlScore:
    """Scores the answers in the shards of the current results, or in those that are named.

    Raises `UsageStop` if the results have no task column, a shard is not among them, or the key of
    the plan is not here; `IncompleteStop` if a shard is not the one that was scanned.
    """
    chosen = _chosen(current, shards)
    named = _namer(current, record)
    found = _Found()
    planned = {(str(row["labeler"]), str(row[TASK])): row for row in record.rows}
    tasks = {task for _, task in planned}
    for shard in chosen:
        own = _Found()
        for row, task, labeler in _rows(current, shard):
            if task in tasks:
                _take(found, own, planned, _Place(shard.name, row), task, named(labeler))
        if own.answers:
            _read(current, shard, own.answers)
            found.answers |= own.answers
    if found.answers:
        for text, verdict, _ in judged_texts(current.results, current.config, current.outcome):
            answer = found.answers.get(_Place(text.row["shard"], text.row["row_index"]))
            if answer is not None and verdict.flagged:
                answer.kind = answer.kind or str(verdict.kind)
    return _score(record, found, least)


def _chosen(current: Current, shards: Sequence[str] | None) -> list[Shard]:
    results = current.results
    if TASK not in results.spec.columns.groups:
        raise UsageStop("the runs have no column task: call detect with --group-by task=COL")
    known = [s for name, s in results.shards.items() if name not in results.left_out]
    if not shards:
        return known
    by_path = {shard.path: shard for shard in known}
    paths = [info.path for pattern in shards for info in storage.match(pattern)]
    unknown = [path for path in paths if path not in by_path]
    if unknown or not paths:
        raise UsageStop(
            f"{(unknown or list(shards))[0]} is not among the shards that were scanned: call "
            "detect for the answers first"
        )
    return [by_path[path] for path in dict.fromkeys(paths)]


def _namer(current: Current, record: Record) -> Callable[[str | None], tuple[str, str] | None]:
    """Gives the pseudonym in the plan and the one of today for a name."""
    ring = keys_of_run(current.results.spec)
    keys = ring.by_id
    if record.key_id not in keys:
        raise UsageStop(
            f"the plan was made with key {record.key_id}, which the run does not have: see the "
            "key file"
        )
    then: DigestKey = keys[record.key_id]

    def named(value: str | None) -> tuple[str, str] | None:
        if value is None:
            return None
        return then.pseudonym(LABELER, value), ring.active.pseudonym(LABELER, value)

    return named


def _rows(current: Current, shard: Shard) -> Iterator[tuple[int, str, str | None]]:
    """Row, task and labeler of each row that has a task; only these columns are read."""
    groups = current.results.spec.columns.groups
    columns = Columns((), groups={name: groups[name] for name in (TASK, LABELER)})
    try:
        with storage.open_read(shard.path) as opened:
            check_unchanged(opened, shard)
            file = pq.ParquetFile(opened, pre_buffer=False)
            found = find_columns(file.schema_arrow, columns, shard.path)
            leaves = leaf_paths(file, list(found.wanted()))
            first = 0
            for batch in file.iter_batches(COLUMN_ROWS, columns=leaves, use_threads=False):
                shown = [
                    shown_column(column_of(batch, found.groups[name])) for name in columns.groups
                ]
                for row, (task, labeler) in enumerate(zip(*shown, strict=True), first):
                    if task is not None:
                        yield row, task, labeler
                first += batch.num_rows
    except (OSError, pa.ArrowException, ColumnError, ShardChanged) as error:
        raise IncompleteStop(
            f"shard {shard.name} is not as it was scanned ({type(error).__name__}): call detect "
            "again"
        ) from None


def _take(
    found: _Found,
    own: _Found,
    planned: Mapping[tuple[str, str], Mapping[str, str | None]],
    place: _Place,
    task: str,
    names: tuple[str, str] | None,
) -> None:
    if names is None or (names[0], task) not in planned:
        found.by_others += 1
    elif (names[0], task) in found.pairs:
        found.repeated += 1
    else:
        found.pairs.add((names[0], task))
        own.answers[place] = _Answer(planned[names[0], task], names[1])


def _read(current: Current, shard: Shard, answers: Mapping[_Place, _Answer]) -> None:
    """Looks for canaries in the answers of a shard, and for answers that cannot be read."""
    columns = replace(current.results.spec.columns, id=None, language=None, groups={})
    wanted = {place.row: answer for place, answer in answers.items()}
    try:
        for rows in read_range(RowRange(shard, 0, shard.rows), columns, BATCH_ROWS, BATCH_BYTES):
            for row in rows.dead:
                if answer := wanted.get(rows.start + row):
                    answer.unread = True
            for row, text in zip(rows.text_rows, rows.texts, strict=True):
                answer = wanted.get(rows.start + row)
                if answer is not None and text:
                    answer.carried = max(answer.carried, _carried(text, answer.plan), key=_ORDER)
    except ShardChanged:
        raise IncompleteStop(f"shard {shard.name} changed: call detect again") from None


_ORDER = list(Carried).index


def _carried(text: str, plan: Mapping[str, str | None]) -> Carried:
    word, instruction = plan["canary"], plan["instruction"]
    return carried(text, word, instruction or "") if word is not None else Carried.NO


def _score(record: Record, found: _Found, least: int) -> ControlScore:
    answers = [answer for answer in found.answers.values() if not answer.unread]
    by_origin: defaultdict[Origin, list[_Answer]] = defaultdict(list)
    by_labeler: defaultdict[tuple[str, Origin], list[_Answer]] = defaultdict(list)
    for answer in answers:
        origin = Origin(str(answer.plan["origin"]))
        by_origin[origin].append(answer)
        if origin is not Origin.LLM:
            by_labeler[answer.labeler, origin].append(answer)
    told = [key for key in sorted(by_labeler) if len(by_labeler[key]) >= least]
    few = {who for who, _ in by_labeler} - {who for who, _ in told}
    return ControlScore(
        dict(sorted(Counter(str(row["origin"]) for row in record.rows).items())),
        len(answers),
        found.by_others,
        found.repeated,
        len(found.answers) - len(answers),
        tuple(_scored(o, by_origin[o]) for o in Origin if o in by_origin),
        tuple((who, _scored(origin, by_labeler[who, origin])) for who, origin in told),
        len(few),
        least,
    )


def _scored(origin: Origin, answers: list[_Answer]) -> Scored:
    kinds = Counter(answer.kind for answer in answers if answer.kind is not None)
    with_canary = [answer for answer in answers if answer.plan["canary"] is not None]
    followed = sum(answer.carried is Carried.YES for answer in with_canary)
    return Scored(
        origin,
        Share.of(kinds.total(), len(answers)),
        dict(sorted(kinds.items())),
        Share.of(followed, len(with_canary)) if with_canary else None,
        sum(answer.carried is Carried.QUOTED for answer in with_canary),
    )
