"""Reading the texts that were drawn, from one shard: what an item of the review table needs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pyarrow.parquet as pq

from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import check_unchanged
from scrubtrace.beam_pipelines.decoding import Place, Rows
from scrubtrace.beam_pipelines.drawing.ranges import Known
from scrubtrace.beam_pipelines.drawing.ranking import Ranker, text_keys
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.detectors.language import identify, normalise_code
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import RowRange, RunSpec, Shard


class Drawn(NamedTuple):
    """Where a drawn text stands in its shard, and its rank."""

    row: int
    place: Place
    rank: int


@dataclass(frozen=True)
class Reading:
    """The shard that texts were drawn from, and the texts by row and place."""

    shard: Shard
    drawn: tuple[Drawn, ...]


class LostText(Exception):
    """A drawn text is not there any more, or is another one."""


def read_drawn(
    reading: Reading, spec: RunSpec, keys: KeyRing, ranker: Ranker, known: Known
) -> Iterator[dict[str, Any]]:
    """The fields of `ReviewItem` that a text itself gives, one dictionary a drawn text, in order.

    Raises `ShardChanged` if the file is another one, `LostText` if a text is not the one that was
    drawn.
    """
    wanted: dict[int, dict[Place, int]] = {}
    for drawn in reading.drawn:
        wanted.setdefault(drawn.row, {})[drawn.place] = drawn.rank
    found = 0
    for row_range in _ranges(reading.shard, sorted(wanted)):
        for rows in read_range(row_range, spec.columns, spec.batch_rows, spec.batch_bytes):
            numbers = [
                number
                for number, row in enumerate(rows.text_rows)
                if rows.places[number] in wanted.get(rows.start + row, ())
            ]
            for item in _items(rows, numbers, reading.shard.name, spec, keys, known):
                rank = wanted[item["row_index"]][Place(item["field"], item["turn"])]
                if int(ranker.ranks([item["item_key"]])[0]) != rank:
                    raise LostText(reading.shard.name)
                found += 1
                yield item
    if found != len(reading.drawn):
        raise LostText(reading.shard.name)


def _ranges(shard: Shard, wanted: Sequence[int]) -> Iterator[RowRange]:
    """Ranges with the wanted rows, one for each row group that has any."""
    with storage.open_read(shard.path) as opened:
        check_unchanged(opened, shard)
        metadata = pq.ParquetFile(opened).metadata
        groups = [metadata.row_group(n).num_rows for n in range(metadata.num_row_groups)]
    start = 0
    for count in groups:
        inside = [row for row in wanted if start <= row < start + count]
        if inside:
            yield RowRange(shard, inside[0], inside[-1] + 1)
        start += count


def _items(
    rows: Rows, numbers: Sequence[int], shard: str, spec: RunSpec, keys: KeyRing, known: Known
) -> Iterator[dict[str, Any]]:
    of_rows = [rows.text_rows[number] for number in numbers]
    places = [rows.places[number] for number in numbers]
    item_keys = text_keys(spec.dataset, shard, rows, of_rows, places, known.occurrences)
    for number, row, place, item_key in zip(numbers, of_rows, places, item_keys, strict=True):
        text = rows.texts[number] or ""
        code = rows.languages[row] if rows.languages else None
        row_id = rows.ids[row] if rows.ids is not None else None
        occurrence = known.occurrences.get(rows.start + row, 0) if row_id is not None else 0
        yield {
            "item_key": item_key,
            "dataset": spec.dataset,
            "shard": shard,
            "row_index": rows.start + row,
            "row_id": row_id,
            "occurrence": occurrence,
            "field": place.field,
            "turn": place.turn,
            "language": normalise_code(code) if code else identify(text),
            "groups": rows.group_values(row),
            "text_digest": keys.active.digest(text),
            "earlier_digests": keys.earlier_digests(text),
            "key_id": keys.active.id,
            "text_chars": len(text),
            "snippet": text[: spec.snippet_chars],
            "snippet_start": 0,
        }
