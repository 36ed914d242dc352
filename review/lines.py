"""What an export is about: one line for all places of one text with one evidence."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, Select, func, or_, select

from scrubtrace.review.decisions.states import Place, Standing, standing_of
from scrubtrace.review.decisions.stored import opinions_about
from scrubtrace.review.errors import ReviewError
from scrubtrace.review.store import PAGE_ITEMS, StoredItem, stored_item
from scrubtrace.review.table import (
    review_batch_items,
    review_decisions,
    review_items,
    review_runs,
    review_texts,
)
from scrubtrace.review.texts import text_id
from scrubtrace.review.views import View
from scrubtrace.schemas.batches import SAMPLED
from scrubtrace.schemas.review import Opinion, ReviewItem, State

PLACES_SHOWN = 10
"""Other places of a text that a line names; all are counted."""


@dataclass(frozen=True)
class Wanted:
    """Which items are exported; None and an empty set of states stand for any.

    ``new_since`` is the id of a run: only texts that were first seen in a later one. Items of the
    kind `SAMPLED` are left out unless it is asked for. A ``batch`` has all its items, flagged or
    not.
    """

    dataset: str | None = None
    kind: str | None = None
    include_reported: bool = False
    states: frozenset[State] = frozenset()
    new_since: str | None = None
    batch: str | None = None


class OtherPlace(NamedTuple):
    """Where a text is once more; ``dataset`` is None for that of its line."""

    dataset: str | None
    shard: str
    row_index: int
    turn: int | None


class _Line(NamedTuple):
    """An `ExportLine` with the key of its item only."""

    item_key: str
    text: str
    standing: Standing
    places: int
    others: tuple[OtherPlace, ...]


@dataclass(frozen=True)
class ExportLine:
    """All places of one text with one evidence that are wanted; ``stored`` is the first of them.

    ``places`` counts them, ``others`` has the next ones, at most `PLACES_SHOWN`. ``text`` is the
    same for all digests of the text. ``view`` says what of it reviewers see.
    """

    stored: StoredItem
    text: str
    standing: Standing
    places: int
    others: tuple[OtherPlace, ...]
    view: View = View.WHOLE

    @property
    def item(self) -> ReviewItem:
        """The item that the line shows."""
        return self.stored.item


def export_lines(
    connection: Connection, wanted: Wanted, by_key: bool = False
) -> Generator[ExportLine, None, None]:
    """Lines by priority, then key of their first item; or by the key alone, which is a hash.

    The connection must read one state of the database. PAGE_ITEMS items in memory at a time.
    """
    key = review_items.c.item_key
    text = (_TEXT, review_items.c.evidence_fingerprint)
    best = func.first_value(key).over(partition_by=text, order_by=[review_items.c.priority, key])
    urgency = func.min(review_items.c.priority).over(partition_by=text)
    first_run = func.min(review_items.c.first_run).over(partition_by=text)
    query = _places(wanted).add_columns(best.label("best"), first_run.label("first_run"))
    order = (best,) if by_key else (urgency, best)
    placed = _standings(connection, query.order_by(*order, review_items.c.priority, key))
    lines = _lines(placed, wanted)
    while page := list(islice(lines, PAGE_ITEMS)):
        stored = _stored(connection, [line.item_key for line in page])
        for line in page:
            about = (line.text, line.standing, line.places, line.others)
            yield ExportLine(stored[line.item_key], *about)


def export_places(
    connection: Connection, wanted: Wanted, decided: bool = False
) -> Generator[tuple[StoredItem, Standing], None, None]:
    """Every place that is wanted, by data set, shard, row and key.

    With ``decided`` also texts that are not flagged, of whatever kind, once decided on.
    """
    columns = review_items.c
    order = (columns.dataset, columns.shard, columns.row_index, columns.item_key)
    extra = (columns.first_run, columns.flagged, columns.kind)
    query = _places(wanted, decided).add_columns(*extra)
    placed = _standings(connection, query.order_by(*order))
    chosen = (
        (row.item_key, standing)
        for row, standing in placed
        if _is_wanted(standing, wanted)
        and (not decided or _is_seen(row, wanted) or standing.state != State.PENDING)
    )
    while page := list(islice(chosen, PAGE_ITEMS)):
        stored = _stored(connection, [item_key for item_key, _ in page])
        yield from ((stored[item_key], standing) for item_key, standing in page)


def count_states(connection: Connection, dataset: str) -> Counter[tuple[str, str]]:
    """Flagged places of a data set by kind and state."""
    query = _places(Wanted(dataset=dataset)).add_columns(review_items.c.kind)
    placed = _standings(connection, query)
    return Counter((row.kind, str(standing.state)) for row, standing in placed)


def flagged_places(
    connection: Connection, dataset: str
) -> Iterator[tuple[Row[Any], Place, list[Opinion]]]:
    """Flagged places of a data set with the decisions about them, for states at any time.

    Rows have, beside what a place is, kind, language, source, vendor, policy and first run.
    """
    names = ("kind", "language", "source", "vendor", "policy", "first_run")
    columns = [review_items.c[name] for name in names]
    yield from _placed(connection, _places(Wanted(dataset=dataset)).add_columns(*columns))


def known_run(connection: Connection, run: str) -> str:
    """The id of the committed run with this id or prefix; raises ReviewError."""
    ids = connection.execute(select(review_runs.c.run_id).order_by(review_runs.c.run_id)).scalars()
    found = [run_id for run_id in ids if run_id.startswith(run)]
    if run in found:
        return run
    if len(found) != 1:
        problem = f"{len(found)} runs begin with it" if found else "no such run was committed"
        raise ReviewError(f"{run}: {problem}; scrubtrace runs list shows the runs of a folder")
    return str(found[0])


_TEXT = text_id(review_items.c.text_digest)


def _is_seen(row: Row[Any], wanted: Wanted) -> bool:
    """Whether a place is wanted although nobody decided on it."""
    is_reported = wanted.include_reported and row.kind != SAMPLED
    return bool(row.flagged or row.unseen_run is not None or is_reported)


def _places(wanted: Wanted, decided: bool = False) -> Select[Any]:
    """Places of the flagged items, and of those that were until a run did not see them again.

    With ``decided`` also those that somebody decided on.
    """
    columns = review_items.c
    seen = or_(columns.flagged.is_(True), columns.unseen_run.is_not(None))
    if wanted.include_reported:
        seen = columns.kind != SAMPLED
    if decided:
        seen = or_(seen, *_decided_on())
    conditions = [seen]
    if wanted.batch is not None:
        of_batch = select(review_batch_items.c.item_key).where(
            review_batch_items.c.batch == wanted.batch
        )
        conditions = [columns.item_key.in_(of_batch)]
    elif wanted.kind == SAMPLED:
        conditions = []
    for column, value in ((columns.dataset, wanted.dataset), (columns.kind, wanted.kind)):
        conditions += [] if value is None else [column == value]
    names = (
        "item_key", "evidence_fingerprint", "unseen_run", "dataset", "shard", "row_index", "field",
        "turn",
    )  # fmt: skip
    query = select(*(columns[name] for name in names), _TEXT.label("text"))
    joined = query.outerjoin(review_texts, review_texts.c.text_digest == columns.text_digest)
    return joined.where(*conditions)


def _decided_on() -> Iterator[ColumnElement[bool]]:
    """SQL: decisions may be about the place, or about its text by any digest of it."""
    decided = review_decisions.c
    yield review_items.c.item_key.in_(select(decided.item_key))
    known = review_texts.alias()
    texts = select(func.coalesce(known.c.text_id, decided.text_digest))
    yield _TEXT.in_(texts.outerjoin(known, known.c.text_digest == decided.text_digest))


def _standings(connection: Connection, query: Select[Any]) -> Iterator[tuple[Row[Any], Standing]]:
    for row, place, opinions in _placed(connection, query):
        yield row, standing_of(place, opinions)


def _placed(
    connection: Connection, query: Select[Any]
) -> Iterator[tuple[Row[Any], Place, list[Opinion]]]:
    rows = iter(connection.execute(query.execution_options(yield_per=PAGE_ITEMS)))
    while page := list(islice(rows, PAGE_ITEMS)):
        texts, keys = {row.text for row in page}, {row.item_key for row in page}
        about = _by_subject(opinions_about(connection, texts, keys))
        for row in page:
            unseen = row.unseen_run is not None
            place = Place(row.item_key, row.text, row.evidence_fingerprint, unseen)
            yield row, place, [*about.get(place.text, ()), *about.get(place.item_key, ())]


def _by_subject(opinions: Iterable[Opinion]) -> dict[str, list[Opinion]]:
    """Decisions by their text and by their item; the two never look alike."""
    about: dict[str, list[Opinion]] = {}
    for opinion in opinions:
        about.setdefault(opinion.text, []).append(opinion)
        about.setdefault(opinion.item_key, []).append(opinion)
    return about


def _lines(placed: Iterator[tuple[Row[Any], Standing]], wanted: Wanted) -> Iterator[_Line]:
    """What there is to say of the wanted places of each text and evidence."""
    for _, group in groupby(placed, key=lambda pair: pair[0].best):
        chosen = (
            (row, standing)
            for row, standing in group
            if _is_wanted(standing, wanted) and row.first_run > (wanted.new_since or "")
        )
        first = next(chosen, None)
        if first is None:
            continue
        row, standing = first
        others: list[OtherPlace] = []
        places = 1
        for other, _ in chosen:
            places += 1
            if len(others) < PLACES_SHOWN:
                others.append(_other_place(other, row.dataset))
        yield _Line(row.item_key, row.text, standing, places, tuple(others))


def _is_wanted(standing: Standing, wanted: Wanted) -> bool:
    return not wanted.states or standing.state in wanted.states


def _other_place(row: Row[Any], dataset: str) -> OtherPlace:
    of_other = row.dataset if row.dataset != dataset else None
    return OtherPlace(of_other, row.shard, row.row_index, row.turn)


def _stored(connection: Connection, keys: Sequence[str]) -> dict[str, StoredItem]:
    query = select(review_items).where(review_items.c.item_key.in_(keys))
    rows = connection.execute(query).mappings()
    return {row["item_key"]: stored_item(row) for row in rows}
