"""Findings and dead letters: the parts that a scan writes, one a unit and detector."""

import pyarrow as pa

from scrubtrace.schemas.evidence import SPAN_FIELDS
from scrubtrace.schemas.vocabulary import GROUPS

_EARLIER_DIGEST = pa.struct(
    [
        pa.field("key_id", pa.string(), nullable=False),
        pa.field("digest", pa.string(), nullable=False),
    ]
)

FINDINGS = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("turn", pa.int32()),
        pa.field("language", pa.string(), nullable=False),
        *(pa.field(name, pa.string()) for name in GROUPS),
        pa.field("text_digest", pa.string(), nullable=False),
        pa.field("earlier_digests", pa.list_(_EARLIER_DIGEST), nullable=False),
        pa.field("text_chars", pa.int64(), nullable=False),
        pa.field("evidence", pa.list_(pa.struct(SPAN_FIELDS)), nullable=False),
        pa.field("spans_left_out", pa.int64(), nullable=False),
        pa.field("snippet", pa.string(), nullable=False),
        pa.field("snippet_start", pa.int64(), nullable=False),
    ]
)
"""One row a judged text for which the detector has any evidence, flagged later or not.

``field`` is the path of the text column, ``turn`` counts all turns of a list from 0 and is null
where the column holds one text a row. Sorted by (shard, row_index, field in the order of the
configuration, turn). The detector's name, version, lane and fingerprint are in the schema metadata
of the part. ``text_digest`` was made with the active key; ``earlier_digests`` has one entry a
retired key and is empty as a rule. ``evidence`` holds at most ``spans_per_signal`` spans of each
signal; ``spans_left_out`` counts the others.
"""

DEAD_LETTERS = pa.schema(
    [
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("field", pa.string()),
        pa.field("turn", pa.int32()),
        pa.field("detector", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
    ]
)
"""One row a row or text that could not be judged (``detector`` null: by none). Never any text.

``field`` and ``turn`` name the text at fault; both are null where the row could not be read.
"""
