"""What a decision is made of: its id, and its line in the digest of an import."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import RowMapping

from scrubtrace.review.trail.events import canonical, sha256_of

NAMED_BY = (
    "batch",
    "reviewer",
    "item_key",
    "row_version",
    "scope",
    "decision",
    "reason",
    "comment",
)
"""What the id is a digest of: what the file and its reviewer said.

The same file twice gives the same ids, also when the table has moved on in between.
"""

CONTENT = (
    "decision_id",
    "text_digest",
    "key_id",
    "dataset",
    "run_id",
    "evidence_fingerprint",
    "line",
    *NAMED_BY,
)
"""What the digest of an import is about, besides the two times of a decision."""

Values = Mapping[str, Any] | RowMapping


def id_of(decision: Values) -> str:
    """Id of a decision: ``d`` and 32 hexadecimal digits."""
    return "d" + sha256_of([decision[name] for name in NAMED_BY])[:32]


def content_line(decision: Values) -> str:
    """Everything that a decision says, as one line of JSON."""
    times = [decision[name].isoformat() for name in ("decided_at", "imported_at")]
    return canonical([*(decision[name] for name in CONTENT), *times])
