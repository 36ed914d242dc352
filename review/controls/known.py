"""What an export needs to know of controls: which there are, who was given which, and when."""

import json
from collections import Counter
from collections.abc import Collection

from sqlalchemy import Connection, distinct, func, select

from scrubtrace.review.controls.choosing import Look, look_of
from scrubtrace.review.controls.store import all_issued, controls_by_key
from scrubtrace.review.decisions.states import Place, Standing, standing_of
from scrubtrace.review.decisions.stored import opinions_about
from scrubtrace.review.lines import Wanted
from scrubtrace.review.table import (
    review_controls,
    review_decisions,
    review_events,
    review_issued,
    review_items,
    review_people,
)
from scrubtrace.review.texts import chunks, digests_of, text_ids
from scrubtrace.review.trail.events import EventKind
from scrubtrace.schemas.batches import Control, Issued
from scrubtrace.schemas.review import Opinion


class Known:
    """The controls there are, what was given out before, and what was decided on it."""

    def __init__(self, connection: Connection, blind: bool) -> None:
        keys = connection.execute(select(review_controls.c.control_key)).scalars().all()
        self.controls = controls_by_key(connection, keys)
        data = _texts_of_data(connection, self.controls.values())
        # A text that is an item as well would stand in the file twice.
        self.alone = {key for key, one in self.controls.items() if one.text_digest not in data}
        # A text that was erased cannot be decided on; it comes again, as items without text do.
        self.usable = [
            one for key, one in self.controls.items() if key in self.alone and one.snippet
        ]
        self.earlier = [i for i in all_issued(connection) if i.control_key in self.controls]
        self._connection = connection
        self._blind = blind
        self._opinions: dict[str, list[Opinion]] = {}
        for opinion in opinions_about(connection, [], [one.item_key for one in self.earlier]):
            self._opinions.setdefault(opinion.item_key, []).append(opinion)

    def look(self, control: Control) -> Look:
        """The look that a control has as a line."""
        about = (control.flagged, control.kind, control.priority, control.language)
        return look_of(*about, self._blind)

    def seen_by(self, reviewer: str) -> Counter[str]:
        """How often a reviewer has had each control: assigned, or decided on."""
        return Counter(
            one.control_key
            for one in self.earlier
            if one.reviewer == reviewer
            or any(o.reviewer == reviewer for o in self._opinions.get(one.item_key, ()))
        )

    def standing(self, issued: Issued) -> Standing:
        """The state of a line that is a control, from the decisions on this line alone."""
        control = self.controls[issued.control_key]
        place = Place(issued.item_key, control.control_key, control.evidence_fingerprint)
        return standing_of(place, self._opinions.get(issued.item_key, ()))

    def alongside(self, wanted: Wanted) -> list[Issued]:
        """What was given out with lines that may stand in an export of what is wanted.

        Not with those of another data set or batch, nor before the first run that is wanted: of
        those no line comes again, so that a control must not either.
        """
        earlier = [one for one in self.earlier if one.batch == wanted.batch]
        if wanted.dataset is not None:
            datasets = self._payloads(EventKind.EXPORT, "dataset")
            ours = (None, wanted.dataset)
            earlier = [one for one in earlier if datasets.get(one.event) in ours]
        if wanted.new_since is not None:
            runs = self._payloads(EventKind.RUN, "run_id")
            first = min((e for e, run in runs.items() if str(run) > wanted.new_since), default=0)
            earlier = [one for one in earlier if one.event > first]
        return earlier

    def decided_since(self, event: int, reviewer: str) -> int:
        """Number of lines, controls aside, that a reviewer decided on after an event.

        An empty name stands for everybody.
        """
        columns = review_decisions.c
        given = select(review_issued.c.item_key)
        query = select(func.count(distinct(columns.item_key)))
        query = query.where(columns.event > event, columns.item_key.not_in(given))
        if reviewer:
            persons = select(review_people.c.person).where(review_people.c.name == reviewer)
            query = query.where(columns.reviewer.in_(persons))
        return int(self._connection.execute(query).scalar_one())

    def _payloads(self, kind: EventKind, name: str) -> dict[int, object]:
        """One value of each event of a kind, by the number of the event."""
        columns = review_events.c
        rows = self._connection.execute(
            select(columns.seq, columns.payload).where(columns.kind == str(kind))
        )
        return {row.seq: json.loads(row.payload).get(name) for row in rows}


def _texts_of_data(connection: Connection, controls: Collection[Control]) -> set[str]:
    """Digests of those controls whose text some item has, under whichever key."""
    ids = text_ids(connection, (one.text_digest for one in controls))
    members = digests_of(connection, set(ids.values()))
    known: set[str] = set()
    for chunk in chunks(sorted(set().union(*members.values()))):
        query = select(review_items.c.text_digest).where(review_items.c.text_digest.in_(chunk))
        known.update(connection.execute(query).scalars())
    return {digest for digest, of_text in ids.items() if known & members[of_text]}
