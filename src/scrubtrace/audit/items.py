"""From drawn texts to the review table, and to the items of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any

import numpy as np
from sqlalchemy import Engine

from scrubtrace.audit.strata import Cell, PlannedStratum
from scrubtrace.beam_pipelines.decoding import Place
from scrubtrace.beam_pipelines.drawing.partial import CANDIDATE, Candidates, smallest
from scrubtrace.beam_pipelines.drawing.ranges import ONE_TEXT
from scrubtrace.beam_pipelines.drawing.texts import Drawn, Reading
from scrubtrace.exits import IncompleteStop
from scrubtrace.policy import PRIORITIES, STYLE_STEPS, evidence_fingerprint
from scrubtrace.review.batches.known import known_items
from scrubtrace.review.batches.store import store_drawn
from scrubtrace.review.store import upsert_items
from scrubtrace.schemas.batches import SAMPLED, BatchItem
from scrubtrace.schemas.plan import Columns, Shard
from scrubtrace.schemas.review import ReviewItem

Where = tuple[str, int, str, int | None]
"""Shard, row, text column and turn."""


def drawn_places(
    strata: Sequence[PlannedStratum], shards: Mapping[str, Shard], columns: Columns
) -> dict[Where, Cell]:
    """Where the drawn texts stand, and the cell that each was drawn from."""
    found = drawn_texts(strata, shards, columns)
    return {(shard, text.row, *text.place): cell for shard, text, cell in found}


def readings(
    strata: Sequence[PlannedStratum], shards: Mapping[str, Shard], columns: Columns
) -> list[Reading]:
    """The drawn texts of each shard, by row."""
    drawn: dict[str, list[Drawn]] = {}
    for shard, text, _ in drawn_texts(strata, shards, columns):
        drawn.setdefault(shard, []).append(text)
    order = attrgetter("row", "rank")
    return [Reading(shards[name], tuple(sorted(drawn[name], key=order))) for name in sorted(drawn)]


def drawn_texts(
    strata: Sequence[PlannedStratum], shards: Mapping[str, Shard], columns: Columns
) -> Iterator[tuple[str, Drawn, Cell]]:
    """Shard, place and cell of each drawn text; ``shards`` are those drawn from, in order."""
    names, fields = list(shards), columns.texts
    for stratum in strata:
        for cell in stratum.cells:
            for found in _drawn_of(stratum, cell):
                turn = None if found["turn"] == ONE_TEXT else int(found["turn"])
                place = Place(fields[found["field"]], turn)
                text = Drawn(int(found["row"]), place, int(found["rank"]))
                yield names[found["shard"]], text, cell


def _drawn_of(stratum: PlannedStratum, cell: Cell) -> Candidates:
    found = [stratum.found.candidates[flagged] for flagged in cell.flagged]
    return smallest(np.concatenate([np.empty(0, CANDIDATE), *found]), cell.drawn)


def store_items(
    engine: Engine, records: Sequence[Mapping[str, Any]], run: str, places: Mapping[Where, Cell]
) -> list[BatchItem]:
    """Puts drawn texts into the review table and gives the items of the batch, by key.

    What the table knows of a text stays, such as its evidence. Where it still has another text
    under the same key, from before a shard was replaced, the drawn one takes its place. Raises
    `IncompleteStop` if the table is not that of the draw, `ReviewError` if it cannot be used.
    """
    items = {record["item_key"]: _review_item(record) for record in records}
    known = known_items(engine, items)
    store_drawn(engine, [item for key, item in items.items() if key not in known], run)
    others = [items[key] for key, found in known.items() if not _is_same(found, items[key])]
    if others:
        upsert_items(engine, others, run)
    stored = known_items(engine, items)
    batch = []
    for key, item in sorted(items.items()):
        cell = places[item.shard, item.row_index, item.field, item.turn]
        found = stored[key]
        if not _is_same(found, item) or found.flagged not in cell.flagged:
            raise IncompleteStop(
                f"item {key} of the review table is another text, or was flagged otherwise, than "
                "when it was drawn: call detect again, then this command"
            )
        batch.append(replace(found, stratum=cell.stratum, probability=cell.probability))
    return batch


def _is_same(found: BatchItem, item: ReviewItem) -> bool:
    return found.text_digest in (item.text_digest, *item.earlier_digests.values())


def _review_item(record: Mapping[str, Any]) -> ReviewItem:
    """A drawn text as an item without evidence, as long as the table knows nothing of it."""
    nothing: list[Any] = []
    return ReviewItem(
        **record,
        evidence_fingerprint=evidence_fingerprint(nothing),
        flagged=False,
        kind=SAMPLED,
        priority=len(PRIORITIES) + STYLE_STEPS + 1,
        why="",
        policy="",
        detectors=nothing,
        evidence=nothing,
        spans_left_out=0,
    )
