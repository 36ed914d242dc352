"""The plan of a run: shards, dead shards, units of rows, and what a worker has to know."""

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from scrubtrace.schemas.vocabulary import ALL_ROLES, ANSWERING_ROLES

PLAN = pa.schema(
    [
        pa.field("unit", pa.string()),
        pa.field("run", pa.string()),
        pa.field("detectors", pa.list_(pa.string()), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("size", pa.int64()),
        pa.field("modified", pa.string()),
        pa.field("footer_digest", pa.string()),
        pa.field("shard_rows", pa.int64()),
        pa.field("start", pa.int64()),
        pa.field("stop", pa.int64()),
        pa.field("dead_reason", pa.string()),
        pa.field("dead_detail", pa.string()),
    ]
)
"""One row a range of a shard to scan, a shard with current results, or a dead shard.

A range has its ``unit`` and the ``detectors`` to run on it. A shard with current results has the
``run`` that made them, and the detectors that they are of. A dead shard has its ``dead_reason``.
"""

SPEC_FORMAT = 2
"""Format of the specification; runs of another format are left alone."""


@dataclass(frozen=True)
class Shard:
    """One readable Parquet file: where it is, its name within the dataset, and its identity."""

    path: str
    name: str
    size: int
    modified: str
    footer_digest: str
    rows: int


@dataclass(frozen=True)
class DeadShard:
    """One input that cannot be read as asked, with the reason; it counts as one dead shard."""

    path: str
    name: str
    reason: str
    detail: str


@dataclass(frozen=True)
class RowRange:
    """Rows ``start`` to ``stop`` (half open) of one shard."""

    shard: Shard
    start: int
    stop: int

    @property
    def rows(self) -> int:
        """Number of rows in the range."""
        return self.stop - self.start


@dataclass(frozen=True)
class Unit:
    """What one worker scans at a time: ranges of one shard, or several tiny shards packed.

    ``detectors`` names those that run on it: all that have no current results for its shards.
    """

    key: str
    ranges: tuple[RowRange, ...]
    detectors: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows in the unit."""
        return sum(row_range.rows for row_range in self.ranges)


@dataclass(frozen=True)
class Kept:
    """A shard that an earlier ``run`` has current results of, and the detectors they are from."""

    shard: Shard
    run: str
    detectors: tuple[str, ...]


@dataclass(frozen=True)
class Work:
    """What a plan says: units to scan, results to keep, and shards that cannot be read."""

    units: tuple[Unit, ...]
    kept: tuple[Kept, ...] = ()
    dead: tuple[DeadShard, ...] = ()

    @property
    def shard_names(self) -> set[str]:
        """Names of the shards that are scanned or kept."""
        scanned = {r.shard.name for unit in self.units for r in unit.ranges}
        return scanned | {kept.shard.name for kept in self.kept}

    @property
    def rows(self) -> int:
        """Rows to scan: those of the units."""
        return sum(unit.rows for unit in self.units)


@dataclass(frozen=True)
class Chat:
    """How chat rows are read: the fields of a turn (None: recognised) and whose turns count."""

    role_field: str | None = None
    content_field: str | None = None
    roles: tuple[str, ...] = ANSWERING_ROLES

    def with_all_roles(self) -> "Chat":
        """The same fields, with the turns of every role."""
        return replace(self, roles=(ALL_ROLES,))

    @property
    def judged_roles(self) -> frozenset[str] | None:
        """The roles whose turns are judged, case folded; None for all."""
        folded = frozenset(role.strip().casefold() for role in self.roles)
        return None if ALL_ROLES in folded else folded


@dataclass(frozen=True)
class Columns:
    """Paths of the user's columns: names of top-level columns, or with dots of fields in them."""

    text: str | tuple[str, ...]
    id: str | None = None
    language: str | None = None
    groups: dict[str, str] = field(default_factory=dict)
    chat: Chat = Chat()

    @property
    def texts(self) -> tuple[str, ...]:
        """Paths of the text columns, in the order in which the texts of a row are judged."""
        return (self.text,) if isinstance(self.text, str) else self.text

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Columns":
        """The columns read back from JSON."""
        chat = data["chat"]
        lists = {"text": tuple(data["text"]) if isinstance(data["text"], list) else data["text"]}
        return cls(**(data | lists | {"chat": Chat(**(chat | {"roles": tuple(chat["roles"])}))}))


@dataclass(frozen=True)
class DetectorSpec:
    """One detector as planned: its name, the user's options, and what identifies its results."""

    name: str
    version: str
    lane: str
    fingerprint: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RunSpec:
    """Everything that a worker has to know of a run besides its unit; written as ``run.json``."""

    dataset: str
    columns: Columns
    detectors: tuple[DetectorSpec, ...]
    key_id: str
    key_file: str | None
    language_identifier: str
    batch_rows: int
    batch_bytes: int
    spans_per_signal: int
    snippet_chars: int
    sample: float | None = None
    retired_key_ids: tuple[str, ...] = ()

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Ids of the digest keys that the workers hold, the active one first."""
        return (self.key_id, *self.retired_key_ids)

    def basis(self) -> str:
        """Digest of what results depend on besides shard and detector: equal means comparable."""
        digests = (self.key_id, self.language_identifier)
        caps = (self.spans_per_signal, self.snippet_chars)
        parts = [self.dataset, asdict(self.columns), *digests, *caps]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> str:
        """The specification as JSON, keys sorted."""
        return json.dumps({"format": SPEC_FORMAT} | asdict(self), sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "RunSpec":
        """The specification read back; raises ValueError for one of another format."""
        data = json.loads(text)
        if (found := data.pop("format", 1)) != SPEC_FORMAT:
            raise ValueError(f"a run of format {found}, this version has {SPEC_FORMAT}")
        data["columns"] = Columns.from_dict(data["columns"])
        data["detectors"] = tuple(DetectorSpec(**spec) for spec in data["detectors"])
        data["retired_key_ids"] = tuple(data.get("retired_key_ids", ()))
        return cls(**data)
