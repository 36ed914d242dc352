"""Removal: which rows are to go, what became of them, and what a removal record rests on."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

import pyarrow as pa

from scrubtrace.schemas.plan import Chat

FORMAT = 1


class Reason(StrEnum):
    """Why a row is removed."""

    REVIEWED = "reviewed"
    VERBATIM = "verbatim"
    LISTED = "listed"


class Problem(StrEnum):
    """Why a row that the policy names was not removed.

    ``elsewhere``: its shard is not among the inputs, nor is its id; the purge was of other shards.
    ``not_seen_again``: it is not there, as a scan after the decision had found already.
    """

    ELSEWHERE = "elsewhere"
    NOT_SEEN_AGAIN = "not_seen_again"
    GONE = "gone"
    CHANGED = "changed"
    OTHER_ID = "other_id"
    AMBIGUOUS = "ambiguous"
    NO_TEXT = "no_text"
    UNREADABLE = "unreadable"


EXPECTED = (Problem.ELSEWHERE, Problem.NOT_SEEN_AGAIN)
"""Problems that leave nothing to be done."""

ABSENT = (Problem.GONE, Problem.CHANGED, Problem.OTHER_ID, Problem.AMBIGUOUS, Problem.NO_TEXT)
"""Problems of a text that is not where it was; of one not seen again they were to be expected."""

WANTED = pa.schema(
    [
        pa.field("shard", pa.string()),
        pa.field("row_index", pa.int64()),
        pa.field("row_id", pa.string()),
        pa.field("field", pa.string()),
        pa.field("turn", pa.int64()),
        pa.field("text_digest", pa.string()),
        pa.field("key_id", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("item_key", pa.string()),
        pa.field("source", pa.string()),
        pa.field("stage", pa.string()),
        pa.field("unseen", pa.bool_()),
    ]
)
"""One row a text, or a whole row (``field`` null), that is to go, and why.

``shard`` and ``row_index`` are where it was seen last; null where only its id is known. With a
``text_digest`` the row is removed only if its text still has it. ``unseen``: a scan after the
decision did not find it again.
"""

REMOVED = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("row_key", pa.string(), nullable=False),
        pa.field("whole", pa.bool_(), nullable=False),
        pa.field("turns", pa.list_(pa.int64()), nullable=False),
        pa.field("turn_fields", pa.list_(pa.string()), nullable=False),
        pa.field("reasons", pa.list_(pa.string()), nullable=False),
        pa.field("item_keys", pa.list_(pa.string()), nullable=False),
        pa.field("source", pa.string()),
        pa.field("stage", pa.string()),
        pa.field("digest", pa.binary(8), nullable=False),
    ]
)
"""One row a row that went (``whole``) or lost turns, in the order of the shards.

``turn_fields`` has the text column of each of ``turns``. ``row_key`` is the `item_key` of the row
as such: of its dataset and id, or shard and index, without a field. ``digest`` is the keyed digest
of the row as it was.
"""

NOT_REMOVED = pa.schema([*WANTED, pa.field("problem", pa.string(), nullable=False)])
"""What the policy names but was not removed, and why; see `Problem`."""


def problem_of(entry: Mapping[str, Any], problem: Problem) -> Problem:
    """The problem of a row of `WANTED`: to be expected if a scan did not find the text either."""
    return Problem.NOT_SEEN_AGAIN if entry["unseen"] and problem in ABSENT else problem


BLOCK_ROWS = 512
"""Rows of a block of `ROW_DIGESTS`."""

ROW_DIGESTS = pa.schema(
    [
        pa.field("start", pa.int64(), nullable=False),
        pa.field("rows", pa.binary(), nullable=False),
        pa.field("columns", pa.binary(), nullable=False),
    ]
)
"""One row a block of `BLOCK_ROWS` rows of a shard as it was written.

