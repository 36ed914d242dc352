"""Places with their decisions: what ``review export --format parquet`` writes."""

import pyarrow as pa

from scrubtrace.schemas.vocabulary import GROUPS

DECIDED = pa.schema(
    [
        pa.field("item_key", pa.string(), nullable=False),
        pa.field("row_version", pa.int64(), nullable=False),
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("occurrence", pa.int64(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("turn", pa.int64()),
        pa.field("language", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in GROUPS),
        pa.field("text_digest", pa.string(), nullable=False),
        pa.field("key_id", pa.string(), nullable=False),
        pa.field("evidence_fingerprint", pa.string(), nullable=False),
        pa.field("flagged", pa.bool_(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("priority", pa.int64(), nullable=False),
        pa.field("first_run", pa.string(), nullable=False),
        pa.field("last_run", pa.string(), nullable=False),
        pa.field("unseen_run", pa.string()),
        pa.field("state", pa.string(), nullable=False),
        pa.field("decision", pa.string()),
        pa.field("reviewers", pa.list_(pa.string()), nullable=False),
        pa.field("decision_ids", pa.list_(pa.string()), nullable=False),
    ]
)
"""One row a place, those of a shard together and in order; no text of the row.

``state`` is a `scrubtrace.schemas.review.State`. ``decision`` is what reviewers agree on, null
while they do not or something is open; ``reviewers`` and ``decision_ids`` are of the decisions that
count, oldest first. The schema metadata has ``review_head``, the head of the event log before the
export.
"""
