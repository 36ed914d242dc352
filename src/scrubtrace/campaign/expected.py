"""The shards that a data set of a campaign should have: files that are there, or an inventory."""

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from scrubtrace.beam_pipelines.planning import PlanError, read_inputs
from scrubtrace.config import text_of
from scrubtrace.exits import UsageStop
from scrubtrace.schemas.campaign import ExpectedData
from scrubtrace.schemas.plan import Columns, Shard

INVENTORY = ("shard", "rows", "bytes")


@dataclass(frozen=True)
class ExpectedShard:
    """One shard that there should be; None for what nobody has said.

    ``file`` is the file as it is now. ``unreadable`` is why it cannot be read.
    """

    name: str
    path: str | None = None
    rows: int | None = None
    bytes: int | None = None
    file: Shard | None = None
    unreadable: str | None = None


@dataclass(frozen=True)
class Expected:
    """The expected shards by name, and columns of text that files have, if there are files."""

    shards: tuple[ExpectedShard, ...]
    text_columns: frozenset[str] = field(default_factory=frozenset)


def expected_shards(data: ExpectedData) -> Expected:
    """What a data set should have; raises `UsageStop` for inputs that cannot be looked up."""
    if data.inventory is not None:
        return Expected(tuple(_listed(data.inventory)))
    try:
        found = read_inputs(data.inputs, Columns(()), data.name, data.root)
    except PlanError as error:
        raise UsageStop(f"data set {data.name!r} of the campaign: {error}") from None
    shards = [ExpectedShard(s.name, s.path, s.rows, s.size, s) for s in found.shards]
    shards += [ExpectedShard(d.name, d.path, unreadable=d.detail) for d in found.dead]
    columns = {field.name for footer in found.footers for field in footer.schema if _is_text(field)}
    return Expected(tuple(sorted(shards, key=lambda s: s.name)), frozenset(columns))


def _is_text(field: pa.Field) -> bool:
    kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _listed(path: str) -> list[ExpectedShard]:
    """The shards of an inventory; raises `UsageStop` that names the line."""
    reader = csv.DictReader(io.StringIO(text_of(Path(path)).removeprefix("\ufeff")))
    names = reader.fieldnames or []
    if "shard" not in names:
        raise UsageStop(f"{path}: the first line must name the column shard, and rows and bytes")
    found: dict[str, ExpectedShard] = {}
    for row in reader:
        where = f"{path}:{reader.line_num}"
        name = (row["shard"] or "").strip()
        if not name:
            raise UsageStop(f"{where}: column shard is empty: write the name of the shard")
        if name in found:
            raise UsageStop(f"{where}: shard {name} is there twice: leave one line of it")
        rows, size = (_number(where, key, row.get(key)) for key in INVENTORY[1:])
        found[name] = ExpectedShard(name, None, rows, size)
    if not found:
        raise UsageStop(f"{path}: there is no shard in it")
    return [found[name] for name in sorted(found)]


def _number(where: str, column: str, value: str | None) -> int | None:
    text = (value or "").strip()
    if not text:
        return None
    if not text.isdecimal():
        raise UsageStop(f"{where}: column {column} must be a whole number, or empty")
    return int(text)
