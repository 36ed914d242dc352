"""What reviewers decided on the texts of a batch."""

from collections.abc import Iterator
from itertools import islice

from sqlalchemy import Connection

from scrubtrace.review.batches.store import batch_items
from scrubtrace.review.decisions.states import Place, Standing, standing_of
from scrubtrace.review.decisions.stored import opinions_about
from scrubtrace.review.store import PAGE_ITEMS
from scrubtrace.review.texts import text_ids
from scrubtrace.schemas.batches import BatchItem
from scrubtrace.schemas.review import Opinion


def decided_items(connection: Connection, batch: str) -> Iterator[tuple[BatchItem, Standing]]:
    """The items of a batch by key, with what was decided on the text that was drawn.

    Decisions on another text or other evidence than those of the draw do not count. The connection
    must read one state of the database. PAGE_ITEMS in memory at a time.
    """
    items = batch_items(connection, batch)
    while page := list(islice(items, PAGE_ITEMS)):
        ids = text_ids(connection, (item.text_digest for item in page))
        about: dict[str, list[Opinion]] = {}
        for opinion in opinions_about(connection, ids.values(), (i.item_key for i in page)):
            for subject in (opinion.text, opinion.item_key):
                about.setdefault(subject, []).append(opinion)
        for item in page:
            text = ids[item.text_digest]
            found = {o.decision_id: o for key in (text, item.item_key) for o in about.get(key, ())}
            place = Place(item.item_key, text, item.evidence_fingerprint)
            yield item, standing_of(place, found.values())
