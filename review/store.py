"""Bringing the items of a run into the review table, and reading them back in order."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from itertools import islice
from operator import attrgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, and_, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import RowMapping
from sqlalchemy.sql.dml import ReturningInsert

from scrubtrace.review.connection import reading, writing
from scrubtrace.review.erasing.texts import erased_digests, lock_texts, without_text
from scrubtrace.review.rotation import carry_over
from scrubtrace.review.table import review_items, review_runs
from scrubtrace.review.texts import link_digests
from scrubtrace.review.trail.events import EventKind, append_event, lock_log
from scrubtrace.schemas.review import ReviewItem, ReviewRun
from scrubtrace.schemas.vocabulary import GROUPS

SORTED_ITEMS = 20_000
"""Items that are put in the order of their keys before they are stored.

Keys are digests. In any other order each item would change a page of its own in every index, and
the database writes whole pages, twice.
"""

TRANSACTION_ITEMS = 1_000
"""Items of one transaction: few enough that other writers wait well under a second."""

PAGE_ITEMS = 1_000
"""Items that reading holds in memory at a time."""

LookedAt = Callable[[str, int | None, str], bool]

DECIDED_ON = ("text_digest", "evidence_fingerprint", "flagged", "kind")
"""What a decision rests on: a change of one of these makes a new version of the item."""

_ITEM_FIELDS = tuple(
    field.name for field in fields(ReviewItem) if field.name not in ("groups", "earlier_digests")
)


@dataclass(frozen=True)
class UpsertCounts:
    """What became of the items of one run.

    ``inserted`` are new to the table; ``updated`` were there from an older run and have this
    run's fields now; ``unchanged`` were left alone: this run or a newer one wrote them before.
    """

    inserted: int
    updated: int
    unchanged: int


@dataclass(frozen=True)
class StoredItem:
    """An item as the table has it: what the newest run saw, the runs, and the version.

    ``item.groups`` has the groups with a value only. ``unseen_run`` is the run that should have
    found it again but did not, or whose policy it is not enough for.
    """

    item: ReviewItem
    first_run: str
    last_run: str
    row_version: int
    unseen_run: str | None = None


def upsert_items(
    engine: Engine,
    items: Iterable[ReviewItem],
    run_id: str,
    only_new: bool = False,
    ran: Set[str] | None = None,
) -> UpsertCounts:
    """Store what run ``run_id`` saw, in transactions of 1,000 items; any order, any length.

    Run ids sort by time. An item that an older run stored gets this run's fields, and a new
    version if what a reviewer decides on changed; a text known by the digest of a retired key is
    the same text. The same run again under the same policy, or an older one, changes nothing but
    such digests, so that an interrupted commit can be repeated. Of two items with one key in one
    run the first is kept. With ``only_new`` items that another run saw last are left as they are.
    ``ran`` names the detectors of the run: an item of the same text with evidence of another
    detector is left as it is, because the run knows only a part of what there is. Of a text that
    was erased, neither snippet nor values are stored. Raises ReviewError.
    """
    statement = _upsert(engine.dialect.name, only_new)
    inserted = updated = unchanged = 0
    for batch in _batches(items):
        link_digests(engine, batch)
        if not only_new:
            carry_over(engine, batch)
        with writing(engine) as connection:
            new, changed = _upsert_batch(connection, statement, batch, run_id, ran)
        inserted += new
        updated += changed
        unchanged += len(batch) - new - changed
    return UpsertCounts(inserted, updated, unchanged)


def _batches(items: Iterable[ReviewItem]) -> Iterator[list[ReviewItem]]:
    """The items of one transaction at a time; of two with one key the first stays the first."""
    remaining = iter(items)
    while ordered := sorted(islice(remaining, SORTED_ITEMS), key=attrgetter("item_key")):
        for start in range(0, len(ordered), TRANSACTION_ITEMS):
            yield ordered[start : start + TRANSACTION_ITEMS]


def withdraw_flags(engine: Engine, run_id: str, policy: str) -> int:
    """Take back the flags that an earlier commit of the run set under another policy.

    They are not seen again, as if a new run had judged by that policy. To be called after the items
    of the run have been stored under ``policy``; gives the number of items that are flagged no
    longer. Raises ReviewError.
    """
    columns = review_items.c
    values = {"flagged": False, "policy": policy, "unseen_run": run_id}
    stale = and_(columns.last_run == run_id, columns.policy != policy, columns.flagged.is_(True))
    withdrawn = (
        update(review_items)
        .where(stale)
        .values(values | {"row_version": columns.row_version + 1})
        .returning(columns.item_key)
    )
    with writing(engine) as connection:
        lock_texts(connection)
        return len(connection.execute(withdrawn).scalars().all())


def withdraw_unseen(
    engine: Engine,
    run_id: str,
    dataset: str,
    scope: Mapping[str, Set[str]],
    looked_at: LookedAt | None = None,
) -> int:
    """Take back the flags of items that run ``run_id`` should have found again but did not.

    ``scope`` names the detectors, by shard, that scanned the whole shard as it is now. An item is
    not found again if an older run was the last to see it, and all detectors with evidence for it
    are in the scope of its shard. ``looked_at`` says of a field, a turn and the run that saw it
    last whether run ``run_id`` judged such a text; without it, it did. To be called after the items
    of the run have been stored; gives the number of items that are flagged no longer. Raises
    ReviewError.
    """
    columns = review_items.c
    older = and_(columns.dataset == dataset, columns.flagged.is_(True), columns.last_run < run_id)
    candidates = select(columns.item_key, columns.shard).where(older)
    with reading(engine) as connection:
        found = connection.execute(candidates.execution_options(yield_per=PAGE_ITEMS))
        keys = [row.item_key for row in found if row.shard in scope]
    batches = (keys[at : at + TRANSACTION_ITEMS] for at in range(0, len(keys), TRANSACTION_ITEMS))
    chosen = (and_(older, columns.item_key.in_(batch)) for batch in batches)
    return sum(_withdraw(engine, which, run_id, scope, looked_at) for which in chosen)


def _withdraw(
    engine: Engine,
    which: ColumnElement[bool],
    run_id: str,
    scope: Mapping[str, Set[str]],
    looked_at: LookedAt | None,
) -> int:
    """Take back the flags of those items that every detector with evidence should have found."""
    columns = review_items.c
    names = ("item_key", "shard", "detectors", "field", "turn", "last_run")
    about = select(*(columns[name] for name in names)).where(which)
    with writing(engine) as connection:
        lock_texts(connection)
        unseen = [
            row.item_key
            for row in connection.execute(about)
            if {detector["name"] for detector in row.detectors} <= scope[row.shard]
            and (looked_at is None or looked_at(row.field, row.turn, row.last_run))
        ]
        withdrawn = {
            "flagged": False,
            "unseen_run": run_id,
            "row_version": columns.row_version + 1,
        }
        # On PostgreSQL a newer run can have seen some of them after they were looked for.
        chosen = update(review_items).where(which, columns.item_key.in_(unseen))
        changed = connection.execute(chosen.values(withdrawn).returning(columns.item_key))
        return len(changed.all())


def record_run(engine: Engine, run: ReviewRun) -> None:
    """Remember a committed run and when it was committed, in the event log as well.

    The same manifest again changes nothing; another one, as after a commit under another policy,
    takes the place of the first. Raises ReviewError.
    """
    insert = _insert_of(engine.dialect.name)(review_runs)
    values = asdict(run) | {"committed_at": datetime.now(UTC)}
    statement = insert.on_conflict_do_update(
        index_elements=["run_id"],
        set_={name: insert.excluded[name] for name in values if name != "run_id"},
        where=insert.excluded.manifest_sha256 != review_runs.c.manifest_sha256,
    ).returning(review_runs.c.run_id)
    with writing(engine) as connection:
        lock_log(connection)
        if connection.execute(statement, values).first() is not None:
            append_event(connection, EventKind.RUN, asdict(run))


def run_ids(engine: Engine) -> set[str]:
    """Ids of the runs that have been committed to the table."""
    with reading(engine) as connection:
        return set(connection.execute(select(review_runs.c.run_id)).scalars())


def datasets_of(engine: Engine) -> set[str]:
    """Data sets that the table has runs or items of."""
    queries = (select(table.c.dataset).distinct() for table in (review_runs, review_items))
    with reading(engine) as connection:
        return {name for query in queries for name in connection.execute(query).scalars()}


def iter_items(
    engine: Engine,
    *,
    dataset: str | None = None,
    kind: str | None = None,
    flagged: bool | None = None,
) -> Generator[StoredItem, None, None]:
    """Items that match every filter given, by priority (lowest first), then key.

    One statement, so that runs committed meanwhile do not show; PAGE_ITEMS in memory at a time.
    Raises ReviewError.
    """
    columns = review_items.c
    wanted = {columns.dataset: dataset, columns.kind: kind, columns.flagged: flagged}
    query = (
        select(review_items)
        .where(*(column == value for column, value in wanted.items() if value is not None))
        .order_by(columns.priority, columns.item_key)
        .execution_options(yield_per=PAGE_ITEMS)
    )
    with reading(engine) as connection:
        for row in connection.execute(query).mappings():
            yield stored_item(row)


def stored_item(row: RowMapping) -> StoredItem:
    """The item of a row of the table."""
    groups = {name: row[name] for name in GROUPS if row[name] is not None}
    seen = {name: row[name] for name in _ITEM_FIELDS}
    about = {name: row[name] for name in ("first_run", "last_run", "row_version", "unseen_run")}
    return StoredItem(ReviewItem(**seen, groups=groups), **about)


def _insert_of(dialect: str) -> Any:
    """The dialect's INSERT that knows ON CONFLICT."""
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect]


