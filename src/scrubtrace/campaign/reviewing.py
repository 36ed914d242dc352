"""How far the review is: flagged places by state, second opinions, batches, controls, the log."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import Connection, Engine, func, select

from scrubtrace.campaign.excepting import Exceptions
from scrubtrace.review.batches.decided import decided_items
from scrubtrace.review.batches.store import list_batches
from scrubtrace.review.decisions.states import standing_of
from scrubtrace.review.lines import flagged_places
from scrubtrace.review.table import review_decisions, review_events, review_issued, review_runs
from scrubtrace.review.trail.events import BEFORE_ALL
from scrubtrace.review.trail.verify import verify
from scrubtrace.schemas.batches import Batch, Purpose
from scrubtrace.schemas.campaign import Campaign, DataScope, StepName, StepResult
from scrubtrace.schemas.review import State
from scrubtrace.schemas.vocabulary import Kind

CLOSED = (State.CONCUR, State.DISMISSED)
WAITING = (State.NEEDS_SECOND, State.ESCALATED)
OPEN = (State.PENDING, State.REOPENED, *WAITING)


@dataclass(frozen=True)
class Since:
    """A point in the past: the newest run of the data set, and the last event of the log."""

    run: str
    event: int


@dataclass
class Places:
    """Flagged places of one data set: ``states`` by kind and state.

    ``counted`` has those that no exception leaves out, by state; ``excepted`` the others.
    ``new`` and ``solved`` count by kind what happened since a point in the past.
    ``other_policy`` counts rows that another policy flagged. ``last_event`` is the number of the
    newest event that brought a decision about any of them, also one made in another data set.
    """

    states: Counter[tuple[str, str]] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    excepted: int = 0
    other_policy: int = 0
    last_event: int = 0
    new: Counter[str] = field(default_factory=Counter)
    solved: Counter[str] = field(default_factory=Counter)

    def of(self, *states: State) -> int:
        """Places in any of the states."""
        return sum(count for (_, state), count in self.states.items() if state in states)


def count_places(
    connection: Connection,
    dataset: str,
    policy: str,
    exceptions: Exceptions,
    since: Since | None,
) -> Places:
    """Counts the flagged places of a data set in one pass."""
    found = Places()
    for row, place, opinions in flagged_places(connection, dataset):
        state = standing_of(place, opinions).state
        found.states[row.kind, str(state)] += 1
        found.last_event = max([found.last_event, *(opinion.order[1] for opinion in opinions)])
        if state != State.NOT_SEEN_AGAIN and row.kind != Kind.CALL_RULE:
            found.other_policy += row.policy != policy
        if state != State.NOT_SEEN_AGAIN:
            if exceptions.of_place(dataset, row) is None:
                found.counted[str(state)] += 1
            else:
                found.excepted += 1
        if since is None:
            continue
        if row.first_run > since.run:
            found.new[row.kind] += state != State.NOT_SEEN_AGAIN
        elif state == State.NOT_SEEN_AGAIN:
            found.solved[row.kind] += row.unseen_run > since.run
        elif state in CLOSED:
            earlier = [opinion for opinion in opinions if opinion.order[1] <= since.event]
            found.solved[row.kind] += standing_of(place, earlier).state not in CLOSED
    return found


def event_of(connection: Connection, head: str) -> int | None:
    """The number of the event with a hash; None if the log does not have it."""
    if head == BEFORE_ALL:
        return 0
    query = select(review_events.c.seq).where(review_events.c.hash == head)
    return connection.execute(query).scalar()


def last_decision(connection: Connection, dataset: str) -> int:
    """The number of the last event with decisions made in a data set; 0 without any."""
    columns = review_decisions.c
    query = select(func.max(columns.event)).where(columns.dataset == dataset)
    return connection.execute(query).scalar() or 0


def review_step(
    connection: Connection, scope: DataScope, places: Places, share: float | None
) -> StepResult:
    """Flagged places that are decided; what waits for somebody is open at any share."""
    decided = sum(places.counted[str(state)] for state in CLOSED)
    wanted = places.counted.total()
    left = []
    if share is not None:
        left = list(_not_recorded(connection, scope))
        if decided < share * wanted:
            left.append(f"{wanted - decided:,} of {wanted:,} flagged places are not decided")
        for state, words in zip(
            WAITING, ("wait for a second opinion", "are escalated"), strict=True
        ):
            if count := places.counted[str(state)]:
                left.append(f"{count:,} {words}")
    counts = {str(state): places.of(state) for state in State if places.of(state)}
    return StepResult(
        StepName.REVIEW, scope.dataset, decided, wanted, "flagged places", share is not None,
        counts | {"excepted": places.excepted}, tuple(left),
    )  # fmt: skip


def _not_recorded(connection: Connection, scope: DataScope) -> Iterator[str]:
    if scope.newest_run is None:
        yield "no run of the data set is committed"
        return
    own = select(review_runs.c.run_id).where(review_runs.c.run_id == scope.newest_run)
    if connection.execute(own).first() is None:
        yield f"run {scope.newest_run} was not committed to this review table"


def audit_steps(
    engine: Engine, connection: Connection, campaign: Campaign, shards: Mapping[str, str]
) -> Iterator[StepResult]:
    """The audit batches of a campaign: texts planned, and decided.

    ``shards`` are digests of the shards with results by data set: a batch of others is not done.
    """
    if campaign.steps.audit is None:
        return
    batches = {batch.name: batch for batch in list_batches(engine)}
    names = {data.name for data in campaign.datasets}
    for name in campaign.steps.audit:
        batch = batches.get(name)
        if batch is None or batch.purpose != Purpose.AUDIT:
            yield _audit(name, 0, 0, "there is no such audit batch")
        elif batch.dataset not in names:
            yield _audit(name, 0, 0, f"is of data set {batch.dataset!r}, not of the campaign")
        else:
            yield _decided(connection, batch, shards[batch.dataset])
    if campaign.steps.audit:
        return
    for name in sorted(names):
        own = [batch for batch in batches.values() if _is_of(batch, name, campaign.begins)]
        if not own:
            yield _audit(name, 0, 0, f"no audit batch was made since {campaign.begins}")
        yield from (_decided(connection, batch, shards[name]) for batch in own)


def _is_of(batch: Batch, dataset: str, begins: date) -> bool:
    made = batch.created_at
    is_audit = batch.dataset == dataset and batch.purpose == Purpose.AUDIT
    return is_audit and made is not None and made.astimezone(UTC).date() >= begins


def _decided(connection: Connection, batch: Batch, shards: str) -> StepResult:
    states = Counter(standing.state for _, standing in decided_items(connection, batch.name))
    done, planned = sum(states[state] for state in CLOSED), states.total()
    left = [f"{planned - done:,} of {planned:,} texts are not decided"] if done < planned else []
    if not planned:
        left = ["has no text"]
    if batch.plan.get("shards_sha256") not in (None, shards):
        left.append("was drawn from other shards than those that are scanned: draw a new one")
    return _audit(batch.name, done, planned, *left)


def _audit(about: str, done: int, wanted: int, *left: str) -> StepResult:
    return StepResult(StepName.AUDIT, about, done, wanted, "texts of the batch", open=left)


def controls_step(connection: Connection, begins: date, answers: int) -> StepResult:
    """Controls that were given out since a day, and answered."""
    start = datetime(begins.year, begins.month, begins.day, tzinfo=UTC)
    issued = select(review_issued.c.item_key).join(
        review_events, review_events.c.seq == review_issued.c.event
    )
    own = issued.where(review_events.c.at >= start).subquery()
    given = connection.execute(select(func.count()).select_from(own)).scalar_one()
    answered = select(func.count(func.distinct(review_decisions.c.item_key))).where(
        review_decisions.c.item_key.in_(select(own.c.item_key))
    )
    done = connection.execute(answered).scalar_one()
    left = (f"{done:,} answers on controls, {answers:,} are required",) if done < answers else ()
    return StepResult(
        StepName.CONTROLS, "controls", done, answers, "answers", True, {"given_out": given}, left
    )


def log_step(engine: Engine, heads: Sequence[str]) -> tuple[StepResult, str]:
    """The log of the review table, checked as `verify` does, and its head."""
    verified = verify(engine, heads)
    counts = {"events": verified.events, "decisions": verified.decisions}
    sound = verified.events if not verified.problems else 0
    left = tuple(verified.problems)
    return (
        StepResult(StepName.LOG, "log", sound, verified.events, "events", True, counts, left),
        verified.head,
    )
