"""One partition at a time: match the rows of both versions, judge pairs, write a part.

Runs in worker processes. What does not find its row by key goes to the leftovers, if the rows have
no ids, or is gone or new.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.diff.flagged import kept_flagged
from scrubtrace.diff.judging import RowJudge, Tally
from scrubtrace.diff.matching import Matched, match_by_digest, match_by_key
from scrubtrace.diff.nearest import Hashes, similarity, sketch
from scrubtrace.diff.partitions import append, partition_path, table_of
from scrubtrace.diff.rows import ROW
from scrubtrace.diff.spec import NEW, OLD, SIDES, DiffSpec
from scrubtrace.schemas.edits import EDIT_PART

PART_ROWS = 1024

UNPAIRED = -1
"""Number of a row that found no row of the other version."""


@dataclass(frozen=True)
class Task:
    """One partition of one stage: ``ids``, ``digests`` or ``pairs``."""

    spec: DiffSpec
    stage: str
    number: int

    def folder(self, side: str) -> str:
        """Where the rows of a version lie."""
        return self.spec.work(self.stage, side)

    def leftovers(self, side: str) -> str:
        """Where rows go whose content is not in the other version."""
        return self.spec.work("leftovers", side)

    @property
    def has_rows(self) -> bool:
        """Whether either version has rows in it."""
        return any(os.path.exists(partition_path(self.folder(s), self.number)) for s in SIDES)

    @property
    def part(self) -> str:
        """Where the findings go."""
        return self.spec.work("parts", f"{self.stage}-{self.number:06d}.parquet")


def join_partition(task: Task) -> Tally:
    """Matches and judges one partition; writes its findings, sorted, and its leftovers."""
    old, new = (table_of(task.folder(side), task.number, ROW) for side in (OLD, NEW))
    if task.stage == "pairs":
        old, new = old.sort_by("number"), new.sort_by("number")
    judge = RowJudge(task.spec, kept_flagged(task.spec))
    matched = _matched(task, old, new, judge.tally)
    before, behind = _Lookup(old), _Lookup(new)
    for number, _ in matched.same:
        judge.same(before[number])
    if task.stage == "digests":
        _leave(old, matched.gone, task.leftovers(OLD), task.number)
        _leave(new, matched.new, task.leftovers(NEW), task.number)
    else:
        for number in matched.gone:
            judge.gone(before[number])
        judge.tally.rows["new"] += len(matched.new)
    found = [f for a, b in matched.changed for f in judge.findings(before[a], behind[b])]
    _write_part(sorted(found, key=place), task.part)
    return judge.tally


def place(finding: dict[str, Any]) -> tuple[Any, ...]:
    """The order of findings."""
    turn = -1 if finding["old_turn"] is None else finding["old_turn"]
    new = (finding["new_shard"], finding["new_row_index"])
    return (finding["old_shard"], finding["old_row_index"], finding["field"], turn, *new)


def _matched(task: Task, old: pa.Table, new: pa.Table, tally: Tally) -> Matched:
    digests = old["digest"].to_pylist(), new["digest"].to_pylist()
    if task.stage == "digests":
        return match_by_digest(*digests)
    if task.stage == "pairs":
        return _numbered_pairs(old["number"].to_pylist(), new["number"].to_pylist())
    keys = old["row_id"].to_pylist(), new["row_id"].to_pylist()
    for side, ids in zip((OLD, NEW), keys, strict=True):
        tally.repeated_ids[side] += len(ids) - len(set(ids))
    sketches = _Sketches(old), _Sketches(new)

    def alike(a: int, b: int) -> float:
        return similarity(sketches[0][a], sketches[1][b])

    return match_by_key(keys, digests, alike)


def _numbered_pairs(old: list[int], new: list[int]) -> Matched:
    """Rows by the number of their pair, ascending; `UNPAIRED` ones match nothing."""
    alone = old.count(UNPAIRED), new.count(UNPAIRED)
    paired = range(len(old) - alone[0])
    pairs = [(alone[0] + n, alone[1] + n) for n in paired]
    return Matched(pairs, [], list(range(alone[0])), list(range(alone[1])))


class _Lookup:
    """Rows of a table by their number, decoded when they are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._batch = table.combine_chunks()

    def __getitem__(self, number: int) -> dict[str, Any]:
        row: dict[str, Any] = self._batch.slice(number, 1).to_pylist()[0]
        return row


class _Sketches:
    """Sketches of rows by their number, made when they are asked for."""

    def __init__(self, table: pa.Table) -> None:
        self._texts = table["texts"]
        self._made: dict[int, Hashes] = {}

    def __getitem__(self, number: int) -> Hashes:
        if number not in self._made:
            self._made[number] = sketch([t["text"] for t in self._texts[number].as_py()])
        return self._made[number]


def _leave(table: pa.Table, numbers: Sequence[int], folder: str, partition: int) -> None:
    if numbers:
        os.makedirs(folder, exist_ok=True)
        append(table.take(pa.array(numbers, pa.int64())), partition_path(folder, partition))


def _write_part(findings: list[dict[str, Any]], path: str) -> None:
    if findings:
        sink = pa.BufferOutputStream()
        table = pa.Table.from_pylist(findings, EDIT_PART)
        pq.write_table(table, sink, row_group_size=PART_ROWS, compression="zstd")
        storage.write_atomic(path, sink.getvalue().to_pybytes())
