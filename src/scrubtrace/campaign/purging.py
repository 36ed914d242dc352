"""Records of purges: whether they are there, cover the data, and know the newest decisions."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from scrubtrace.beam_pipelines import storage
from scrubtrace.campaign.reviewing import Places, event_of, last_decision
from scrubtrace.exits import Stop
from scrubtrace.purge.record import NOT_SUPPLIED
from scrubtrace.purge.verify import read_record
from scrubtrace.schemas.campaign import DataScope, Gap, StepName, StepResult


def purge_steps(
    connection: Connection,
    records: Sequence[str],
    scopes: Sequence[DataScope],
    places: Mapping[str, Places],
) -> Iterator[StepResult]:
    """What the records say of the data sets of a campaign; shards are not read again."""
    read: dict[str, list[dict[str, Any]]] = {scope.dataset: [] for scope in scopes}
    for path in records:
        if not storage.exists(path):
            yield _purge(path, 0, 0, "there is no such record: call scrubtrace purge")
            continue
        try:
            predicate = read_record(path, None)["predicate"]
        except Stop as stop:
            yield _purge(path, 0, 0, str(stop))
            continue
        if predicate["dataset"] in read:
            read[predicate["dataset"]].append(predicate)
        else:
            yield _purge(path, 0, 0, f"is about data set {predicate['dataset']!r}")
    for scope in scopes:
        if not read[scope.dataset]:
            yield _purge(scope.dataset, 0, scope.shards, "no record is about this data set")
            continue
        last = max(places[scope.dataset].last_event, last_decision(connection, scope.dataset))
        yield _covered(connection, scope, read[scope.dataset], last)


def _covered(
    connection: Connection, scope: DataScope, predicates: Sequence[dict[str, Any]], last: int
) -> StepResult:
    left: list[str] = []
    for predicate in predicates:
        left += _outdated(connection, predicate, last)
        left += _unfinished(predicate)
    inputs = {entry["name"] for predicate in predicates for entry in predicate["inputs"]}
    left_out = {g.shard for g in scope.gaps if g.gap in (Gap.MISSING, Gap.DEAD_SHARD, Gap.CHANGED)}
    purged = len(inputs - left_out)
    if purged < scope.shards:
        left.append(
            f"{scope.shards - purged:,} of {scope.shards:,} scanned shards are in no record"
        )
    rows = sum(predicate["rows"]["removed"] for predicate in predicates)
    return _purge(scope.dataset, min(purged, scope.shards), scope.shards, *left, removed=rows)


def _outdated(connection: Connection, predicate: dict[str, Any], last: int) -> Iterator[str]:
    head = predicate["review_head"]
    if head == NOT_SUPPLIED:
        yield "a record does not say which decisions it rests on"
        return
    event = event_of(connection, head)
    if event is None:
        yield f"a record rests on head {head[:16]}..., which is not in this log"
    elif event < last:
        yield f"a record knows decisions up to event {event:,}, the last are of event {last:,}"


def _unfinished(predicate: dict[str, Any]) -> Iterator[str]:
    if shards := len(predicate["shards_not_written"]):
        yield f"{shards:,} shards were not written"
    for problem, count in sorted(predicate["named_but_not_removed"].items()):
        yield f"{count:,} rows were named but not removed: {problem}"


def _purge(about: str, done: int, wanted: int, *left: str, removed: int = 0) -> StepResult:
    counts = {"rows_removed": removed}
    return StepResult(StepName.PURGE, about, done, wanted, "shards", True, counts, left)
