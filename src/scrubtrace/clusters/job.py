"""Clusters of a batch, from shards to a table."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from scrubtrace import log
from scrubtrace.beam_pipelines import storage
from scrubtrace.detectors.batch import TextBatch
from scrubtrace.detectors.reference.clusters import Clusters, Member
from scrubtrace.exits import UsageStop
from scrubtrace.index.sources import read_rows
from scrubtrace.lock import make_output_folder
from scrubtrace.not_read import NotRead
from scrubtrace.pseudonyms import Shown
from scrubtrace.resumable import resumable
from scrubtrace.schemas.plan import Columns

TOLD_ROWS = 100_000
BATCH = 512

TABLE = pa.schema(
    [
        pa.field("cluster", pa.int64(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("members", pa.int64(), nullable=False),
        pa.field("place", pa.string(), nullable=False),
        pa.field("labeler", pa.string()),
        pa.field("task", pa.string()),
        pa.field("similarity", pa.float64(), nullable=False),
    ]
)
"""One row a member. ``place`` is the row's id, else shard and row; ``similarity`` is the share of
shingles that the member and the first of its cluster have in common (Jaccard). ``labeler`` is a
pseudonym unless the configuration says otherwise."""


class Kind(StrEnum):
    """Whose texts a cluster holds."""

    LABELERS = "same task, different labelers"
    TASKS = "different tasks"
    BOTH = "same task, different labelers; also different tasks"
    REPEATED = "same labeler and task"


class Row(NamedTuple):
    """Where a text is from."""

    place: str
    labeler: str | None
    task: str | None


@dataclass(frozen=True)
class Found:
    """The clusters with the rows of all texts; ``scale``: one of so many shingles was compared."""

    clusters: list[list[Member]]
    rows: list[Row]
    scale: int
    short: int

    def kind(self, cluster: Sequence[Member]) -> Kind:
        """What is notable about a cluster; unknown labelers and tasks do not count."""
        pairs = {self.rows[member.number][1:] for member in cluster}
        tasks = {task for _, task in pairs if task is not None}
        labelers = Counter(task for labeler, task in pairs if None not in (labeler, task))
        shared = any(count > 1 for count in labelers.values())
        if len(tasks) > 1:
            return Kind.BOTH if shared else Kind.TASKS
        return Kind.LABELERS if shared else Kind.REPEATED


@resumable(keeps=False)
def find_clusters(
    inputs: Sequence[str],
    columns: Columns,
    shown: Shown,
    similar: float,
    quiet: bool,
    counts: Counter[str],
) -> Found:
    """Reads all rows once; raises `UsageStop` if no shard has the columns, or no text.

    ``shown`` gives labeler and task as they are written.
    """
    clusters = Clusters(similar=similar)
    rows: list[Row] = []
    waiting: list[str] = []
    not_read = NotRead()
    for row, text in _texts(inputs, columns, shown, counts, not_read):
        rows.append(row)
        waiting.append(text)
        if len(waiting) == BATCH:
            clusters.add(TextBatch(waiting))
            waiting = []
        if not quiet and len(rows) % TOLD_ROWS == 0:
            log.tell("clustering", f"{len(rows):,} rows read", rows=len(rows))
    if not rows:
        raise UsageStop(f"the batch has no text{not_read.why()}")
    clusters.add(TextBatch(waiting))
    return Found(clusters.found(), rows, clusters.scale, clusters.short)


def write_clusters(found: Found, out: str) -> Counter[Kind]:
    """Writes the table, replacing it in one step; says how many clusters of each kind there are."""
    kinds = [found.kind(cluster) for cluster in found.clusters]
    table = pa.Table.from_pylist(
        [
            {
                "cluster": number,
                "kind": str(kind),
                "members": len(cluster),
                "similarity": member.similarity,
            }
            | found.rows[member.number]._asdict()
            for number, (kind, cluster) in enumerate(zip(kinds, found.clusters, strict=True))
            for member in cluster
        ],
        TABLE,
    )
    make_output_folder(str(Path(out).parent))
    path = Path(out).absolute()
    with storage.open_write(str(path)) as file:
        pq.write_table(table, file)
    return Counter(kinds)


def _texts(
    inputs: Sequence[str],
    columns: Columns,
    shown: Shown,
    counts: Counter[str],
    not_read: NotRead,
) -> Iterator[tuple[Row, str]]:
    told = (not_read.take_shards, not_read.take_rows)
    for shard, rows in read_rows(inputs, columns, counts, *told):
        for number, (row, text) in enumerate(zip(rows.text_rows, rows.texts, strict=True)):
            if text and text.strip():
                own = rows.ids[row] if rows.ids else None
                turn = rows.places[number].turn
                place = own if own is not None else f"{shard}:{rows.start + row}"
                groups = shown(rows.group_values(row))
                name = place if turn is None else f"{place}#{turn}"
                yield Row(name, groups["labeler"], groups["task"]), text
