"""What a decision is made of: its id, and its line in the digest of an import.

Neither holds what can be erased: the reviewer is a person, the comment a salted digest. Decisions
from before revision 0004 of the schema have another form, with the name and the comment themselves;
the event of their import names no form.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.engine import RowMapping

from scrubtrace.review.trail.events import canonical, sha256_of

FORM = 2
"""How decisions are stored today; the event of an import names it."""

NAMED_BY = (
    "batch",
    "reviewer",
    "item_key",
    "row_version",
    "scope",
    "decision",
    "reason",
)
"""What the id is a digest of, besides the comment: what the file and its reviewer said."""

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
"""What the digest of an import is about, besides the comment and the two times of a decision."""

_COMMENT = {1: "comment", FORM: "comment_digest"}

Values = Mapping[str, Any] | RowMapping


def id_of(decision: Values, form: int = FORM) -> str:
    """Id of a decision: ``d`` and 32 hexadecimal digits."""
    return "d" + sha256_of([decision[name] for name in (*NAMED_BY, _COMMENT[form])])[:32]


def content_line(decision: Values, form: int = FORM) -> str:
    """Everything that a decision says, as one line of JSON."""
    names = (*CONTENT, _COMMENT[form])
    times = [decision[name].isoformat() for name in ("decided_at", "imported_at")]
    return canonical([*(decision[name] for name in names), *times])
