"""Purging one shard in this process, and decisions as a review would export them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from command_line import code_of

from scrubtrace.beam_pipelines.planning import read_inputs
from scrubtrace.beam_pipelines.purging.layout import PurgeFolder
from scrubtrace.beam_pipelines.purging.shard import Purged, purge_shard
from scrubtrace.schemas.decided import DECIDED
from scrubtrace.schemas.identity import DigestKey, item_key
from scrubtrace.schemas.plan import Chat, Columns, RowRange, Unit, Work
from scrubtrace.schemas.removal import WANTED, PurgeSpec, Reason

KEY = DigestKey.from_hex("ab" * 32)

SPEC = PurgeSpec(
    dataset="data",
    id_column=None,
    chat=Chat(),
    by_turn=False,
    quarantine=True,
    key_id=KEY.id,
    retired_key_ids=(),
    key_file=None,
    batch_bytes=1 << 20,
    group_bytes=1 << 28,
    lineage_column=None,
    basis="",
)


def purged(
    path: Path, out: Path, wanted: Sequence[dict[str, Any]], spec: PurgeSpec = SPEC
) -> tuple[PurgeFolder, Purged]:
    """The shard at ``path``, purged into ``out`` of the wanted rows or texts."""
    (shard,) = read_inputs([str(path)], Columns((), spec.id_column)).shards
    folder = PurgeFolder(str(out))
    folder.make_folders(Work((Unit("u", (RowRange(shard, 0, shard.rows),), ()),)))
    rows = [{"shard": shard.name, "reason": Reason.REVIEWED} | own for own in wanted]
    rows.sort(key=lambda own: own["row_index"])
    table = pa.Table.from_pylist(rows, WANTED)
    return folder, purge_shard(shard, table, folder, spec, {KEY.id: KEY})


def text_at(row: int, text: str, field: str = "text", turn: int | None = None) -> dict[str, Any]:
    """A wanted text by its place and digest."""
    digest = {"text_digest": KEY.digest(text), "key_id": KEY.id}
    return {"row_index": row, "field": field, "turn": turn} | digest


def decided(shard: str, row: int, text: str, **changes: Any) -> dict[str, Any]:
    """A place of a decisions file, that reviewers concur on unless ``changes`` say otherwise."""
    known: dict[str, Any] = {
        "row_version": 1,
        "dataset": "data",
        "shard": shard,
        "row_index": row,
        "row_id": None,
        "occurrence": 0,
        "field": "text",
        "turn": None,
        "language": "en",
        "text_digest": KEY.digest(text),
        "key_id": KEY.id,
        "evidence_fingerprint": "e",
        "flagged": True,
        "kind": "llm_text",
        "priority": 1,
        "first_run": "r",
        "last_run": "r",
        "state": "concur",
        "decision": "concur",
        "reviewers": ["anna"],
        "decision_ids": ["d"],
    } | changes
    place = (known["shard"], known["row_index"], known["row_id"], known["occurrence"])
    key = item_key(known["dataset"], *place, known["field"], known["turn"])
    return {name: (known | {"item_key": key}).get(name) for name in DECIDED.names}


def write_decisions(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """A decisions file with these places, sorted as an export has them."""
    ordered = sorted(rows, key=lambda row: (row["shard"], row["row_index"]))
    schema = DECIDED.with_metadata({"review_head": "h" * 64})
    pq.write_table(pa.Table.from_pylist(ordered, schema), path)


ROWS = 20
"""Rows of each of the three shards of `write_data`."""


def text(shard: int, row: int) -> str:
    """Text of a row of `write_data`."""
    return f"In shard {shard}, the soup of day {row} was too salty."


def write_data() -> None:
    """Three shards with ids, in ``data`` in the working directory; each fifth row has a parent."""
    Path("data").mkdir()
    for shard in range(3):
        columns: dict[str, Any] = {
            "id": [f"id-{shard}-{row}" for row in range(ROWS)],
            "text": [text(shard, row) for row in range(ROWS)],
            "parent": [[f"id-{shard}-{row - 1}"] if row % 5 == 0 else [] for row in range(ROWS)],
        }
        pq.write_table(pa.table(columns), f"data/p{shard}.parquet", row_group_size=8)


def decisions(places: Sequence[tuple[int, int]], with_ids: bool = False, **changes: Any) -> None:
    """Writes ``decided.parquet`` about (shard, row) of `write_data`."""
    rows = []
    for shard, row in places:
        own = {"row_id": f"id-{shard}-{row}"} if with_ids else {}
        about = {"source": f"s{shard}", "stage": "sft"} | own | changes
        rows.append(decided(f"p{shard}.parquet", row, text(shard, row), **about))
    write_decisions(Path("decided.parquet"), rows)


def purge(*more: str, out: str = "purged", data: str = "data/*.parquet") -> int:
    """Exit code of ``scrubtrace purge``, where nothing has to be preserved."""
    given = ("--out", out, "--hold-decision", "none", "--quiet")
    return code_of("purge", data, *given, *more)


def record(out: str = "purged") -> dict[str, Any]:
    """The predicate of a removal record."""
    statement = json.loads(Path(out, "removal", "record.json").read_text())
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    predicate: dict[str, Any] = statement["predicate"]
    return predicate


def ids(out: str = "purged") -> list[str]:
    """Ids of the rows that are left."""
    paths = sorted(Path(out, "shards").glob("*.parquet"))
    return [value for path in paths for value in pq.read_table(path).column("id").to_pylist()]


def without(*gone: str) -> list[str]:
    """All ids of `write_data` but these."""
    everything = [f"id-{shard}-{row}" for shard in range(3) for row in range(ROWS)]
    return [own for own in everything if own not in gone]
