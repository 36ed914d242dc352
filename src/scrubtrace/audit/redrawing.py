"""Drawing again by the plan of a batch, from shards as they are now; no results are needed."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow.compute as pc

from scrubtrace.audit.items import Where, drawn_texts, readings
from scrubtrace.audit.population import occurrences_of
from scrubtrace.audit.seeds import Seed
from scrubtrace.audit.strata import Cell, PlannedStratum, storable, stratum_name
from scrubtrace.beam_pipelines.changes import ShardChanged
from scrubtrace.beam_pipelines.drawing.partial import Keep, Partial, Problem, Stratum
from scrubtrace.beam_pipelines.drawing.projecting import Held
from scrubtrace.beam_pipelines.drawing.ranges import DrawSpec, Known, Task, draw_range
from scrubtrace.beam_pipelines.drawing.ranking import Ranker
from scrubtrace.beam_pipelines.drawing.texts import LostText, read_drawn
from scrubtrace.beam_pipelines.reading import read_range
from scrubtrace.detectors.language import IDENTIFIER
from scrubtrace.duplicates import Hashes
from scrubtrace.exits import UsageStop
from scrubtrace.pseudonyms import Pseudonyms
from scrubtrace.schemas.identity import KeyRing, id_hashes
from scrubtrace.schemas.plan import Columns, RowRange, RunSpec, Shard

BATCH_ROWS, BATCH_BYTES = 1024, 8 << 20

KINDS = {"all": (False, True), "unflagged": (False,), "flagged": (True,)}
"""Which texts a cell is of, by the word that plans have for it."""


class Redrawn(NamedTuple):
    """A text that is drawn now: where it stands, its stratum, its digests (None: not read)."""

    where: Where
    stratum: str
    digests: frozenset[str] | None


@dataclass
class Redraw:
    """What a plan draws now: texts by rank, and the number of texts of each stratum.

    ``foreign`` counts the texts of strata that the plan does not have, ``problems`` has what could
    not be read, in words.
    """

    texts: dict[int, Redrawn] = field(default_factory=dict)
    population: dict[str, int] = field(default_factory=dict)
    foreign: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


def columns_of_plan(plan: Mapping[str, Any]) -> Columns:
    """The columns that a plan draws from; raises `UsageStop` if it does not say them."""
    if not plan.get("columns"):
        raise UsageStop("the plan of the batch does not say its columns: draw a new batch")
    return Columns.from_dict(plan["columns"])


def strata_by_values(plan: Mapping[str, Any]) -> dict[tuple[str | None, ...], str]:
    """The stratum of each combination of values; raises `UsageStop` if two look the same."""
    found: dict[tuple[str | None, ...], str] = {}
    for name, about in plan["strata"].items():
        for member in [about["values"]] if "values" in about else about["merged"]:
            values = tuple(member[part] for part in plan["by"])
            if values in found:
                raise UsageStop(f"two strata of the plan have the values of {name!r}")
            found[values] = name
    return found


def redraw(
    plan: Mapping[str, Any],
    dataset: str,
    shards: Sequence[Shard],
    seed: Seed,
    flagged: frozenset[str],
    ring: KeyRing | None,
) -> Redraw:
    """Draws by a plan in this process, which reads every text.

    ``flagged`` are the keys of flagged texts. Without a ring no digests are made. Raises
    `UsageStop` for a plan that cannot be drawn by, `storage.RemoteError`.
    """
    columns = columns_of_plan(plan)
    run = _run(dataset, columns)
    known = _known(shards, columns, flagged)
    partial = _drawn(plan, run, shards, seed, known)
    found = Redraw(problems=[_words(*problem) for problem in sorted(partial.problems)])
    strata = _strata(plan, partial, _shown(plan, ring), found)
    by_name = {shard.name: shard for shard in shards}
    digests = _digests(strata, by_name, run, seed, known, ring, found.problems)
    for name, text, cell in drawn_texts(strata, by_name, columns):
        where = (name, text.row, *text.place)
        found.texts[text.rank] = Redrawn(where, cell.stratum, digests.get(where))
    return found


def _run(dataset: str, columns: Columns) -> RunSpec:
    """The run of the plan, as far as drawing and reading texts need one."""
    return RunSpec(
        dataset=dataset,
        columns=columns,
        detectors=(),
        key_id="",
        key_file=None,
        language_identifier=IDENTIFIER,
        batch_rows=BATCH_ROWS,
        batch_bytes=BATCH_BYTES,
        spans_per_signal=0,
        snippet_chars=0,
    )


def _known(shards: Sequence[Shard], columns: Columns, flagged: frozenset[str]) -> dict[str, Known]:
    """What is known of the rows of each shard."""
    rows = sum(shard.rows for shard in shards)
    hashes = _hashes_of(shards, columns.id) if columns.id else None
    table = occurrences_of(hashes, [shard.name for shard in shards], rows)
    known = {}
    for shard in shards:
        own = table.filter(pc.equal(table.column("shard"), shard.name))
        pairs = zip(own["row"].to_pylist(), own["occurrence"].to_pylist(), strict=True)
        known[shard.name] = Known(flagged, dict(pairs))
    return known


def _hashes_of(shards: Sequence[Shard], id_column: str) -> Callable[[str], Hashes]:
    by_name = {shard.name: shard for shard in shards}

    def hashes(name: str) -> Hashes:
        rows = RowRange(by_name[name], 0, by_name[name].rows)
        pieces = read_range(rows, Columns((), id_column), BATCH_ROWS, BATCH_BYTES)
        found = [id_hashes(piece.ids or [None] * len(piece)) for piece in pieces]
        return np.concatenate([np.empty(0, np.uint64), *found])

    return hashes


def _drawn(
    plan: Mapping[str, Any],
    run: RunSpec,
    shards: Sequence[Shard],
    seed: Seed,
    known: Mapping[str, Known],
) -> Partial:
    cells = [cell for about in plan["strata"].values() for cell in about["drawn_from"]]
    most = {
        kind: max((cell["drawn"] for cell in cells if kind in KINDS[cell["of"]]), default=0)
        for kind in (False, True)
    }
    keep = Keep(most[False], most[True])
    spec = DrawSpec(run, tuple(plan["by"]), keep, plan["language_identified"])
    ranker, total = Ranker(seed.secret), Partial(keep)
    for number, shard in enumerate(shards):
        task = Task(number, RowRange(shard, 0, shard.rows), Held.UNKNOWN)
        total.merge(draw_range(task, spec, ranker, known[shard.name]))
    return total


def _shown(
    plan: Mapping[str, Any], ring: KeyRing | None
) -> Callable[[Mapping[str, str | None]], dict[str, str | None]]:
    """What the plan shows for values: pseudonyms for those of people."""
    hidden = plan.get("pseudonyms")
    if not hidden:
        return dict
    try:
        keys = ring.selected(hidden["key_id"]) if ring else None
    except KeyError:
        keys = None
    if keys is None:
        raise UsageStop(
            f"the strata of the sample are by pseudonyms of key {hidden['key_id']}, which is not "
            "here: name its file with --key-file"
        )
    return Pseudonyms(keys, frozenset(hidden["of"])).of


def _strata(
    plan: Mapping[str, Any],
    partial: Partial,
    shown: Callable[[Mapping[str, str | None]], dict[str, str | None]],
    found: Redraw,
) -> list[PlannedStratum]:
    """The strata of the plan as they are now; counts texts of others as foreign."""
    by, names = plan["by"], strata_by_values(plan)
    merged = {name: Stratum() for name in plan["strata"]}
    for raw, stratum in partial.strata.items():
        values = shown(dict(zip(by, raw, strict=True)))
        values = {name: storable(value) for name, value in values.items()}
        name = names.get(tuple(values.values()))
        if name is not None:
            merged[name].merge(stratum, partial.keep)
        elif stratum.texts.total():
            found.foreign[stratum_name(values)] += stratum.texts.total()
    found.population = {name: stratum.texts.total() for name, stratum in merged.items()}
    return [
        PlannedStratum(
            name,
            (),
            stratum.texts,
            stratum.outside,
            tuple(
                Cell(name, KINDS[cell["of"]], cell["population"], cell["drawn"])
                for cell in plan["strata"][name]["drawn_from"]
            ),
            stratum,
        )
        for name, stratum in merged.items()
    ]


def _digests(
    strata: Sequence[PlannedStratum],
    shards: Mapping[str, Shard],
    run: RunSpec,
    seed: Seed,
    known: Mapping[str, Known],
    ring: KeyRing | None,
    problems: list[str],
) -> dict[Where, frozenset[str]]:
    """Digests of the drawn texts by every key, where each stands."""
    found: dict[Where, frozenset[str]] = {}
    if ring is None:
        return found
    ranker = Ranker(seed.secret)
    for reading in readings(strata, shards, run.columns):
        name = reading.shard.name
        try:
            for text in read_drawn(reading, run, ring, ranker, known[name]):
                where = (name, text["row_index"], text["field"], text["turn"])
                own = (text["text_digest"], *text["earlier_digests"].values())
                found[where] = frozenset(own)
        except (LostText, ShardChanged, OSError):
            problems.append(_words(Problem.CHANGED, name))
    return found


def _words(problem: str, detail: str) -> str:
    if problem == Problem.TOO_MANY_STRATA:
        return "the rows are of more strata than a plan can have"
    what = "changed while it was read" if problem == Problem.CHANGED else "cannot be read"
    return f"{detail} {what}: texts of it are not drawn"
