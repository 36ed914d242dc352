"""The audit sample of a record: the texts that were drawn from the purged shards, and again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import Engine

from scrubtrace.audit.population import FLAGGED, shards_digest
from scrubtrace.audit.redrawing import (
    Redraw,
    Redrawn,
    columns_of_plan,
    redraw,
    strata_by_values,
)
from scrubtrace.audit.seeds import Seed
from scrubtrace.beam_pipelines import storage
from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.drawing.ranking import Ranker
from scrubtrace.beam_pipelines.layout import read_table
from scrubtrace.beam_pipelines.planning import Inputs, PlanError, read_files
from scrubtrace.beam_pipelines.purging.layout import REMOVAL, SHARDS, PurgeFolder
from scrubtrace.exits import IncompleteStop, UsageStop
from scrubtrace.purge.sample_files import FLAGGED_TEXTS, TEXTS, Sample
from scrubtrace.review.batches.known import flagged_keys, places_of
from scrubtrace.review.batches.store import batch_items, find_batch
from scrubtrace.review.connection import open_review, reading
from scrubtrace.review.errors import ReviewError
from scrubtrace.schemas.batches import Batch
from scrubtrace.schemas.identity import KeyRing
from scrubtrace.schemas.plan import Columns
from scrubtrace.schemas.removal import SAMPLE


def read_sample(
    name: str, url: str | None, folder: PurgeFolder, dataset: str, bound: str | None
) -> Sample:
    """An audit batch from the review table at ``url``.

    ``bound`` is the JSON of ``audit run``. Raises `UsageStop` unless batch and bound are about
    these shards and each other.
    """
    if url is None:
        raise UsageStop("name the review table of the audit batch with --review")
    try:
        engine = open_review(url, must_exist=True)
        try:
            return _read(engine, name, folder, dataset, bound)
        finally:
            engine.dispose()
    except ReviewError as error:
        raise UsageStop(str(error)) from None


def _read(
    engine: Engine, name: str, folder: PurgeFolder, dataset: str, bound: str | None
) -> Sample:
    with reading(engine) as connection:
        batch = find_batch(connection, name)
        items = list(batch_items(connection, name))
    plan = batch.plan
    if "sha256" not in plan.get("seed", {}):
        raise UsageStop(f"batch {name} is not one of audit plan: its seed was not committed")
    strata_by_values(plan)
    if bound is not None:
        _check_bound(bound, batch)
    try:
        shards = _inputs(folder.path, columns_of_plan(plan)).shards
    except PlanError:
        shards = []
    if batch.dataset != dataset or plan["shards_sha256"] != shards_digest(shards):
        raise UsageStop(
            f"batch {name} was not drawn from the purged shards as they are: scan these with "
            f"detect --dataset {dataset}, then draw with audit plan"
        )
    places = places_of(engine, (item.item_key for item in items))
    if len(places) < len(items):
        raise UsageStop(f"the review table does not have all texts of batch {name} any more")
    rows = []
    for item in items:
        place = places[item.item_key]
        same = place["text_digest"] == item.text_digest
        own = {"stratum": item.stratum, "text_digest": item.text_digest}
        rows.append(place | own | {"key_id": place["key_id"] if same else None})
    texts = pa.Table.from_pylist(rows, SAMPLE)
    return Sample(batch, texts, _flagged(engine, batch, {shard.name for shard in shards}))


def _flagged(engine: Engine, batch: Batch, shards: set[str]) -> pa.Table | None:
    plan = batch.plan
    if all(c["of"] == "all" for about in plan["strata"].values() for c in about["drawn_from"]):
        return None
    found = [pair for pair in flagged_keys(engine, batch.dataset) if pair[0] in shards]
    if len(found) != plan["flagged"] + plan["flagged_not_found"]:
        raise UsageStop(
            f"other texts are flagged now than when batch {batch.name} was drawn: draw a new batch"
        )
    return pa.table([[shard for shard, _ in found], [key for _, key in found]], FLAGGED)


def _check_bound(path: str, batch: Batch) -> None:
    content = json.loads(Path(path).read_bytes())
    about = content.get("batch") if isinstance(content, dict) else None
    known = (about.get("name"), about.get("event")) if isinstance(about, dict) else None
    if known != (batch.name, batch.event):
        raise UsageStop(f"{path} is not what audit run {batch.name} --json writes")


def _inputs(base: str, columns: Columns) -> Inputs:
    """The shards as they are now; raises `PlanError` if none of them has the columns."""
    folder = storage.absolute(storage.join(base, SHARDS))
    files = storage.files_below(folder)
    own = [info for info in files if storage.TEMPORARY_PREFIX not in info.path]
    return read_files(own, columns, folder)


@dataclass
class Drawn:
    """How a sample that was drawn again compares; ``texts`` were compared."""

    batch: str = ""
    texts: int = 0
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check_seed(predicate: Mapping[str, Any], seed: Seed) -> None:
    """Raises `UsageStop` if the record has no sample, or one that was drawn with another seed."""
    about = predicate["sample_plan"]
    if not isinstance(about, dict) or "batch" not in about:
        raise UsageStop(
            "the record has no sample that can be drawn again: purge puts one into it with "
            "--audit-batch"
        )
    if about["content"]["seed"]["sha256"] != seed.sha256:
        raise UsageStop(
            f"this is another seed: batch {about['batch']} was drawn with that of SHA-256 "
            f"{about['content']['seed']['sha256']}"
        )


def draw_again(base: str, predicate: Mapping[str, Any], seed: Seed, ring: KeyRing | None) -> Drawn:
    """Draws by the plan of the record from the shards as they are now, and compares.

    The side files must be those of the record. Raises `UsageStop` as `redraw`, and
    `IncompleteStop` if a shard changes meanwhile.
    """
    about = predicate["sample_plan"]
    plan, found = about["content"], Drawn(about["batch"])
    sample = read_table(storage.read_bytes(storage.join(base, REMOVAL, TEXTS))).to_pylist()
    flagged: frozenset[str] = frozenset()
    if f"{REMOVAL}/{FLAGGED_TEXTS}" in predicate["side_files"]:
        content = storage.read_bytes(storage.join(base, REMOVAL, FLAGGED_TEXTS))
        flagged = frozenset(read_table(content).column("item_key").to_pylist())
    try:
        inputs = _inputs(base, columns_of_plan(plan))
    except PlanError as error:
        found.problems.append(f"sample: nothing can be drawn: {error}")
        return found
    found.problems += [f"sample: {dead.name}: {dead.detail}" for dead in inputs.dead]
    try:
        now = redraw(plan, predicate["dataset"], inputs.shards, seed, flagged, ring)
    except ShardChanged as error:
        raise IncompleteStop(f"shard {error} changed while it was read: verify again") from None
    found.problems += [f"sample: {problem}" for problem in now.problems]
    found.problems += _populations(plan, now)
    ranks = Ranker(seed.secret).ranks([entry["item_key"] for entry in sample])
    before = dict(zip(ranks.tolist(), sample, strict=True))
    found.problems += _differences(before, now.texts, set(ring.ids) if ring else set())
    found.texts = len(before.keys() & now.texts.keys())
    found.notes += _unread(sample, ring)
    return found


def _populations(plan: Mapping[str, Any], now: Redraw) -> Iterator[str]:
    for name, about in plan["strata"].items():
        if about["population"] != now.population[name]:
            yield (
                f"sample: stratum {name} has {now.population[name]:,} texts, by the plan "
                f"{about['population']:,}"
            )
    for name, count in sorted(now.foreign.items()):
        yield f"sample: {count:,} texts are of stratum {name}, which the plan does not have"


def _differences(
    before: Mapping[int, Mapping[str, Any]], now: Mapping[int, Redrawn], keys: set[str]
) -> Iterator[str]:
    """What is different in the drawn texts, by where they stand."""
    said: list[tuple[str, int, str]] = []
    for rank, entry in before.items():
        where = (entry["shard"], entry["row_index"], entry["field"], entry["turn"])
        if rank not in now:
            words = f"was drawn from {entry['stratum']} as {entry['item_key']}, and is not now"
            said.append((*where[:2], f"{_place(where)} {words}"))
            continue
        text = now[rank]
        if text.stratum != entry["stratum"]:
            words = f"is drawn from {text.stratum} now, was from {entry['stratum']}"
            said.append((*text.where[:2], f"{_place(text.where)} {words}"))
        digests = text.digests
        if digests and entry["text_digest"] not in digests and entry["key_id"] in keys:
            words = "is another text than the one that was drawn"
            said.append((*text.where[:2], f"{_place(text.where)} {words}"))
    for rank in now.keys() - before.keys():
        text = now[rank]
        words = f"is drawn from {text.stratum} now, and was not"
        said.append((*text.where[:2], f"{_place(text.where)} {words}"))
    return (f"sample: {words}" for _, _, words in sorted(said))


def _place(where: Sequence[Any]) -> str:
    shard, row, column, turn = where
    of_turn = "" if turn is None else f" turn {turn}"
    return f"{shard}: row {row}: text of column {column!r}{of_turn}"


def _unread(sample: Sequence[Mapping[str, Any]], ring: KeyRing | None) -> Iterator[str]:
    held = set(ring.ids) if ring else set()
    unread = sum(entry["key_id"] not in held for entry in sample)
    if unread:
        yield (
            f"{unread:,} drawn texts have digests of keys that are not here: it is not compared "
            "whether they were edited"
        )
