"""Retention: what has been in the review table longer than it may be, by kind of content.

A text expires if all places with it may expire. What is still open, for review or escalated, does
not, nor a comment on it, unless that is asked for. Rows that are only reported are nobody's to
decide, so not open.
"""

from collections.abc import Collection, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, select

from scrubtrace.review.connection import reading_as_one
from scrubtrace.review.decisions.states import Standing
from scrubtrace.review.erasing.erase import Erased, erase
from scrubtrace.review.lines import Wanted, export_places
from scrubtrace.review.store import StoredItem
from scrubtrace.review.table import review_comments, review_decisions, review_runs
from scrubtrace.review.texts import text_ids
from scrubtrace.schemas.batches import SAMPLED
from scrubtrace.schemas.review import OPEN_STATES, State

UNDECIDED = OPEN_STATES | {State.ESCALATED}
"""States in which somebody has still something to decide."""

AT_ONCE = 1_000
"""Texts or comments of one transaction and event."""


@dataclass(frozen=True)
class Ages:
    """How old what may become; None or a kind that is not there: it does not expire.

    ``snippets`` by kind of item, since the run that saw it first was committed; ``dismissed``
    since the newest decision that counts; ``comments`` since the decision was made.
    """

    snippets: Mapping[str, timedelta] = field(default_factory=dict)
    dismissed: timedelta | None = None
    comments: timedelta | None = None


@dataclass(frozen=True)
class Expired:
    """What is too old: digests of texts, and decisions by id whose comments are."""

    snippets: frozenset[str]
    dismissed: frozenset[str]
    comments: frozenset[str]

    @property
    def by_kind(self) -> dict[str, frozenset[str]]:
        """The three, by their names in the configuration."""
        return vars(self)


def too_old(engine: Engine, ages: Ages, now: datetime, include_open: bool = False) -> Expired:
    """What expires at ``now``; changes nothing. Raises ReviewError.

    Memory: the digests of all texts that have a snippet, and the keys of open items.
    """
    with reading_as_one(engine) as connection:
        found = _Places(ages, now, _committed(connection), include_open)
        for wanted in (Wanted(include_reported=True), Wanted(kind=SAMPLED)):
            with closing(export_places(connection, wanted)) as places:
                for stored, standing in places:
                    found.add(stored, standing)
        ids = text_ids(connection, found.stays | found.old.keys())
        comments = _old_comments(connection, ages, now, found.open_items)
    kept = {ids[digest] for digest in found.stays}
    gone = {digest: why for digest, why in found.old.items() if ids[digest] not in kept}
    snippets = frozenset(digest for digest, why in gone.items() if why == "snippet")
    return Expired(snippets, frozenset(gone.keys() - snippets), comments)


def expire(engine: Engine, expired: Expired) -> Erased:
    """Erase what is too old, with an event for each 1,000; what is gone already is left alone."""
    done = Erased()
    for kind, subjects in expired.by_kind.items():
        ordered = sorted(subjects)
        for start in range(0, len(ordered), AT_ONCE):
            which = ordered[start : start + AT_ONCE]
            chosen = {"comments" if kind == "comments" else "texts": which}
            done = _sum(done, erase(engine, f"retention: {kind}", **chosen))
    return done


class _Places:
    """Digests of texts that may expire in a place, with the reason, and of those that stay."""

    def __init__(
        self, ages: Ages, now: datetime, committed: Mapping[str, datetime], include_open: bool
    ) -> None:
        self.old: dict[str, str] = {}
        self.stays: set[str] = set()
        self.open_items: set[str] = set()
        self._ages, self._now = ages, now
        self._committed, self._include_open = committed, include_open

    def add(self, stored: StoredItem, standing: Standing) -> None:
        """Look at one place."""
        item = stored.item
        is_asked = item.flagged or item.kind == SAMPLED
        is_open = is_asked and standing.state in UNDECIDED and not self._include_open
        if is_open:
            self.open_items.add(item.item_key)
        if not item.snippet:
            return
        why = None if is_open else self._why(stored, standing)
        if why is None:
            self.stays.add(item.text_digest)
        else:
            self.old[item.text_digest] = why

    def _why(self, stored: StoredItem, standing: Standing) -> str | None:
        """Which age the text of an item has passed, None for none."""
        age = self._ages.snippets.get(stored.item.kind)
        since = self._committed.get(stored.first_run, self._committed.get(stored.last_run))
        if age is not None and since is not None and since + age <= self._now:
            return "snippet"
        age = self._ages.dismissed
        if standing.state == State.DISMISSED and age is not None:
            decided = max(opinion.order[0] for opinion in standing.counted)
            return "dismissed" if decided + age <= self._now else None
        return None


def _committed(connection: Connection) -> dict[str, datetime]:
    query = select(review_runs.c.run_id, review_runs.c.committed_at)
    return {row.run_id: row.committed_at for row in connection.execute(query)}


def _old_comments(
    connection: Connection, ages: Ages, now: datetime, open_items: Collection[str]
) -> frozenset[str]:
    if ages.comments is None:
        return frozenset()
    columns = review_decisions.c
    query = (
        select(columns.decision_id, columns.item_key)
        .join(review_comments, review_comments.c.decision_id == columns.decision_id)
        .where(columns.decided_at <= now - ages.comments)
    )
    rows = connection.execute(query)
    return frozenset(row.decision_id for row in rows if row.item_key not in open_items)


def _sum(one: Erased, other: Erased) -> Erased:
    return Erased(*(a + b for a, b in zip(vars(one).values(), vars(other).values(), strict=True)))