``rows`` has 8 bytes a row, ``columns`` 8 bytes a column: keyed digests of the row, and of the
values of the column in these rows. The schema metadata has ``columns`` (their names, as JSON) and
``key_id``.
"""

ROW_MAP = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("old_start", pa.int64(), nullable=False),
        pa.field("old_stop", pa.int64(), nullable=False),
        pa.field("new_start", pa.int64()),
    ]
)
"""Where rows of a shard are now: runs of rows that stayed together; ``new_start`` null: removed."""

SAMPLE = pa.schema(
    [
        pa.field("item_key", pa.string(), nullable=False),
        pa.field("stratum", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("turn", pa.int64()),
        pa.field("text_digest", pa.string(), nullable=False),
        pa.field("key_id", pa.string()),
    ]
)
"""The texts of an audit batch that was drawn from the purged shards, by key.

``key_id`` null: the digest is by a key that the review table does not know any more.
"""

ITEM_MAP = pa.schema(
    [
        pa.field("item_key", pa.string(), nullable=False),
        pa.field("new_item_key", pa.string()),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("new_row_index", pa.int64()),
        pa.field("turn", pa.int64()),
        pa.field("new_turn", pa.int64()),
    ]
)
"""Places of the decisions file whose key, row or turn is another one now; null: removed."""


@dataclass(frozen=True)
class PurgeSpec:
    """Everything that a worker has to know of a purge besides its unit.

    ``by_turn``: a decision on a turn removes the turn, not the row. ``quarantine``: removed rows
    are kept apart. ``group_bytes`` is how much of a row group is held decoded at a time.
    ``basis`` is the digest of what else decides: the policy and what it reads.
    """

    dataset: str
    id_column: str | None
    chat: Chat
    by_turn: bool
    quarantine: bool
    key_id: str
    retired_key_ids: tuple[str, ...]
    key_file: str | None
    batch_bytes: int
    group_bytes: int
    lineage_column: str | None
    basis: str

    def to_json(self) -> str:
        """The specification as JSON, keys sorted."""
        return json.dumps({"format": FORMAT} | asdict(self), sort_keys=True, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "PurgeSpec":
        """The specification read back; raises ValueError for one of another format."""
        data = json.loads(text)
        if data.pop("format", None) != FORMAT:
            raise ValueError("a purge of another format")
        data["chat"] = Chat(**(data["chat"] | {"roles": tuple(data["chat"]["roles"])}))
        data["retired_key_ids"] = tuple(data["retired_key_ids"])
        return cls(**data)


@dataclass
class ShardReceipt:
    """What became of one shard. Digests are SHA-256 of whole files, empty if there is none.

    ``copied``: no row was removed, so that the file is the input byte for byte. ``not_kept`` names
    properties of the file that the new one does not have. ``error`` is why it was not written, or
    why a copied one could not be read.
    """

    shard: str
    input_sha256: str = ""
    sha256: str = ""
    digests_sha256: str = ""
    quarantine_sha256: str = ""
    copied: bool = False
    rows_before: int = 0
    rows_after: int = 0
    rows_removed: int = 0
    turns_removed: int = 0
    derived_rows: int = 0
    not_kept: list[str] = field(default_factory=list)
    error: str = ""


@dataclass
class PurgeReceipt:
    """One unit of whole shards, written last: a unit without a receipt has not been purged."""

    unit: str
    shards: list[ShardReceipt]
    removed_sha256: str = ""
    problems: Counter[str] = field(default_factory=Counter)

    @property
    def rows(self) -> int:
        """Rows read."""
        return sum(shard.rows_before for shard in self.shards)

    @property
    def findings(self) -> int:
        """Rows that were removed, or lost turns."""
        return sum(shard.rows_removed for shard in self.shards)

    def to_json(self) -> bytes:
        """The receipt as JSON, keys sorted, so that equal purges give equal bytes."""
        return json.dumps(self, default=vars, sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def from_json(cls, content: bytes) -> "PurgeReceipt":
        """The receipt read back."""
        data: dict[str, Any] = json.loads(content)
        data["shards"] = [ShardReceipt(**entry) for entry in data["shards"]]
        data["problems"] = Counter(data["problems"])
        return cls(**data)
