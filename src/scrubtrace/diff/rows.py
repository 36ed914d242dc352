"""The rows of one version as Arrow record batches that carry all that a comparison needs."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.decoding import Rows
from scrubtrace.beam_pipelines.planning import Inputs
from scrubtrace.beam_pipelines.reading import dead_range, read_range
from scrubtrace.pseudonyms import Shown
from scrubtrace.schemas.plan import Columns, RowRange
from scrubtrace.schemas.vocabulary import GROUPS, DeadReason

TEXT = pa.struct(
    [
        pa.field("field", pa.string(), nullable=False),
        pa.field("turn", pa.int32()),
        pa.field("text", pa.large_string(), nullable=False),
    ]
)
ROW = pa.schema(
    [
        pa.field("number", pa.int64(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("language", pa.string()),
        *(pa.field(name, pa.string()) for name in GROUPS),
        pa.field("digest", pa.binary(16), nullable=False),
        pa.field("texts", pa.list_(TEXT), nullable=False),
    ]
)
"""``number`` counts the rows of a version that can be read; ``digest`` is that of all its texts."""

DEAD_SHOWN = 1000


@dataclass
class Read:
    """What was read of one version; ``dead_rows`` names the first `DEAD_SHOWN` dead rows."""

    rows: int = 0
    dead: Counter[str] = field(default_factory=Counter)
    dead_rows: list[dict[str, Any]] = field(default_factory=list)

    @property
    def alive(self) -> int:
        """Rows that can be compared."""
        return self.rows - self.dead.total()


def read_rows(
    inputs: Inputs,
    columns: Columns,
    shown: Shown,
    batch_rows: int,
    batch_bytes: int,
    read: Read,
) -> Iterator[pa.RecordBatch]:
    """The rows of a version in order, as record batches of `ROW`; ``read`` counts on the way.

    ``shown`` gives the values of groups as they are written. A shard that changes while it is read
    counts as dead from there on.
    """
    for shard in inputs.shards:
        whole = RowRange(shard, 0, shard.rows)
        done = 0
        try:
            for rows in read_range(whole, columns, batch_rows, batch_bytes):
                done += len(rows)
                yield _batch(rows, shard.name, shown, read)
        except ShardChanged:
            rest = RowRange(shard, done, shard.rows)
            for rows in dead_range(rest, DeadReason.SHARD_CHANGED, ShardChanged.__name__):
                yield _batch(rows, shard.name, shown, read)


def _batch(rows: Rows, shard: str, shown: Shown, read: Read) -> pa.RecordBatch:
    texts: list[list[dict[str, Any]]] = [[] for _ in range(len(rows))]
    for text, row, place in zip(rows.texts, rows.text_rows, rows.places, strict=True):
        if text is not None:
            texts[row].append({"field": place.field, "turn": place.turn, "text": text})
    records: list[dict[str, Any]] = []
    for row in range(len(rows)):
        if row in rows.dead:
            _count_dead(rows, row, shard, read)
            continue
        records.append(
            {
                "number": read.rows - read.dead.total() + len(records),
                "shard": shard,
                "row_index": rows.start + row,
                "row_id": rows.ids[row] if rows.ids else None,
                "language": rows.languages[row] if rows.languages else None,
                **shown(rows.group_values(row)),
                "digest": _digest(texts[row]),
                "texts": texts[row],
            }
        )
    read.rows += len(records)
    return pa.RecordBatch.from_pylist(records, ROW)


def _count_dead(rows: Rows, row: int, shard: str, read: Read) -> None:
    dead = rows.dead[row]
    read.rows += 1
    read.dead[dead.reason] += 1
    if len(read.dead_rows) < DEAD_SHOWN:
        place = {"shard": shard, "row_index": rows.start + row}
        read.dead_rows.append(place | {"reason": dead.reason, "error": dead.error})


def _digest(texts: list[dict[str, Any]]) -> bytes:
    content = json.dumps([[*text.values()] for text in texts]).encode()
    return hashlib.blake2b(content, digest_size=16).digest()