def _upsert(dialect: str, only_new: bool) -> ReturningInsert[Any]:
    """Insert an item, or overwrite an older policy's and run's; returns key and first run.

    With ``only_new`` what another run stored stays.
    """
    insert = _insert_of(dialect)(review_items)
    seen, stored = insert.excluded, review_items.c
    changed = or_(*(seen[name] != stored[name] for name in DECIDED_ON))
    judged_anew = and_(stored.last_run == seen.last_run, stored.policy != seen.policy)
    overwritten = {
        column.name: seen[column.name]
        for column in review_items.columns
        if column.name not in ("item_key", "first_run", "row_version")
    }
    upsert: ReturningInsert[Any] = insert.on_conflict_do_update(
        index_elements=["item_key"],
        set_=overwritten | {"row_version": stored.row_version + case((changed, 1), else_=0)},
        where=judged_anew if only_new else or_(stored.last_run < seen.last_run, judged_anew),
    ).returning(stored.item_key, stored.first_run)
    return upsert


def _upsert_batch(
    connection: Connection,
    statement: ReturningInsert[Any],
    batch: list[ReviewItem],
    run_id: str,
    ran: Set[str] | None,
) -> tuple[int, int]:
    """Number of items inserted and updated."""
    lock_texts(connection)
    texts = ((item.text_digest, item.earlier_digests.values()) for item in batch)
    erased = erased_digests(connection, texts)
    rows: dict[str, dict[str, Any]] = {}
    for item in batch:
        row = _row(item, run_id)
        if item.text_digest in erased:
            row |= without_text(item.evidence)
        rows.setdefault(item.item_key, row)
    # In key order, so that two writers never wait for each other's rows in a circle.
    columns = review_items.c
    stored = select(columns.item_key, columns.text_digest, columns.detectors)
    found = connection.execute(stored.where(columns.item_key.in_(rows))).all()
    known = {entry.item_key for entry in found}
    for entry in found:
        others = {detector["name"] for detector in entry.detectors} - (ran or set())
        is_same_text = entry.text_digest == rows[entry.item_key]["text_digest"]
        if ran is not None and others and is_same_text:
            del rows[entry.item_key]
    if not rows:
        return 0, 0
    written = connection.execute(statement, [rows[key] for key in sorted(rows)]).all()
    # On PostgreSQL another run can have inserted a key after it was looked for.
    new = sum(key not in known and first_run == run_id for key, first_run in written)
    return new, len(written) - new


def _row(item: ReviewItem, run_id: str) -> dict[str, Any]:
    """Values of every column; ``asdict`` would copy the evidence, span by span."""
    row = {name: getattr(item, name) for name in _ITEM_FIELDS}
    row |= {name: item.groups.get(name) for name in GROUPS}
    return row | {"first_run": run_id, "last_run": run_id, "row_version": 1}
