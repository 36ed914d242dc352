"""What the check of calls writes: every call as it was judged, and findings."""

import pyarrow as pa

_VIOLATION = pa.struct(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("terms", pa.string()),
        pa.field("message", pa.int32()),
        pa.field("start", pa.int64()),
        pa.field("end", pa.int64()),
    ]
)
_NOT_JUDGED = pa.struct(
    [
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
    ]
)
_EXAMPLE = pa.struct(
    [
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
    ]
)

LABELS = ("project", "purpose", "market", "model")

CHECKED_CALLS = pa.schema(
    [
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("file", pa.string(), nullable=False),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("at", pa.string()),
        *(pa.field(name, pa.string()) for name in LABELS),
        pa.field("terms", pa.string()),
        pa.field("caller", pa.string()),
        pa.field("key", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("violations", pa.list_(_VIOLATION), nullable=False),
        pa.field("not_judged", pa.list_(_NOT_JUDGED), nullable=False),
    ]
)
"""One row a call, in the order of the log; no text of it.

``at`` is ISO 8601 in UTC, null where time or zone is unknown. Labels are ids of the register, else
what the log says. ``caller`` and ``key`` are keyed digests; where the log has no key, ``key`` is
the caller's. The id of the digest key is in the schema metadata.
"""

CALL_FINDINGS = pa.schema(
    [
        pa.field("finding", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("action", pa.string(), nullable=False),
        pa.field("value", pa.string()),
        pa.field("terms", pa.string()),
        *(pa.field(name, pa.string()) for name in LABELS),
        pa.field("caller", pa.string()),
        pa.field("calls", pa.int64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        pa.field("first", pa.string()),
        pa.field("last", pa.string()),
        pa.field("examples", pa.list_(_EXAMPLE), nullable=False),
    ]
)
"""One row a finding: calls that break one rule in the same way, by the same caller.

``finding`` is ``f`` and 16 hexadecimal digits that stay the same from check to check. Sorted by
severity, rule and the other columns. ``examples`` has the first calls with file and line of the
log; findings about training data have shard and row index there.
"""

JOINED_CALLS = pa.schema(
    [
        pa.field("dataset", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row_index", pa.int64(), nullable=False),
        pa.field("row_id", pa.string()),
        pa.field("field", pa.string(), nullable=False),
        pa.field("turn", pa.int32()),
        pa.field("row_market", pa.string()),
        pa.field("match", pa.string(), nullable=False),
        pa.field("strength", pa.string(), nullable=False),
        pa.field("part", pa.string(), nullable=False),
        pa.field("call_id", pa.string(), nullable=False),
        pa.field("at", pa.string()),
        *(pa.field(name, pa.string()) for name in LABELS),
        pa.field("terms", pa.string()),
        pa.field("caller", pa.string()),
        pa.field("prompt_tokens", pa.int64()),
        pa.field("completion_tokens", pa.int64()),
        pa.field("rules", pa.list_(pa.string()), nullable=False),
        pa.field("market_flow", pa.string(), nullable=False),
    ]
)
"""One row a text of training data that matches a call: it holds the answer, or was in the prompt.

``part`` is a `scrubtrace.schemas.references.Part`; ``rules`` are those that the call breaks.
``market_flow`` is ``same``, ``allowed``, ``other_market`` or ``unknown``.
"""
